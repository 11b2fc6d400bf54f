// Whether one thing differs from another over pairs: the paired t-test and the exact test of signs.

/// Differences over pairs of measurements, tested against zero.
public struct PairedDifference: Sendable, Equatable {
  public let differences: [Double]
  public let estimate: MeanEstimate
  /// Of the paired t-test, two-sided; nil of a single pair, and where all differences are the same but zero, of which t
  /// can say nothing.
  public let tTest: Double?
  /// Of all 2ⁿ ways to choose the differences' signs, the share whose mean is at least as far from zero; exact, and free
  /// of any distribution. nil above 12 pairs.
  public let signFlip: Double?

  /// - Precondition: at least one difference, all finite.
  public init(_ differences: [Double]) {
    self.differences = differences
    estimate = MeanEstimate(differences)
    tTest = Self.tTest(estimate)
    signFlip = Self.signFlip(differences)
  }

  private static func tTest(_ estimate: MeanEstimate) -> Double? {
    guard let deviation = estimate.deviation else { return nil }
    // What rounding alone leaves of equal differences.
    guard deviation > 1e-12 * abs(estimate.mean) else { return estimate.mean == 0 ? 1 : nil }
    let t = estimate.mean / (deviation / Double(estimate.count).squareRoot())
    return StudentT(degreesOfFreedom: estimate.count - 1).twoSidedP(t)
  }

  private static func signFlip(_ differences: [Double]) -> Double? {
    let count = differences.count
    guard count <= 12 else { return nil }
    let sizes = differences.map { abs($0) }
    // Sums that are equal but for their order must count as equal.
    let observed = abs(differences.reduce(0, +)) - 1e-9 * sizes.reduce(0, +)
    let extreme = (0..<1 << count).count { signs in
      abs(sizes.indices.reduce(0) { $0 + (signs >> $1 & 1 == 0 ? sizes[$1] : -sizes[$1]) }) >= observed
    }
    return Double(extreme) / Double(1 << count)
  }

  /// The least that `signFlip` can be with so many pairs.
  public static func leastSignFlip(pairs: Int) -> Double { 2 / Double(1 << min(max(pairs, 1), 62)) }
}

/// Holm's correction: p-values that hold for a whole family of tests.
public enum HolmCorrection {
  /// In the order given; a nil is no test and stays one.
  public static func corrected(_ values: [Double?]) -> [Double?] {
    let tests = values.indices.filter { values[$0] != nil }.sorted { (values[$0] ?? 0, $0) < (values[$1] ?? 0, $1) }
    var result = values
    var largest = 0.0
    for (position, index) in tests.enumerated() {
      largest = max(largest, min(1, (values[index] ?? 1) * Double(tests.count - position)))
      result[index] = largest
    }
    return result
  }
}
