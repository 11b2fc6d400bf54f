import AdaLoRA
import Kernels
import Testing

@Suite("LoRA with pruned doublets")
struct PrunedLoRATests {
  private func make() -> (AdapterStore, RankAllocator) {
    let store = AdapterStore()
    for k in 0..<3 {
      _ = store.addAdapter(
        name: "m\(k)", outputSize: 5, inputSize: 7, rank: 4, alpha: 16, parameterization: LoRAParameterization())
    }
    store.markTrainable(seed: 3)
    let allocator = RankAllocator(
      store, initialRank: 4, targetRank: 2, initialWarmup: 2, finalWarmup: 4, maskInterval: 1, totalSteps: 20,
      method: PrunedLoRAMethod())
    return (store, allocator)
  }

  @Test("S is mean s(B) + mean s(A); a mask zeroes the columns of B and leaves A; exactly b(t) stay")
  func masks() throws {
    let (store, allocator) = make()
    var random = RandomSource(seed: 4)
    for t in 0..<20 {
      random.fillNormal(store.block.gradients, count: store.block.count, deviation: 1)
      store.update(AdamW(learningRate: 1e-2), count: t + 1, allocator: allocator)
      func mean(_ offset: Int, _ count: Int) -> Float {
        (0..<count).reduce(0) { $0 + store.smoothedSensitivity[offset + $1] * store.uncertainty[offset + $1] }
          / Float(count)
      }
      let a = (0..<3).map { k in (0..<28).map { store.block.weights[store.adapters[k].layout.qOffset + $0] } }
      for i in 0..<12 where t < 16 {
        let layout = store.adapters[i / 4].layout
        let expected = mean(layout.pOffset + i % 4 * 5, 5) + mean(layout.qOffset + i % 4 * 7, 7)
        #expect(abs(allocator.scores.score(i, by: .smoothed) - expected) <= 1e-5 * expected)
      }
      let allocation = try allocator.mask(step: t)
      #expect(a == (0..<3).map { k in (0..<28).map { store.block.weights[store.adapters[k].layout.qOffset + $0] } })
      let sizes = (0..<3).flatMap { store.sizes($0) }
      if allocation.masked {
        #expect(allocator.keptCount == allocation.budget)
        #expect(sizes.indices.allSatisfy { (sizes[$0] != 0) == allocator.kept[$0] })
        #expect(allocator.nonzeroCount == allocator.keptCount)
      }
    }
    #expect(allocator.ranks.reduce(0, +) == 6)
  }

  @Test("the size of a doublet is the norm of its part of B·A")
  func sizes() {
    let (store, _) = make()
    var random = RandomSource(seed: 6)
    random.fillNormal(store.block.weights, count: store.block.count, deviation: 1)
    let layout = store.adapters[1].layout
    var square = 0.0
    for i in 0..<5 {
      for j in 0..<7 {
        let element =
          Double(store.block.weights[layout.pOffset + 10 + i]) * Double(store.block.weights[layout.qOffset + 14 + j])
        square += element * element
      }
    }
    #expect(abs(Double(store.sizes(1)[2]) - square.squareRoot()) < 1e-5 * square.squareRoot())
  }

  @Test("a doublet may come back: B has a gradient where it is zero")
  func comesBack() throws {
    let (store, allocator) = make()
    var random = RandomSource(seed: 5)
    var returned = false
    for t in 0..<16 {
      let before = allocator.kept
      random.fillNormal(store.block.gradients, count: store.block.count, deviation: 1)
      store.update(AdamW(learningRate: 0.1), count: t + 1, allocator: allocator)
      try allocator.mask(step: t)
      returned = returned || zip(before, allocator.kept).contains { !$0 && $1 }
    }
    #expect(returned)
  }
}
