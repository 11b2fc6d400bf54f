// What runs are compared by.

/// One number out of an evaluation.
public enum ComparisonMetric: String, Sendable, CaseIterable {
  case accuracy, matthews, f1, loss

  /// Not a number where the evaluation has none: a language model's has a loss alone.
  public func value(_ evaluation: Evaluation) -> Double { evaluation[rawValue] ?? .nan }

  public var isHigherBetter: Bool { self != .loss }

  /// As a sentence and an axis call it.
  public var title: String {
    switch self {
    case .accuracy: "accuracy"
    case .matthews: "Matthews correlation"
    case .f1: "F1"
    case .loss: "loss"
    }
  }

  /// The best of some evaluations, the earliest where several are; nil where none has a finite value.
  public func best(
    _ evaluations: [TelemetryReader.RecordedEvaluation]
  ) -> TelemetryReader.RecordedEvaluation? {
    let sign = isHigherBetter ? -1.0 : 1
    return evaluations.filter { value($0.evaluation).isFinite }.min {
      sign * value($0.evaluation) < sign * value($1.evaluation)
    }
  }
}
