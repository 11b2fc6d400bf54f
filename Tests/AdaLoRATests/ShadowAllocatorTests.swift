import Kernels
import Testing

@testable import AdaLoRA

/// A made run: three adapters, random gradients each step, an allocator and shadows.
private final class MadeRun {
  static let (modules, rank, steps, d1, d2) = (3, 4, 24, 5, 7)
  let store = AdapterStore()
  let allocator: RankAllocator
  var shadows: [ShadowAllocator] = []
  private var random = RandomSource(seed: 5)
  private let pool: WorkerPool?
  private(set) var step = 0

  init(
    scoring: ScoringRule = .smoothed, dialect: Dialect = .peft, method: any AllocationMethod = AdaLoRAMethod(),
    pool: WorkerPool? = nil
  ) {
    for k in 0..<Self.modules {
      _ = store.addAdapter(
        name: "m\(k)", outputSize: Self.d1, inputSize: Self.d2, rank: Self.rank, alpha: 16,
        parameterization: method.parameterization)
    }
    _ = store.addDense(name: "head", shape: [3, 5], initialDeviation: 0.1)
    store.markTrainable(seed: 3)
    var random = RandomSource(seed: 4)
    for k in 0..<Self.modules where method.parameterization.hasLambda {
      random.fillNormal(store.lambda(k), count: Self.rank, deviation: 1)
    }
    self.pool = pool
    allocator = RankAllocator(
      store, initialRank: Self.rank, targetRank: 2, initialWarmup: 3, finalWarmup: 5, maskInterval: 2,
      totalSteps: Self.steps, method: method, scoring: scoring, dialect: dialect, seed: 9)
  }

  @discardableResult
  func add(_ change: (inout ShadowSettings) -> Void) -> ShadowAllocator {
    var settings = ShadowSettings()
    change(&settings)
    let shadow = ShadowAllocator(settings, beside: allocator, from: step)
    shadows.append(shadow)
    return shadow
  }

  /// One step; `beforeMask` sees the weights as the scores do.
  func train(beforeMask: () -> Void = {}) throws {
    allocator.prepareStep(clips: true)
    random.fillNormal(store.block.gradients, count: store.block.count, deviation: 1)
    store.update(
      AdamW(learningRate: 0.05), count: step + 1, gradientScale: 0.5, allocator: allocator, shadows: shadows, on: pool)
    beforeMask()
    for shadow in shadows { shadow.mask(step: step) }
    try allocator.mask(step: step)
    step += 1
  }

  /// Everything that the run's bits are.
  var contents: [[Float]] {
    let arrays: [MutableFloatPointer] = [
      store.block.weights, store.moments.first, store.moments.second, store.smoothedSensitivity, store.uncertainty,
    ]
    return arrays.map { Array(UnsafeBufferPointer(start: $0, count: store.block.count)) }
      + ScoringRule.allCases.map { rule in
        (0..<allocator.scores.count).map { allocator.scores.score($0, by: rule) }
      }
  }
}

@Suite("Shadow allocators")
struct ShadowAllocatorTests {
  @Test("the run's bits are the same with shadows of every kind as without", arguments: Dialect.allCases)
  func leavesTheRun(dialect: Dialect) throws {
    let alone = MadeRun(dialect: dialect)
    let watched = MadeRun(dialect: dialect)
    for rule in ScoringRule.allCases { watched.add { $0.score = rule } }
    watched.add {
      $0.beta1 = 0.5
      $0.target = 3
    }
    watched.add {
      $0.tinit = 0
      $0.tfinal = 1
      $0.deltaT = 1
      $0.beta2 = 0.1
    }
    var differed: Set<Int> = []
    for step in 0..<MadeRun.steps {
      try alone.train()
      try watched.train()
      #expect(watched.contents == alone.contents, "step \(step)")
      #expect(watched.allocator.state == alone.allocator.state, "step \(step)")
      for (index, shadow) in watched.shadows.enumerated() where shadow.allocator.kept != alone.allocator.kept {
        differed.insert(index)
      }
    }
    // Each decided something of its own, but the first, which is of the run's rule.
    #expect(differed == Set(1..<watched.shadows.count))
    #expect(watched.shadows[5].allocator.keptCount == 9)
  }

  @Test(
    "with the run's own settings it keeps the run's own pattern at every step",
    arguments: ScoringRule.allCases, Dialect.allCases)
  func sameSettings(rule: ScoringRule, dialect: Dialect) throws {
    let run = MadeRun(scoring: rule, dialect: dialect)
    run.add { $0.score = rule }
    run.add { $0.target = 2 }
    // These smooth in a memory of their own.
    run.add { $0.beta1 = 0.85 }
    run.add { $0.tfinal = 5 }
    for step in 0..<MadeRun.steps {
      try run.train()
      for shadow in run.shadows {
        #expect(shadow.allocator.kept == run.allocator.kept, "step \(step), \(shadow.settings)")
        #expect(shadow.budget == run.allocator.schedule.budget(at: step))
        #expect(shadow.allocator.isFrozen == run.allocator.isFrozen)
      }
      #expect(run.shadows[0].allocator.threshold == run.allocator.threshold)
    }
    #expect(run.allocator.maskCount > 5 && run.allocator.keptCount == 6)
  }

  @Test("so it does whatever the method, which a shadow of another target leaves alone", arguments: methods)
  func sameMethod(method: ListedMethod) throws {
    let alone = MadeRun(method: method.method)
    let run = MadeRun(method: method.method)
    run.add { $0.score = .smoothed }
    run.add { $0.target = 3 }
    for step in 0..<MadeRun.steps {
      try alone.train()
      try run.train()
      #expect(run.shadows[0].allocator.kept == run.allocator.kept, "step \(step)")
      #expect(run.contents == alone.contents, "step \(step)")
    }
    #expect(run.shadows[1].allocator.kept != run.allocator.kept)
    #expect(run.shadows[1].allocator.keptCount == 9)
  }

  private static let methods = ListedMethod.allCases.filter(\.method.allocates)

  @Test("its Ī, Ū, scores and choice are those of a naive twin")
  func naiveTwin() throws {
    let run = MadeRun()
    let shadow = run.add {
      $0.beta1 = 0.5
      $0.beta2 = 0.7
      $0.target = 1
      $0.deltaT = 3
    }
    let block = run.store.block
    var ibar = [Double](repeating: 0, count: block.count)
    var ubar = ibar
    var kept = [Bool](repeating: true, count: 12)
    for step in 0..<MadeRun.steps {
      var scores: [Double] = []
      try run.train {
        guard step < 19 else { return }
        for j in 0..<block.count {
          let i = abs(Double(block.weights[j]) * Double(block.gradients[j]) * 0.5)
          ibar[j] = 0.5 * ibar[j] + 0.5 * i
          ubar[j] = 0.7 * ubar[j] + 0.3 * abs(i - ibar[j])
        }
      }
      for adapter in run.store.adapters {
        let layout = adapter.layout
        for i in 0..<MadeRun.rank {
          func mean(_ offset: Int, _ n: Int) -> Double {
            (0..<n).reduce(0) { $0 + ibar[offset + i * n + $1] * ubar[offset + i * n + $1] } / Double(n)
          }
          scores.append(
            mean(layout.lambdaOffset ?? 0, 1) + mean(layout.pOffset, MadeRun.d1) + mean(layout.qOffset, MadeRun.d2))
        }
      }
      let left = 1 - Double(step - 3) / 16
      let budget = step <= 3 ? 12 : step > 19 ? 3 : Int(9 * left * left * left + 3)
      if step > 3, step <= 19, step % 3 == 0 || step == 19 {
        let best = Set(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(budget))
        kept = scores.indices.map { best.contains($0) }
      }
      #expect(shadow.allocator.kept == kept, "step \(step)")
      #expect(shadow.budget == budget)
      for (i, score) in scores.enumerated() {
        #expect(abs(Double(shadow.allocator.scores.score(i, by: .smoothed)) - score) <= 1e-5 * score)
      }
    }
    #expect(kept.count { $0 } == 3)
  }

  @Test("magnitude is of λ as it was before the run's mask")
  func magnitude() throws {
    let run = MadeRun()
    let shadow = run.add { $0.score = .magnitude }
    for step in 0..<MadeRun.steps {
      var lambda: [Float] = []
      try run.train { lambda = (0..<12).map { abs(run.store.lambda($0 / 4)[$0 % 4]) } }
      guard step > 3, step < 19, step % 2 == 0 else { continue }
      let budget = run.allocator.schedule.budget(at: step)
      let best = Set(lambda.indices.sorted { (lambda[$0], $1) > (lambda[$1], $0) }.prefix(budget))
      #expect(shadow.allocator.kept == lambda.indices.map { best.contains($0) }, "step \(step)")
    }
  }

  @Test("it follows the run's changes in all that it does not set itself")
  func follows() throws {
    let run = MadeRun()
    let rule = run.add { $0.score = .random }
    let own = run.add {
      $0.target = 1
      $0.beta1 = 0.5
      $0.deltaT = 4
    }
    let late = run.add { $0.tfinal = 2 }
    for step in 0..<MadeRun.steps {
      if step == 8 {
        let isChanged = run.allocator.schedule.setTarget(9, at: 8)
        #expect(isChanged && run.allocator.schedule.setMaskInterval(1, at: 8))
        run.allocator.beta1 = 0.9
        run.allocator.beta2 = 0.8
      }
      try run.train()
    }
    #expect(rule.allocator.schedule == run.allocator.schedule)
    #expect(rule.allocator.beta1 == 0.9)
    #expect(own.allocator.beta1 == 0.5 && own.allocator.beta2 == 0.8)
    #expect(own.allocator.schedule.targetBudget == 3 && own.allocator.schedule.maskInterval == 4)
    #expect(own.allocator.schedule.anchors.count == 1)
    #expect(late.allocator.schedule.targetBudget == 9 && late.allocator.schedule.finalStep == 22)
    #expect(late.allocator.schedule.anchors.last?.step == 8)
    #expect([rule, own, late].map(\.allocator.keptCount) == [9, 3, 9])
  }

  @Test("one that comes later begins with the run's pattern, Ī and Ū, and its target acts from then on")
  func comesLater() throws {
    let run = MadeRun()
    for _ in 0..<9 { try run.train() }
    let same = run.add { $0.beta2 = 0.85 }
    let low = run.add { $0.target = 0 }
    #expect(same.allocator.kept == run.allocator.kept && run.allocator.keptCount < 12)
    #expect(low.allocator.schedule.anchors.last == BudgetSchedule.Anchor(step: 9, budget: 7, target: 0))
    for step in 9..<MadeRun.steps {
      try run.train()
      #expect(same.allocator.kept == run.allocator.kept, "step \(step)")
    }
    #expect(low.allocator.keptCount == 0)
  }

  @Test("any number of workers chooses alike", arguments: [2, 7])
  func workers(count: Int) throws {
    let alone = MadeRun()
    let shared = MadeRun(pool: WorkerPool(count: count))
    for run in [alone, shared] { run.add { $0.beta1 = 0.3 } }
    for _ in 0..<MadeRun.steps {
      try alone.train()
      try shared.train()
    }
    let patterns = [alone, shared].map { $0.shadows[0].allocator }
    #expect(patterns[0].kept == patterns[1].kept)
    #expect(patterns[0].maskScores == patterns[1].maskScores)
  }

  @Test("what cannot be is told with its bound")
  func objections() throws {
    let run = MadeRun()
    func objection(_ change: (inout ShadowSettings) -> Void) -> String? {
      var settings = ShadowSettings()
      change(&settings)
      return ShadowAllocator.objection(to: settings, beside: run.allocator, from: run.step)
    }
    #expect(objection { $0.target = 4 } == nil)
    #expect(objection { $0.target = 4.5 } == "target 4.5 must lie between 0 and the initial rank 4")
    #expect(objection { $0.target = -1 } == "target -1.0 must lie between 0 and the initial rank 4")
    #expect(objection { $0.beta1 = 1 } == "beta1 1.0 must lie between 0 and 1")
    #expect(objection { $0.beta2 = .nan } == "beta2 nan must lie between 0 and 1")
    #expect(objection { $0.deltaT = 0 } == "deltaT 0 must be at least 1")
    #expect(objection { $0.tfinal = 21 } == "tinit 3 and tfinal 21 must leave some of the 24 steps between them")
    #expect(objection { $0.tinit = .max }?.hasSuffix("tfinal 5 must leave some of the 24 steps between them") == true)
    for _ in 0..<15 { try run.train() }
    #expect(objection { $0.tfinal = 12 } == "its pattern would be final from step 12 on")
    for _ in 15..<20 { try run.train() }
    #expect(objection { $0.score = .random } == "the run's pattern is final since step 19")
  }
}
