import AdaLoRA
import Kernels
import Testing

@Suite("The update of a store")
struct UpdateTests {
  /// Adapters of unlike shapes, a head, and gradients everywhere.
  private func makeStore(parameterization: any Parameterization = SVDParameterization()) -> AdapterStore {
    let store = AdapterStore()
    for (k, shape) in [(5, 7), (33, 64), (100, 3), (16, 16)].enumerated() {
      _ = store.addAdapter(
        name: "m\(k)", outputSize: shape.0, inputSize: shape.1, rank: 4, alpha: 16, parameterization: parameterization)
    }
    _ = store.addDense(name: "head", shape: [3, 50], initialDeviation: 0.1)
    store.markTrainable(seed: 3)
    var random = RandomSource(seed: 4)
    random.fillNormal(store.block.weights, count: store.block.count, deviation: 1)
    random.fillNormal(store.block.gradients, count: store.block.count, deviation: 1)
    return store
  }

  private func makeAllocator(_ store: AdapterStore, dialect: Dialect = .peft) -> RankAllocator {
    RankAllocator(
      store, initialRank: 4, targetRank: 2, initialWarmup: 2, finalWarmup: 4, maskInterval: 1, totalSteps: 20,
      dialect: dialect)
  }

  private func contents(_ store: AdapterStore) -> [[Float]] {
    let arrays: [MutableFloatPointer] = [
      store.block.weights, store.block.gradients, store.moments.first, store.moments.second, store.smoothedSensitivity,
      store.uncertainty,
    ]
    return arrays.map { Array(UnsafeBufferPointer(start: $0, count: store.block.count)) }
  }

  private func scores(_ allocator: RankAllocator) -> [Float] {
    ScoringRule.allCases.flatMap { rule in
      (0..<allocator.scores.count).map { allocator.scores.score($0, by: rule) }
    }
  }

  @Test("any number of workers gives the bits of one", arguments: [2, 3, 7, 40])
  func workers(count: Int) {
    let (alone, shared) = (makeStore(), makeStore())
    let (one, many) = (makeAllocator(alone), makeAllocator(shared))
    let pool = WorkerPool(count: count)
    for step in 0..<3 {
      alone.update(AdamW(learningRate: 0.1), count: step + 1, gradientScale: 0.5, allocator: one)
      shared.update(AdamW(learningRate: 0.1), count: step + 1, gradientScale: 0.5, allocator: many, on: pool)
    }
    #expect(contents(shared) == contents(alone))
    #expect(scores(many) == scores(one))
    #expect(contents(alone)[1] == contents(makeStore())[1])
  }

  @Test("with an allocator it does what the step and the sensitivities do apart", arguments: Dialect.allCases)
  func fused(dialect: Dialect) {
    let (apart, atOnce) = (makeStore(), makeStore())
    let (first, second) = (makeAllocator(apart, dialect: dialect), makeAllocator(atOnce, dialect: dialect))
    for step in 0..<3 {
      if dialect == .paper { first.updateSensitivity(step: step) }
      apart.update(AdamW(learningRate: 0.1), count: step + 1)
      if dialect != .paper { first.updateSensitivity(step: step) }
      atOnce.update(AdamW(learningRate: 0.1), count: step + 1, allocator: second)
    }
    func areClose(_ a: [Float], _ b: [Float]) -> Bool {
      zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(abs($0), abs($1), 1e-3) }
    }
    #expect(zip(contents(atOnce), contents(apart)).allSatisfy(areClose))
    #expect(areClose(scores(second), scores(first)))
    #expect(scores(second).contains { $0 > 0 })
  }

  @Test("from T − t_f on only the optimizer acts")
  func finalPhase() {
    let store = makeStore()
    let allocator = makeAllocator(store)
    store.update(AdamW(learningRate: 0.1), count: 16, allocator: allocator)
    let before = (contents(store), scores(allocator))
    store.update(AdamW(learningRate: 0.1), count: 17, allocator: allocator)
    #expect(contents(store)[0] != before.0[0])
    #expect(Array(contents(store)[4...]) == Array(before.0[4...]))
    #expect(scores(allocator) == before.1)
  }

  @Test("adapters without λ and a head take every step")
  func lowRankAlone() {
    let store = makeStore(parameterization: LoRAParameterization())
    let before = contents(store)[0]
    store.update(AdamW(learningRate: 0.1, weightDecay: 0), count: 1)
    for adapter in store.adapters {
      let layout = adapter.layout
      for i in 0..<layout.rank * adapter.outputSize {
        #expect(abs(abs(store.block.weights[layout.pOffset + i] - before[layout.pOffset + i]) - 0.1) < 1e-5)
      }
    }
    let head = store.dense[0]
    for i in head.offset..<head.offset + head.count {
      #expect(abs(abs(store.block.weights[i] - before[i]) - 0.1) < 1e-5)
    }
  }

  @Test("an allocator set back to before its final pattern counts as then and leaves nothing out")
  func setBack() throws {
    let store = makeStore()
    let allocator = makeAllocator(store)
    let before = allocator.state
    allocator.leaveOutPruned(true)
    #expect(!allocator.leavesOutPruned)
    for step in 0..<18 { try allocator.updateAndMask(step: step) }
    allocator.leaveOutPruned(true)
    #expect(allocator.leavesOutPruned && allocator.keptCount == 8)
    let final = allocator.state
    allocator.state = before
    #expect(!allocator.leavesOutPruned && allocator.keptCount == 16)
    allocator.state = final
    #expect(allocator.keptCount == 8)
  }
}
