// What a screen shows of a shadow: a frame like the run's own, in which the shadow decides.

import AdaLoRA

/// A shadow with its past, which is kept here alone: nothing of it is recorded.
final class ShadowView {
  let shadow: ShadowAllocator
  private var history = HistoryRing()

  init(_ shadow: ShadowAllocator) { self.shadow = shadow }

  /// Keeps what the history would keep of a step.
  func remember(_ record: StepRecord) {
    guard history.retains(record) else { return }
    history.append(HistoryPoint(record: changed(record), triplets: triplets, ranks: shadow.allocator.ranks))
  }

  /// The run's frame with what the shadow decides in place of what was done.
  func frame(in run: Frame) -> Frame {
    let allocator = shadow.allocator
    var frame = run
    frame.description.run = shadow.settings.text
    frame.description.score = allocator.scoring
    frame.schedule = allocator.schedule
    frame.beta1 = allocator.beta1
    frame.beta2 = allocator.beta2
    frame.deltaT = allocator.schedule.maskInterval
    frame.targetR = targetRank
    frame.ranks = allocator.ranks
    frame.nonzero = frame.ranks
    frame.triplets = triplets
    frame.record = run.record.map(changed)
    frame.history = history.points
    if let record = frame.record, history.points.last?.record.step != record.step {
      frame.history.append(HistoryPoint(record: record, triplets: frame.triplets, ranks: frame.ranks))
    }
    frame.events = []
    frame.interventions = []
    return frame
  }

  private var targetRank: Double {
    Double(shadow.allocator.schedule.targetBudget) / Double(max(shadow.allocator.store.adapters.count, 1))
  }

  private func changed(_ record: StepRecord) -> StepRecord {
    var record = record
    record.beta1 = shadow.allocator.beta1
    record.beta2 = shadow.allocator.beta2
    record.deltaT = shadow.allocator.schedule.maskInterval
    record.targetR = targetRank
    record.budget = shadow.budget
    record.kept = shadow.allocator.keptCount
    record.threshold = shadow.allocator.threshold.map(Double.init)
    return record
  }

  /// What it keeps and the scores by its own rule; the rest is the run's.
  private var triplets: TripletFrame {
    let allocator = shadow.allocator
    var frame = TripletFrame()
    frame.kept = allocator.kept
    frame.scores[allocator.scoring] = (0..<allocator.scores.count).map {
      allocator.scores.score($0, by: allocator.scoring)
    }
    frame.maskScores = allocator.maskScores
    return frame
  }
}
