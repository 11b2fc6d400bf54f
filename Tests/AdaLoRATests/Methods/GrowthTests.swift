// The methods that start small, against their rules written the long way.

import Kernels
import Testing

@testable import AdaLoRA

@Suite("Methods that grow")
struct GrowthTests {
  private static let rank = 5
  private static let modules = 6

  private func makeStore(_ sizes: [(Int, Int)] = Array(repeating: (6, 8), count: modules)) -> AdapterStore {
    let store = AdapterStore()
    for (k, size) in sizes.enumerated() {
      _ = store.addAdapter(name: "m\(k)", outputSize: size.0, inputSize: size.1, rank: Self.rank, alpha: 16)
    }
    store.markTrainable(seed: 3)
    return store
  }

  private func makeAllocator(
    _ store: AdapterStore, _ method: any AllocationMethod, unit: BudgetUnit = .rank,
    scoring: ScoringRule = .smoothed
  ) -> RankAllocator {
    RankAllocator(
      store, initialRank: Self.rank, targetRank: 3, initialWarmup: 4, finalWarmup: 8, maskInterval: 2,
      totalSteps: 40, method: method, unit: unit, scoring: scoring, seed: 5)
  }

  /// A step as the trainer has it, on random gradients.
  private func step(_ store: AdapterStore, _ allocator: RankAllocator, _ t: Int, _ random: inout RandomSource) throws {
    allocator.prepareStep(clips: false)
    random.fillNormal(store.block.gradients, count: store.block.count, deviation: 1)
    store.update(AdamW(learningRate: 1e-2), count: t + 1, allocator: allocator)
    try allocator.mask(step: t)
  }

  private func ask(_ scores: [Float], budget: Int, progress: Double = 0) -> MaskQuestion {
    MaskQuestion(
      budget: budget, prices: TripletPrices(modules: scores.count / Self.rank), scores: scores, rank: Self.rank,
      progress: progress)
  }

  @Test("IncreLoRA gives one triplet more to each of the best modules by the sum of their kept scores")
  func increLoRA() {
    var random = RandomSource(seed: 1)
    for _ in 0..<200 {
      var ranks = (0..<Self.modules).map { _ in 1 + random.index(below: Self.rank) }
      let scores = (0..<Self.modules * Self.rank).map { _ in Float(random.index(below: 50)) }
      var kept = scores.indices.map { $0 % Self.rank < ranks[$0 / Self.rank] }
      let total = ranks.reduce(0, +)
      let budget = total + random.index(below: Self.modules * Self.rank - total + 1)
      // One at a time: the best of those that have had none in this round.
      let sums = (0..<Self.modules).map { k in (0..<ranks[k]).reduce(Float(0)) { $0 + scores[k * Self.rank + $1] } }
      var waiting = Set(ranks.indices)
      while ranks.reduce(0, +) < budget {
        if waiting.allSatisfy({ ranks[$0] == Self.rank }) { waiting = Set(ranks.indices) }
        let best = waiting.filter { ranks[$0] < Self.rank }.max { (sums[$0], -$0) < (sums[$1], -$1) }
        guard let best else { break }
        ranks[best] += 1
        waiting.remove(best)
      }
      #expect(IncreLoRAMethod().select(ask(scores, budget: budget), kept: &kept) == nil)
      #expect(kept == scores.indices.map { $0 % Self.rank < ranks[$0 / Self.rank] })
    }
  }

  @Test("ElaLoRA prunes the lowest of each module's two lowest and gives to the modules of the highest of these")
  func elaLoRA() {
    var random = RandomSource(seed: 2)
    for trial in 0..<200 {
      let scores = (0..<Self.modules * Self.rank).map { _ in Float(random.index(below: 40)) }
      var kept = scores.map { _ in random.uniform() < 0.6 }
      for k in 0..<Self.modules { kept[k * Self.rank] = true }
      let before = kept
      let progress = Double(trial % 5) / 4
      let count = [4, 4, 4, 2, 0][trial % 5]
      var pool: [(score: Float, triplet: Int)] = []
      for k in 0..<Self.modules {
        var own = (k * Self.rank..<(k + 1) * Self.rank).filter { before[$0] }.map { (score: scores[$0], triplet: $0) }
        own.sort { $0.score != $1.score ? $0.score < $1.score : $0.triplet < $1.triplet }
        pool += own.prefix(own.count >= 3 ? 2 : own.count - 1)
      }
      pool.sort { $0.score != $1.score ? $0.score < $1.score : $0.triplet < $1.triplet }
      let pruned = pool.prefix(count)
      var expected = (0..<Self.modules).map { k in (0..<Self.rank).count { before[k * Self.rank + $0] } }
      let held = expected
      var left = pruned.count
      for entry in pool.reversed() where left > 0 {
        let k = entry.triplet / Self.rank
        // What is pruned now is not free yet.
        guard expected[k] < Self.rank else { continue }
        expected[k] += 1
        left -= 1
      }
      for entry in pruned { expected[entry.triplet / Self.rank] -= 1 }
      let threshold = ElaLoRAMethod().select(
        ask(scores, budget: held.reduce(0, +), progress: progress), kept: &kept)
      #expect((0..<Self.modules).map { k in (0..<Self.rank).count { kept[k * Self.rank + $0] } } == expected)
      #expect(pruned.allSatisfy { !kept[$0.triplet] })
      #expect(threshold == pruned.last?.score)
    }
  }

  @Test("what waits is no part of ΔW between steps, IncreLoRA's learns under 1e-5 in them, and the budget is kept")
  func waiting() throws {
    for (method, held) in [(IncreLoRAMethod() as any AllocationMethod, Float(1e-5)), (ElaLoRAMethod(), 0)] {
      let store = makeStore()
      let allocator = makeAllocator(store, method)
      var random = RandomSource(seed: 7)
      var last = allocator.keptCount
      #expect(last == Self.modules * (held > 0 ? 1 : 3))
      for t in 0..<40 {
        allocator.prepareStep(clips: true)
        let inside = store.adapters.indices.flatMap { store.sizes($0) }
        #expect(inside.indices.allSatisfy { allocator.kept[$0] || inside[$0] == (allocator.isFrozen ? 0 : held) })
        let before = allocator.kept
        try step(store, allocator, t, &random)
        let after = store.adapters.indices.flatMap { store.sizes($0) }
        #expect(after.indices.allSatisfy { allocator.kept[$0] || after[$0] == 0 })
        if held > 0 { #expect(before.indices.allSatisfy { !before[$0] || allocator.kept[$0] }) }
        if t >= 32 { #expect(allocator.keptCount == Self.modules * 3) }
        // What ElaLoRA prunes is not always given: a module may have no room.
        #expect(held > 0 ? allocator.keptCount >= last : allocator.keptCount <= Self.modules * 3)
        last = allocator.keptCount
        #expect(allocator.nonzeroCount <= allocator.keptCount)
      }
      #expect(allocator.isFrozen && allocator.ranks.reduce(0, +) == Self.modules * 3)
    }
  }

  @Test("a triplet that ElaLoRA takes in has λ = 0 and unit P and Q, orthogonal to its module's")
  func startsAnew() {
    let store = makeStore([(20, 30)])
    let layout = store.adapters[0].layout
    var random = RandomSource(seed: 8)
    for (offset, count) in [(layout.pOffset, 20), (layout.qOffset, 30)] {
      // Orthonormal rows.
      for i in 0..<Self.rank { store.block.weights[offset + i * count + 2 * i] = 1 }
      for i in 0..<Self.rank {
        for j in 0..<count where j != 2 * i { store.block.weights[offset + i * count + j] = 0 }
      }
      (store.smoothedSensitivity + offset).update(repeating: 1, count: Self.rank * count)
    }
    store.lambda(0)[2] = 4
    store.startAnew(0, 2, among: { $0 != 4 }, &random)
    #expect(store.lambda(0)[2] == 0)
    for (offset, count) in [(layout.pOffset, 20), (layout.qOffset, 30)] {
      func row(_ i: Int) -> [Float] { (0..<count).map { store.block.weights[offset + i * count + $0] } }
      for i in 0..<Self.rank {
        let dot = zip(row(2), row(i)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        if i == 2 { #expect(abs(dot - 1) < 1e-5) } else if i != 4 { #expect(abs(dot) < 1e-5) }
      }
      #expect((0..<count).allSatisfy { store.smoothedSensitivity[offset + 2 * count + $0] == 0 })
      #expect(store.smoothedSensitivity[offset + count] == 1)
    }
  }

  @Test("by parameters no more is spent than b(t) of the mean triplet, and a changed target is followed")
  func parameters() throws {
    let sizes = [(4, 4), (4, 12), (6, 6), (16, 4), (8, 8), (4, 20)]
    for method in [IncreLoRAMethod() as any AllocationMethod, ElaLoRAMethod()] {
      let store = makeStore(sizes)
      let allocator = makeAllocator(store, method, unit: .parameters)
      var random = RandomSource(seed: 9)
      for t in 0..<40 {
        if t == 20 { _ = allocator.schedule.setTarget(4 * Self.modules, at: t) }
        try step(store, allocator, t, &random)
        let spent = allocator.prices.cost(allocator.kept, rank: Self.rank)
        #expect(spent <= allocator.prices.limit(of: max(allocator.schedule.budget(at: t), 3 * Self.modules)))
        if t == 39 { #expect(spent > 3 * 96 && spent <= 4 * 96) }
      }
    }
  }

  @Test("a uniform IncreLoRA keeps all modules alike, a uniform ElaLoRA exchanges nothing")
  func uniform() throws {
    for method in [IncreLoRAMethod() as any AllocationMethod, ElaLoRAMethod()] {
      let store = makeStore()
      let allocator = makeAllocator(store, method, scoring: .uniform)
      var random = RandomSource(seed: 10)
      for t in 0..<40 { try step(store, allocator, t, &random) }
      #expect(allocator.ranks == Array(repeating: 3, count: Self.modules))
    }
  }
}
