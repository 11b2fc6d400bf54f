// What of an allocator changes in a run, so that it can be saved and set again.

extension RankAllocator {
  /// Everything that the steps so far have made of an allocator; Ī and Ū stand in the store.
  public struct State: Sendable, Equatable {
    public var schedule: BudgetSchedule
    public var beta1: Double
    public var beta2: Double
    /// `TripletScores.saved`.
    public var scores: [Float]
    public var kept: [Bool]
    public var threshold: Float?
    public var maskCount: Int
    public var maskScores: [Float]
    public var isFrozen: Bool

    public init(
      schedule: BudgetSchedule, beta1: Double, beta2: Double, scores: [Float], kept: [Bool], threshold: Float?,
      maskCount: Int, maskScores: [Float], isFrozen: Bool
    ) {
      self.schedule = schedule
      self.beta1 = beta1
      self.beta2 = beta2
      self.scores = scores
      self.kept = kept
      self.threshold = threshold
      self.maskCount = maskCount
      self.maskScores = maskScores
      self.isFrozen = isFrozen
    }
  }

  /// - Precondition: of an allocator with as many triplets.
  public var state: State {
    get {
      State(
        schedule: schedule, beta1: beta1, beta2: beta2, scores: scores.saved, kept: kept, threshold: threshold,
        maskCount: maskCount, maskScores: maskScores, isFrozen: isFrozen)
    }
    set {
      precondition(
        newValue.kept.count == kept.count && newValue.maskScores.count == kept.count
          && newValue.scores.count == scores.saved.count,
        "a state of \(newValue.kept.count) triplets for \(kept.count)")
      schedule = newValue.schedule
      beta1 = newValue.beta1
      beta2 = newValue.beta2
      scores.saved = newValue.scores
      kept = newValue.kept
      keptCount = kept.count { $0 }
      threshold = newValue.threshold
      maskCount = newValue.maskCount
      maskScores = newValue.maskScores
      isFrozen = newValue.isFrozen
      keptCount = kept.count { $0 }
      leaveOutPruned(false)
    }
  }
}
