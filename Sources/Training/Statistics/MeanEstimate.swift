// The mean of a few measurements, and how well it is known.

/// Mean, sample deviation and the 95 % interval of the mean by Student's t.
public struct MeanEstimate: Sendable, Equatable {
  public let count: Int
  public let mean: Double
  /// √(Σ(x − mean)²/(n − 1)); nil of a single value.
  public let deviation: Double?
  /// Half the width of the 95 % interval: t₀.₉₇₅(n − 1)·deviation/√n; nil of a single value, of which nothing is known.
  public let margin: Double?

  /// - Precondition: at least one value, all finite.
  public init(_ values: [Double]) {
    guard let mean = values.mean, values.allSatisfy(\.isFinite) else { preconditionFailure("the mean of \(values)") }
    count = values.count
    self.mean = mean
    guard values.count > 1 else {
      deviation = nil
      margin = nil
      return
    }
    let freedom = values.count - 1
    // Of equal values the mean's rounding is all that a deviation could show.
    let squares = Set(values).count == 1 ? 0 : values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let deviation = (squares / Double(freedom)).squareRoot()
    self.deviation = deviation
    margin =
      StudentT(degreesOfFreedom: freedom).twoSidedCritical(0.05) * deviation / Double(values.count).squareRoot()
  }

  /// The 95 % interval of the mean.
  public var interval: ClosedRange<Double>? { margin.map { (mean - $0)...(mean + $0) } }
}

extension [Double] {
  /// nil of none.
  var mean: Double? { isEmpty ? nil : reduce(0, +) / Double(count) }
}
