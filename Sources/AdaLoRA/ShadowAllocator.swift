// What another rule would have kept of a run's weights, decided beside the run without touching it.

import Kernels

/// What a shadow does differently from its run; nil follows the run, also where that is changed on the way.
public struct ShadowSettings: Codable, Sendable, Equatable {
  public var score: ScoringRule?
  /// The mean rank a module at the end.
  public var target: Double?
  public var beta1, beta2: Double?
  public var deltaT: Int?
  /// t_i and t_f.
  public var tinit, tfinal: Int?

  public init() {}

  /// Whether Ī and Ū become others than the run's.
  var smoothsDifferently: Bool { beta1 != nil || beta2 != nil || tfinal != nil }

  /// The budget of a shadow that begins at `step`.
  /// - Returns: nil where the settings and the run's T leave no such curve.
  func schedule(following run: BudgetSchedule, modules: Int, from step: Int) -> BudgetSchedule? {
    let (warmup, final) = (tinit ?? run.initialWarmup, tfinal ?? run.finalWarmup)
    guard warmup >= 0, final >= 0, warmup < run.totalSteps, final < run.totalSteps - warmup else { return nil }
    var schedule = BudgetSchedule(
      initialBudget: run.initialBudget, targetBudget: run.anchors[0].target, room: run.room, curve: run.curve,
      initialWarmup: warmup, finalWarmup: final, maskInterval: deltaT ?? run.maskInterval, totalSteps: run.totalSteps)
    for anchor in run.anchors.dropFirst() where target == nil || anchor.step < step {
      _ = schedule.setTarget(anchor.target, at: anchor.step)
    }
    guard let target else { return schedule }
    return schedule.setTarget(Int((target * Double(modules)).rounded()), at: step) ? schedule : nil
  }
}

/// Watches a run's weights and gradients and chooses which triplets it would keep, by settings of its own.
///
/// The run's bits are the same with shadows as without. A shadow sees the weights as the run's masks leave them: it tells
/// what its rule would have kept of this run's weights, not what a training under that rule would have become. Give it to
/// `AdapterStore.update` with the run's allocator, then call `mask(step:)` before the run's own.
public final class ShadowAllocator {
  public let settings: ShadowSettings
  /// Decides. Only to be looked at.
  public let allocator: RankAllocator
  /// b(t) of the latest step.
  public private(set) var budget: Int
  private let run: RankAllocator
  private let first: Int
  /// The run's curve that the shadow's was made from.
  private var followed: BudgetSchedule

  /// - Parameter step: the first that it sees; its Ī, Ū and pattern begin as the run's are then.
  /// - Precondition: there is no objection.
  public init(_ settings: ShadowSettings, beside run: RankAllocator, from step: Int) {
    let objection = Self.objection(to: settings, beside: run, from: step)
    precondition(objection == nil, objection ?? "")
    self.settings = settings
    self.run = run
    first = step
    followed = run.schedule
    allocator = RankAllocator(
      shadowing: run, scoring: settings.score ?? run.scoring, remembers: settings.smoothsDifferently)
    budget = run.keptCount
    follow(run.schedule)
  }

  /// Why there can be no such shadow of a run from a step on, with the bound; nil where there can.
  public static func objection(to settings: ShadowSettings, beside run: RankAllocator, from step: Int) -> String? {
    for (name, beta) in [("beta1", settings.beta1), ("beta2", settings.beta2)] {
      if let beta, !(beta > 0 && beta < 1) { return "\(name) \(beta) must lie between 0 and 1" }
    }
    if let interval = settings.deltaT, interval < 1 { return "deltaT \(interval) must be at least 1" }
    let rank = run.scores.rank
    if let target = settings.target, !(target >= 0 && target <= Double(rank)) {
      return "target \(target) must lie between 0 and the initial rank \(rank)"
    }
    if run.isFrozen { return "the run's pattern is final since step \(run.schedule.finalStep)" }
    let modules = run.store.adapters.count
    var curve = settings
    curve.target = nil
    guard let schedule = curve.schedule(following: run.schedule, modules: modules, from: step) else {
      let (warmup, final) = (settings.tinit ?? run.schedule.initialWarmup, settings.tfinal ?? run.schedule.finalWarmup)
      return "tinit \(warmup) and tfinal \(final) must leave some of the \(run.schedule.totalSteps) steps between them"
    }
    if step >= schedule.finalStep { return "its pattern would be final from step \(schedule.finalStep) on" }
    return nil
  }

  // MARK: A step

  /// Its own Ī, Ū and scores, where they are not the run's, from the weights and gradients as they are.
  func sense(step: Int, gradientScale: Float, on pool: WorkerPool?) {
    follow()
    guard let memory = allocator.memory, let sensitivity = allocator.sensitivity(step: step) else { return }
    run.store.sense(sensitivity, gradientScale: gradientScale, into: allocator.scores, memory: memory, on: pool)
  }

  /// Chooses where its schedule masks at step t; nothing of the run is masked. Before the run's own mask, whose λ it must
  /// see as they were.
  public func mask(step: Int) {
    follow()
    // A score that is not finite is the run's to report; until it does, the pattern stays.
    if let allocation = try? allocator.mask(step: step) { budget = allocation.budget }
  }

  private func follow() {
    allocator.beta1 = settings.beta1 ?? run.beta1
    allocator.beta2 = settings.beta2 ?? run.beta2
    if run.schedule != followed { follow(run.schedule) }
  }

  private func follow(_ schedule: BudgetSchedule) {
    followed = schedule
    let own = settings.schedule(following: schedule, modules: run.store.adapters.count, from: first)
    allocator.schedule = own ?? allocator.schedule
  }
}
