import AdaLoRA
import Kernels
import Testing

@Suite("Orthogonality regulariser")
struct OrthogonalityTests {
  private func makeStore() -> AdapterStore {
    let store = AdapterStore()
    _ = store.addAdapter(name: "a", outputSize: 9, inputSize: 6, rank: 3, alpha: 16)
    _ = store.addAdapter(name: "b", outputSize: 4, inputSize: 11, rank: 3, alpha: 16)
    store.markTrainable(seed: 1)
    var random = RandomSource(seed: 2)
    random.fillNormal(store.block.weights, count: store.block.count, deviation: 0.4)
    return store
  }

  /// R by its definition, in double.
  private func naive(_ store: AdapterStore, _ dialect: Dialect) -> Double {
    var sum = 0.0
    for adapter in store.adapters {
      for (offset, columns) in [
        (adapter.layout.pOffset, adapter.outputSize), (adapter.layout.qOffset, adapter.inputSize),
      ] {
        var square = 0.0
        for i in 0..<3 {
          for j in 0..<3 {
            var dot = i == j ? -1.0 : 0
            for c in 0..<columns {
              dot +=
                Double(store.block.weights[offset + i * columns + c])
                * Double(store.block.weights[offset + j * columns + c])
            }
            square += dot * dot
          }
        }
        sum += dialect == .paper ? square : square.squareRoot() / 4
      }
    }
    return sum
  }

  @Test("equals its definition, and its gradient finite differences", arguments: Dialect.allCases)
  func gradient(dialect: Dialect) {
    let store = makeStore()
    store.zeroGradients()
    let r = store.orthogonalityRegularization(weight: 0.7, dialect: dialect)
    #expect(abs(r - naive(store, dialect)) < 1e-5 * r)
    for adapter in store.adapters {
      for (offset, count) in [
        (adapter.layout.pOffset, 3 * adapter.outputSize), (adapter.layout.qOffset, 3 * adapter.inputSize),
      ] {
        for i in offset..<offset + count {
          let w = store.block.weights[i]
          let h: Float = 1e-2
          store.block.weights[i] = w + h
          let above = naive(store, dialect)
          store.block.weights[i] = w - h
          let below = naive(store, dialect)
          store.block.weights[i] = w
          let expected = 0.7 * (above - below) / Double(2 * h)
          #expect(abs(Double(store.block.gradients[i]) - expected) < 2e-3 * max(abs(expected), 0.1))
        }
      }
    }
  }

  @Test("the norms are those of each P and Q, and their mean is R; nothing is changed")
  func norms() {
    let store = makeStore()
    store.zeroGradients()
    let before = (0..<store.block.count).map { store.block.weights[$0] }
    let norms = OrthogonalityRegularizer.norms(store)
    #expect((0..<store.block.count).map { store.block.weights[$0] } == before)
    #expect((0..<store.block.count).allSatisfy { store.block.gradients[$0] == 0 })
    #expect(norms.count == 4)
    let r = store.orthogonalityRegularization(weight: 0, dialect: .peft)
    #expect(abs(norms.reduce(0) { $0 + Double($1) } / 4 - r) < 1e-6 * r)
    // Q of the second adapter loses its length: ‖0 − I‖_F = √3, and no other norm moves.
    let q = store.adapters[1].layout.qOffset
    for i in q..<q + 3 * 11 { store.block.weights[i] = 0 }
    let shorter = OrthogonalityRegularizer.norms(store)
    #expect(Array(shorter[..<3]) == Array(norms[..<3]))
    #expect(abs(shorter[3] - Float(3).squareRoot()) < 1e-6)
  }

  @Test("a γ of 0 leaves the gradients alone")
  func zeroWeight() {
    let store = makeStore()
    store.zeroGradients()
    #expect(store.orthogonalityRegularization(weight: 0) > 0)
    #expect((0..<store.block.count).allSatisfy { store.block.gradients[$0] == 0 })
  }

  @Test("the gradient of an orthonormal factor is 0, not NaN")
  func orthonormal() {
    let store = AdapterStore()
    _ = store.addAdapter(name: "a", outputSize: 3, inputSize: 3, rank: 2, alpha: 1)
    store.markTrainable()
    store.block.weights.update(repeating: 0, count: store.block.count)
    for offset in [store.adapters[0].layout.pOffset, store.adapters[0].layout.qOffset] {
      store.block.weights[offset] = 1
      store.block.weights[offset + 3 + 1] = 1
    }
    #expect(store.orthogonalityRegularization(weight: 1) == 0)
    #expect((0..<store.block.count).allSatisfy { store.block.gradients[$0] == 0 })
  }
}
