import AdaLoRA
import Kernels
import Testing

@Suite("Rank allocator")
struct RankAllocatorTests {
  /// A store of `modules` adapters (5×7) of rank 4, with random λ and, each step, random gradients.
  private func makeStore(modules: Int = 3, rank: Int = 4) -> AdapterStore {
    let store = AdapterStore()
    for k in 0..<modules { _ = store.addAdapter(name: "m\(k)", outputSize: 5, inputSize: 7, rank: rank, alpha: 16) }
    store.markTrainable(seed: 3)
    var random = RandomSource(seed: 4)
    for k in 0..<modules { random.fillNormal(store.lambda(k), count: rank, deviation: 1) }
    return store
  }

  private func fillGradients(_ store: AdapterStore, _ random: inout RandomSource) {
    for adapter in store.adapters {
      let layout = adapter.layout
      random.fillNormal(store.block.gradients + layout.pOffset, count: layout.rank * 5, deviation: 1)
      random.fillNormal(store.block.gradients + layout.qOffset, count: layout.rank * 7, deviation: 1)
      if let offset = layout.lambdaOffset {
        random.fillNormal(store.block.gradients + offset, count: layout.rank, deviation: 1)
      }
    }
  }

  private func makeAllocator(
    _ store: AdapterStore, target: Int = 2, tinit: Int = 2, tfinal: Int = 4, deltaT: Int = 1, steps: Int = 20,
    scoring: ScoringRule = .smoothed, dialect: Dialect = .peft, followsReference: Bool = false
  ) -> RankAllocator {
    RankAllocator(
      store, initialRank: 4, targetRank: target, initialWarmup: tinit, finalWarmup: tfinal, maskInterval: deltaT,
      totalSteps: steps, scoring: scoring, dialect: dialect, followsReference: followsReference)
  }

  @Test("scores are Ī·Ū by the paper's equations, term by term")
  func scores() {
    let store = makeStore(modules: 1)
    let allocator = makeAllocator(store)
    var random = RandomSource(seed: 5)
    let layout = store.adapters[0].layout
    let count = store.block.count
    var ibar = [Double](repeating: 0, count: count)
    var ubar = ibar
    for step in 0..<5 {
      fillGradients(store, &random)
      allocator.updateSensitivity(step: step)
      for j in 0..<count {
        let i = abs(Double(store.block.weights[j]) * Double(store.block.gradients[j]))
        ibar[j] = 0.85 * ibar[j] + 0.15 * i
        ubar[j] = 0.85 * ubar[j] + 0.15 * abs(i - ibar[j])
      }
    }
    for i in 0..<4 {
      func mean(_ offset: Int, _ n: Int) -> Double {
        (0..<n).reduce(0.0) { $0 + ibar[offset + i * n + $1] * ubar[offset + i * n + $1] } / Double(n)
      }
      let lambda = (layout.lambdaOffset ?? 0) + i
      let expected = ibar[lambda] * ubar[lambda] + mean(layout.pOffset, 5) + mean(layout.qOffset, 7)
      #expect(abs(Double(allocator.scores.score(i, by: .smoothed)) - expected) < 1e-5 * expected)
    }
  }

  @Test("exactly b(t) triplets stay at every mask, and P and Q are never touched", arguments: Dialect.allCases)
  func keepsBudget(dialect: Dialect) throws {
    let store = makeStore()
    let allocator = makeAllocator(store, dialect: dialect)
    var random = RandomSource(seed: 6)
    for step in 0..<20 {
      fillGradients(store, &random)
      let p = (0..<20).map { store.block.weights[store.adapters[1].layout.pOffset + $0] }
      let allocation = try allocator.updateAndMask(step: step)
      #expect(allocation.budget == allocator.schedule.budget(at: step))
      if allocation.masked { #expect(allocator.keptCount == allocation.budget) }
      #expect((0..<20).map { store.block.weights[store.adapters[1].layout.pOffset + $0] } == p)
      for k in 0..<3 {
        for i in 0..<4 where allocation.masked && !allocator.kept[k * 4 + i] { #expect(store.lambda(k)[i] == 0) }
      }
    }
    #expect(allocator.ranks.reduce(0, +) == 6)
  }

  @Test("PEFT masks at T − t_f whatever ΔT says, loralib only on the grid")
  func lastBudgetingStep() throws {
    for (dialect, masked) in [(Dialect.peft, true), (.loralib, false)] {
      let store = makeStore()
      let allocator = makeAllocator(store, tfinal: 5, deltaT: 7, steps: 20, dialect: dialect)
      var random = RandomSource(seed: 7)
      for step in 0..<15 {
        fillGradients(store, &random)
        try allocator.updateAndMask(step: step)
      }
      #expect(try allocator.updateAndMask(step: 15).masked == masked)
      #expect(allocator.isFrozen == masked)
      #expect(try allocator.updateAndMask(step: 16).masked)
      #expect(allocator.isFrozen)
    }
  }

  @Test("the final pattern stands whatever λ and gradients do")
  func frozenPattern() throws {
    let store = makeStore()
    let allocator = makeAllocator(store)
    var random = RandomSource(seed: 8)
    for step in 0...16 {
      fillGradients(store, &random)
      try allocator.updateAndMask(step: step)
    }
    let pattern = allocator.kept
    for step in 17..<20 {
      fillGradients(store, &random)
      for k in 0..<3 { random.fillNormal(store.lambda(k), count: 4, deviation: 1) }
      try allocator.updateAndMask(step: step)
      #expect(allocator.kept == pattern)
      #expect((0..<12).allSatisfy { (store.lambda($0 / 4)[$0 % 4] != 0) == pattern[$0] })
    }
  }

  @Test("a target equal to the initial rank prunes nothing")
  func targetIsInitial() throws {
    let store = makeStore()
    let allocator = makeAllocator(store, target: 4)
    var random = RandomSource(seed: 9)
    for step in 0..<20 {
      fillGradients(store, &random)
      try allocator.updateAndMask(step: step)
    }
    #expect(allocator.ranks == [4, 4, 4])
    #expect(allocator.threshold == nil)
  }

  @Test("with t_f = 0 the last step masks to b_T, but not where the reference is followed")
  func noFinalPhase() throws {
    for (follows, kept) in [(false, 6), (true, 12)] {
      let store = makeStore()
      let allocator = makeAllocator(store, tfinal: 0, deltaT: 100, followsReference: follows)
      var random = RandomSource(seed: 10)
      for step in 0..<20 {
        fillGradients(store, &random)
        try allocator.updateAndMask(step: step)
      }
      #expect(allocator.keptCount == kept)
    }
  }

  @Test("equal scores still leave exactly b(t)")
  func equalScores() throws {
    let store = makeStore()
    let allocator = makeAllocator(store)
    for step in 0..<20 { try allocator.updateAndMask(step: step) }
    #expect(allocator.keptCount == 6)
    #expect(allocator.ranks == [4, 2, 0])
  }

  @Test("a score that is not finite is named and nothing is masked")
  func nonFinite() throws {
    let store = makeStore()
    let allocator = makeAllocator(store)
    var random = RandomSource(seed: 11)
    for step in 0..<3 {
      fillGradients(store, &random)
      try allocator.updateAndMask(step: step)
    }
    let before = allocator.kept
    store.block.gradients[store.adapters[1].layout.qOffset + 2 * 7 + 3] = .nan
    let lambda = (0..<12).map { store.lambda($0 / 4)[$0 % 4] }
    let error = #expect(throws: NonFiniteScore.self) { try allocator.updateAndMask(step: 3) }
    #expect(error?.module == "m1")
    #expect(error?.triplet == 2)
    #expect(allocator.kept == before)
    #expect((0..<12).map { store.lambda($0 / 4)[$0 % 4] } == lambda)
  }

  @Test("magnitude prunes the smallest |λ|")
  func magnitude() throws {
    let store = makeStore(modules: 1)
    for (i, value) in [Float(0.3), -2, 0.1, 1].enumerated() { store.lambda(0)[i] = value }
    let allocator = makeAllocator(store, tinit: 0, tfinal: 1, steps: 2, scoring: .magnitude)
    try allocator.updateAndMask(step: 1)
    #expect(allocator.kept == [false, true, false, true])
    #expect(store.lambda(0)[0] == 0 && store.lambda(0)[1] == -2)
  }

  @Test("random draws once a run, by its seed")
  func random() throws {
    func pattern(seed: UInt64) throws -> [Bool] {
      let store = makeStore()
      let allocator = RankAllocator(
        store, initialRank: 4, targetRank: 2, initialWarmup: 2, finalWarmup: 4, maskInterval: 1, totalSteps: 20,
        scoring: .random, seed: seed)
      var random = RandomSource(seed: 12)
      var seen: [[Bool]] = []
      for step in 0..<20 {
        fillGradients(store, &random)
        try allocator.updateAndMask(step: step)
        seen.append(allocator.kept)
      }
      // The draw does not change, so what is pruned once stays pruned.
      for (earlier, later) in zip(seen, seen.dropFirst()) {
        #expect(zip(earlier, later).allSatisfy { $0 || !$1 })
      }
      return allocator.kept
    }
    #expect(try pattern(seed: 1) == pattern(seed: 1))
    #expect(try pattern(seed: 1) != pattern(seed: 2))
  }

  @Test("pruned triplets can come back before the final phase")
  func comesBack() throws {
    let store = makeStore(modules: 1)
    let allocator = makeAllocator(store, tinit: 0, tfinal: 1, steps: 30, scoring: .magnitude)
    var everReturned = false
    var random = RandomSource(seed: 13)
    for step in 0..<29 {
      let before = allocator.kept
      random.fillNormal(store.lambda(0), count: 4, deviation: 1)
      try allocator.updateAndMask(step: step)
      everReturned = everReturned || zip(before, allocator.kept).contains { !$0 && $1 }
    }
    #expect(everReturned)
  }
}
