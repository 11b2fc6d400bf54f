// What the panels show of one moment: the newest frame, or a recorded one while training goes on.

import AdaLoRA
import Training

struct Moment {
  let isLive: Bool
  let record: StepRecord?
  let triplets: TripletFrame
  /// Kept triplets and λ ≠ 0, a module.
  let ranks: [Int]
  let nonzero: [Int]
  /// Points of the history up to and with this moment: `history[..<pointCount]`.
  let pointCount: Int

  init(_ frame: Frame) {
    isLive = true
    record = frame.record
    triplets = frame.triplets
    ranks = frame.ranks
    nonzero = frame.nonzero
    pointCount = frame.history.count
  }

  init(_ frame: Frame, at index: Int) {
    let point = frame.history[index]
    isLive = false
    record = point.record
    triplets = point.triplets
    // Where rank is fixed, points carry no ranks.
    ranks = point.ranks.isEmpty ? frame.ranks : point.ranks
    let rank = max(frame.description.initialRank, 0)
    let lambda = point.triplets.lambda
    nonzero =
      lambda.isEmpty
      ? ranks
      : ranks.indices.map { k in
        (k * rank..<(k + 1) * rank).reduce(0) { $0 + ($1 < lambda.count && lambda[$1] != 0 ? 1 : 0) }
      }
    pointCount = index + 1
  }
}

extension Frame {
  /// Index of the last recorded point at or before a step, else the first; nil where there is no history.
  func historyIndex(near step: Int) -> Int? {
    guard !history.isEmpty else { return nil }
    var low = 0
    var high = history.count
    while low < high {
      let middle = (low + high) / 2
      if history[middle].record.step <= step { low = middle + 1 } else { high = middle }
    }
    return max(low - 1, 0)
  }

  /// Ranks before the last mask at or before a step; nil where nothing has masked, or in the final phase, whose
  /// pattern is frozen.
  func ranksBeforeLastMask(at step: Int) -> [Int]? {
    guard let schedule, schedule.phase(at: step) == .budgeting else { return nil }
    let mask = step - step % max(schedule.maskInterval, 1)
    guard mask > schedule.initialWarmup else { return nil }
    guard let index = historyIndex(near: mask - 1), history[index].record.step < mask else { return nil }
    return history[index].ranks.isEmpty ? nil : history[index].ranks
  }

  /// The curve as it was before the last change of the target; nil where there was none.
  func scheduleBeforeLastChange() -> BudgetSchedule? {
    guard let schedule, !description.modules.isEmpty else { return nil }
    let changes = interventions.filter { $0.parameter == .targetR }
    guard let first = changes.first else { return nil }
    let count = Double(description.modules.count)
    func budget(_ target: Double) -> Int {
      Int(max(0, min(Double(schedule.room), (target * count).rounded())))
    }
    var old = BudgetSchedule(
      initialBudget: schedule.initialBudget, targetBudget: budget(first.old),
      room: schedule.room, curve: schedule.curve, initialWarmup: schedule.initialWarmup,
      finalWarmup: schedule.finalWarmup,
      maskInterval: schedule.maskInterval, totalSteps: schedule.totalSteps)
    for change in changes.dropLast() { _ = old.setTarget(budget(change.new), at: change.step) }
    return old
  }
}

extension Array {
  /// Nil outside the bounds: arrays of a frame are empty where rank is fixed and before the first step.
  subscript(at index: Int) -> Element? { index >= 0 && index < count ? self[index] : nil }
}
