import AdaLoRA
import Kernels
import Testing

@Suite("SVDLinear")
struct SVDLinearTests {
  private static let rows = 3
  private static let inputs = 6
  private static let outputs = 5

  private struct Setup {
    let store = AdapterStore()
    let layer: SVDLinear
    let weight: [Float]
    let bias: [Float]
    let x: [Float]
    let dy: [Float]

    init() {
      var random = RandomSource(seed: 21)
      func normal(_ n: Int) -> [Float] { (0..<n).map { _ in Float(random.normal()) } }
      weight = normal(SVDLinearTests.outputs * SVDLinearTests.inputs)
      bias = normal(SVDLinearTests.outputs)
      x = normal(SVDLinearTests.rows * SVDLinearTests.inputs)
      dy = normal(SVDLinearTests.rows * SVDLinearTests.outputs)
      layer = SVDLinear(
        weight: weight, bias: bias, outputSize: SVDLinearTests.outputs, inputSize: SVDLinearTests.inputs, rank: 4,
        alpha: 8, in: store)
      store.markTrainable(seed: 5)
    }

    /// Σ dy·y, whose gradient of y is dy.
    func loss(_ x: [Float]) -> Double {
      zip(layer.forward(x), dy).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
  }

  @Test("changes nothing at the start, since λ = 0")
  func startsAsTheBase() {
    let s = Setup()
    let y = s.layer.forward(s.x)
    for row in 0..<Self.rows {
      for o in 0..<Self.outputs {
        let expected = (0..<Self.inputs).reduce(s.bias[o]) {
          $0 + s.x[row * Self.inputs + $1] * s.weight[o * Self.inputs + $1]
        }
        #expect(abs(y[row * Self.outputs + o] - expected) < 1e-5)
      }
    }
  }

  @Test("gradients of x, P, λ and Q equal finite differences")
  func gradients() {
    let s = Setup()
    var random = RandomSource(seed: 22)
    random.fillNormal(s.store.block.weights, count: s.store.block.count, deviation: 0.5)
    _ = s.layer.forward(s.x)
    s.store.zeroGradients()
    let dx = s.layer.backward(s.dy)
    let h: Float = 1e-2
    for i in s.x.indices {
      var above = s.x
      var below = s.x
      above[i] += h
      below[i] -= h
      #expect(abs((s.loss(above) - s.loss(below)) / Double(2 * h) - Double(dx[i])) < 2e-3)
    }
    let layout = s.store.adapters[0].layout
    for (offset, count) in [(layout.pOffset, 20), (layout.qOffset, 24), (layout.lambdaOffset ?? 0, 4)] {
      for i in offset..<offset + count {
        let w = s.store.block.weights[i]
        s.store.block.weights[i] = w + h
        let above = s.loss(s.x)
        s.store.block.weights[i] = w - h
        let below = s.loss(s.x)
        s.store.block.weights[i] = w
        #expect(abs((above - below) / Double(2 * h) - Double(s.store.block.gradients[i])) < 2e-3)
      }
    }
  }

  @Test("the scale is α/(r₀ + 1e-5)")
  func scale() {
    let s = Setup()
    #expect(abs(Double(s.store.adapters[0].scale) - 8 / (4 + 1e-5)) < 1e-6)
  }
}
