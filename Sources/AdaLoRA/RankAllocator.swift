// The allocator: smooths sensitivities, scores triplets, and masks them to the budget as its method says.

import Kernels

/// A score that is not a number; the mask was not applied.
public struct NonFiniteScore: Error, CustomStringConvertible, Sendable {
  public let step: Int
  public let module: String
  public let triplet: Int
  public var description: String { "step \(step): the score of triplet \(triplet) of \(module) is not finite" }
}

/// Scores the triplets of an `AdapterStore` and masks λ to the budget b(t), by AdaLoRA or another method.
///
/// Call `updateAndMask(step:)` after each optimizer step, before the gradients are zeroed. Source: section 3 and
/// algorithm 1 of the paper; `RankAllocator` of PEFT and loralib.
public final class RankAllocator {
  /// What one step's allocation did.
  public struct Allocation: Sendable, Equatable {
    /// b(t).
    public var budget: Int
    /// Whether λ were masked in this step.
    public var masked: Bool
  }

  public let store: AdapterStore
  public let method: any AllocationMethod
  public let scoring: ScoringRule
  public let dialect: Dialect
  public var schedule: BudgetSchedule
  public var beta1: Double
  public var beta2: Double
  public let scores: TripletScores
  /// What a kept triplet costs of b(t).
  public let prices: TripletPrices
  /// Whether each triplet was kept by the last mask; before the first, what the method starts with.
  public internal(set) var kept: [Bool]
  /// The largest score that the last mask pruned; nil before the first and where nothing was pruned.
  public internal(set) var threshold: Float?
  /// Masks so far.
  public internal(set) var maskCount = 0
  /// S by the run's rule, as the last mask used it.
  public internal(set) var maskScores: [Float]
  /// Whether the pattern is final.
  public internal(set) var isFrozen = false
  /// Whether the pruned triplets are left out of all products.
  public private(set) var leavesOutPruned = false

  private let rule: any AllocationRule
  private let seed: UInt64
  /// Whether the reference's own edge cases are kept (ties pruned, t_f = 0 never forces a mask).
  private let followsReference: Bool
  /// Whether it decides beside another allocator, whose run it leaves as it is.
  private let isShadow: Bool
  /// Where a shadow smooths by itself; nil where its scores are the run's, and in the run's own allocator.
  let memory: SensitivityMemory?

  /// - Parameters:
  ///   - store: every adapter of the same rank, that which the method has room for, marked trainable.
  ///   - initialRank: r₀, or where rank grows the most that a module can have.
  ///   - targetRank: the mean rank a module at the end.
  ///   - method: one that allocates.
  ///   - unit: what b(t) counts.
  ///   - initialWarmup: t_i. - finalWarmup: t_f. - maskInterval: ΔT. - totalSteps: T.
  ///   - seed: of the `random` rule, and of triplets that start anew.
  ///   - followsReference: for replays of recorded reference runs.
  /// - Precondition: the schedule's bounds, and β₁, β₂ within (0, 1).
  public init(
    _ store: AdapterStore, initialRank: Int, targetRank: Int, initialWarmup: Int, finalWarmup: Int, maskInterval: Int,
    totalSteps: Int, method: any AllocationMethod = AdaLoRAMethod(), unit: BudgetUnit = .rank, beta1: Double = 0.85,
    beta2: Double = 0.85, scoring: ScoringRule = .smoothed, dialect: Dialect = .peft, seed: UInt64 = 0,
    followsReference: Bool = false
  ) {
    precondition(method.allocates, "\(method.name) has nothing to allocate")
    let ranks = method.ranks(r: initialRank, initial: initialRank, target: targetRank)
    let hasLambda = method.parameterization.hasLambda
    precondition(
      store.adapters.allSatisfy { $0.layout.rank == ranks.room && ($0.layout.lambdaOffset != nil) == hasLambda },
      "every adapter needs the rank \(ranks.room)\(hasLambda ? " and a λ" : "")")
    precondition(beta1 > 0 && beta1 < 1 && beta2 > 0 && beta2 < 1, "β₁ \(beta1) and β₂ \(beta2) must lie in (0, 1)")
    let modules = store.adapters.count
    self.store = store
    self.method = method
    self.scoring = scoring
    self.dialect = dialect
    self.beta1 = beta1
    self.beta2 = beta2
    self.followsReference = followsReference
    self.seed = seed
    prices = TripletPrices(unit, sizes: store.adapters.map { ($0.outputSize, $0.inputSize) })
    schedule = BudgetSchedule(
      initialBudget: modules * ranks.first, targetBudget: modules * ranks.last, room: modules * ranks.room,
      curve: method.curve, initialWarmup: initialWarmup, finalWarmup: finalWarmup, maskInterval: maskInterval,
      totalSteps: totalSteps)
    scores = TripletScores(modules: modules, rank: ranks.room, seed: seed)
    kept = (0..<modules * ranks.room).map { $0 % ranks.room < ranks.first }
    maskScores = Array(repeating: 0, count: modules * ranks.room)
    keptCount = modules * ranks.first
    rule = followsReference ? ReferenceThreshold() : scoring.allocation
    isShadow = false
    memory = nil
  }

  /// Decides beside a run from this moment on, and masks nothing of it.
  /// - Parameter remembers: whether Ī and Ū become its own, from what they are; else it reads the run's scores.
  init(shadowing run: RankAllocator, scoring: ScoringRule, remembers: Bool) {
    store = run.store
    method = run.method
    self.scoring = scoring
    dialect = run.dialect
    schedule = run.schedule
    beta1 = run.beta1
    beta2 = run.beta2
    scores = remembers ? TripletScores(copying: run.scores) : run.scores
    prices = run.prices
    kept = run.kept
    keptCount = run.keptCount
    threshold = run.threshold
    maskScores = run.maskScores
    seed = run.seed
    followsReference = run.followsReference
    rule = followsReference ? ReferenceThreshold() : scoring.allocation
    isShadow = true
    memory = remembers ? SensitivityMemory(copying: run.store.memory) : nil
  }

  /// Kept triplets a module, in module order.
  public var ranks: [Int] {
    store.adapters.indices.map { k in (0..<scores.rank).count { kept[k * scores.rank + $0] } }
  }

  /// Triplets kept by the last mask, of all modules.
  public internal(set) var keptCount: Int

  /// λ that are not zero now, or triplets that are part of ΔW, of module `index`.
  public func nonzero(_ index: Int) -> Int {
    var count = 0
    store.sizes(index) { if $1 != 0 { count += 1 } }
    return count
  }

  /// The same, of all modules.
  public var nonzeroCount: Int {
    var count = 0
    for k in store.adapters.indices { count += nonzero(k) }
    return count
  }

  // MARK: A step

  /// Updates Ī, Ū and the scores, then masks λ if the schedule says so.
  ///
  /// `AdapterStore.update` does the first of the two with its own step, and in the `paper` dialect from the weights
  /// before it, if it is given the allocator; then call `mask(step:)` alone.
  @discardableResult
  public func updateAndMask(step: Int) throws(NonFiniteScore) -> Allocation {
    updateSensitivity(step: step)
    return try mask(step: step)
  }

  /// Ī, Ū and the scores from the weights and gradients as they are; nothing after T − t_f.
  public func updateSensitivity(step: Int) {
    if let sensitivity = sensitivity(step: step) { store.sense(sensitivity, into: scores) }
  }

  /// How step t smooths; nil after T − t_f.
  func sensitivity(step: Int) -> Sensitivity? {
    guard step < schedule.finalStep else { return nil }
    return Sensitivity(beta1: beta1, beta2: beta2, precedesStep: dialect == .paper)
  }

  /// Prunes to b(t) where step t masks.
  /// - Throws: `NonFiniteScore`, before anything is masked.
  @discardableResult
  public func mask(step: Int) throws(NonFiniteScore) -> Allocation {
    scores.readMagnitudes(store)
    // With t_f = 0 the schedule never reaches b_T; the last step does it. In PEFT T − t_f masks whatever ΔT says.
    let isLast = step == schedule.totalSteps - 1 && schedule.finalWarmup == 0 && !followsReference
    let isForced = isLast || (dialect == .peft && step == schedule.finalStep)
    let budget = isLast ? schedule.targetBudget : schedule.budget(at: step)
    guard isForced || schedule.masks(at: step) else {
      if method.grows { applyPattern() }
      return Allocation(budget: budget, masked: false)
    }
    if !isFrozen {
      try choose(budget, step: step)
      if step >= schedule.finalStep || isLast { freeze() }
    }
    applyPattern()
    maskCount += 1
    return Allocation(budget: budget, masked: true)
  }

  private func choose(_ budget: Int, step: Int) throws(NonFiniteScore) {
    for i in maskScores.indices {
      let score = scores.score(i, by: scoring)
      guard score.isFinite else {
        throw NonFiniteScore(step: step, module: store.adapters[i / scores.rank].name, triplet: i % scores.rank)
      }
      maskScores[i] = score
    }
    let startsAnew = if case .wait(_, startsAnew: true) = method.unkept { !isShadow } else { false }
    let before = startsAnew ? kept : []
    let question = MaskQuestion(
      budget: budget, prices: prices, scores: maskScores, scoring: scoring, rank: scores.rank,
      progress: schedule.progress(at: step), rule: rule)
    threshold = method.select(question, kept: &kept)
    keptCount = kept.count { $0 }
    if startsAnew { startAnew(before, step: step) }
  }

  /// Draws what was not kept before and is now. The draws depend on nothing but seed and step.
  private func startAnew(_ before: [Bool], step: Int) {
    var random = RandomSource(seed: seed &+ UInt64(step) &* 0x9E37_79B9_7F4A_7C15, purpose: 9)
    for i in kept.indices where kept[i] && !before[i] {
      let first = i / scores.rank * scores.rank
      store.startAnew(i / scores.rank, i - first, among: { kept[first + $0] }, &random)
    }
  }

  /// Before a step's forward: gives waiting triplets the λ that they learn under, and leaves pruned ones out of the
  /// products once the pattern is final.
  /// - Parameter clips: whether the gradient's norm is clipped, in which a pruned λ's gradient counts.
  public func prepareStep(clips: Bool) {
    leaveOutPruned(!clips || method.grows)
    guard case .wait(let lambda, _) = method.unkept, lambda != 0, !isFrozen else { return }
    for k in store.adapters.indices {
      for i in 0..<scores.rank where !kept[k * scores.rank + i] { store.lambda(k)[i] = lambda }
    }
  }

  /// Leaves the pruned triplets out of all products, once the pattern is final; before, and where a recorded reference
  /// is followed, all take part. A norm of the gradients is then that of the live triplets.
  /// - Parameter wanted: false lets all take part again.
  public func leaveOutPruned(_ wanted: Bool) {
    let leaves = wanted && isFrozen && !followsReference
    guard leaves != leavesOutPruned else { return }
    leavesOutPruned = leaves
    store.setLive { !leaves || kept[$0] }
  }

  /// From here on the pattern stands; PEFT drops Ī and Ū with it.
  private func freeze() {
    isFrozen = true
    guard dialect == .peft, !isShadow else { return }
    store.smoothedSensitivity.update(repeating: 0, count: store.block.count)
    store.uncertainty.update(repeating: 0, count: store.block.count)
  }

  private func applyPattern() {
    guard !isShadow else { return }
    for k in store.adapters.indices {
      store.takeOut(k) { !kept[k * scores.rank + $0] }
    }
  }
}
