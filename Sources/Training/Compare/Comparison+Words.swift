// What a comparison comes to, in sentences that claim no more than the numbers do.

import Foundation

extension Comparison {
  /// What is compared, and over how many seeds: "accuracy on eval after the last step, mean of 5 seeds ± 95 % interval".
  public var subject: String {
    let counts = Set(groups.map(\.runs.count)).sorted()
    let seeds =
      counts == [1]
      ? "one seed" : "mean of \(counts.map(String.init).joined(separator: " or ")) seeds ± 95 % interval"
    return "\(metric.title) on \(split) after the last step, \(seeds)"
  }

  /// One sentence a group that is not the baseline; of a single group what is known of it.
  public var findings: [String] {
    if groups.count == 1 {
      return ["\(groups[0].name): \(metric.title) \(Self.text(groups[0].estimate)), nothing to compare it with."]
    }
    return groups.indices.filter { $0 != baseline }.map { finding(groups[$0]) }
  }

  private func finding(_ group: ComparedGroup) -> String {
    let base = groups[baseline].name
    guard let difference = group.difference else {
      return "\(group.name) and \(base) have no seed in common: no paired difference."
    }
    let estimate = difference.estimate
    let what = "\(metric.title) \(Self.signed(estimate.mean))"
    guard let interval = estimate.interval else {
      return "\(group.name) against \(base): \(what) with one common seed, of which no interval can be given."
    }
    let numbers = "\(what) [\(Self.signed(interval.lowerBound)), \(Self.signed(interval.upperBound))]\(tests(group))"
    let count = estimate.count
    if difference.differences.allSatisfy({ $0 == 0 }) {
      return "\(group.name) and \(base) have the same \(metric.title) with every one of \(count) seeds."
    }
    switch group.verdict {
    case .better: return "\(group.name) is better than \(base) with n = \(count): \(numbers)."
    case .worse: return "\(group.name) is worse than \(base) with n = \(count): \(numbers)."
    case .notDistinguishable, .untested, .baseline:
      return "\(group.name) and \(base) are not distinguishable with n = \(count): \(numbers)."
    }
  }

  private func tests(_ group: ComparedGroup) -> String {
    let isFamily = groups.count { $0.difference?.tTest != nil } > 1
    let t = group.corrected.map { ", p = \(Self.p($0)) (paired t\(isFamily ? ", Holm" : ""))" }
    let signs = group.difference?.signFlip.map { ", \(Self.p($0)) by signs" }
    return (t ?? "") + (signs ?? "")
  }

  /// How the numbers came about, and what they cannot say.
  public var method: [String] {
    var lines = [
      "Intervals are Student's t over the seeds. Differences are paired by seed against \(groups[baseline].name)."
    ]
    let pairs = groups.compactMap { $0.difference?.estimate.count }
    if pairs.contains(where: { $0 > 1 }) {
      lines.append(
        "p is two-sided: of the paired t-test, corrected by Holm's way for the \(pairs.count) "
          + "difference\(pairs.count == 1 ? "" : "s") shown, and of all ways to flip the differences' signs, exact and not "
          + "corrected.")
    }
    if let fewest = pairs.filter({ $0 > 1 }).min(), case let least = PairedDifference.leastSignFlip(pairs: fewest),
      least > 0.05
    {
      lines.append("With \(fewest) pairs the test of signs cannot go below \(Self.p(least)).")
    }
    if groups.contains(where: { $0.runs.count == 1 }) { lines.append("Of a single seed no interval can be given.") }
    if agreement.contains(where: { $0.contains { $0 != nil } }) {
      lines.append(
        "Agreement is Spearman's correlation of the modules' ranks: between two seeds of a group, the mean of all pairs; "
          + "between two groups, the mean over common seeds (of all pairs where there is none).")
    }
    return lines
  }

  // MARK: Numbers

  /// `0.8412 ± 0.0031`, or the value alone where nothing is known of its spread.
  public static func text(_ estimate: MeanEstimate) -> String {
    decimal(estimate.mean) + (estimate.margin.map { " ± " + decimal($0) } ?? "")
  }

  /// Four decimals, with a sign.
  public static func signed(_ value: Double) -> String {
    let text = decimal(abs(value))
    // What rounds to nothing has no sign of its own.
    return (value < 0 && text != decimal(0) ? "−" : "+") + text
  }

  static func decimal(_ value: Double) -> String {
    String(format: "%.4f", value).replacing("-", with: "−")
  }

  /// Up to three digits of a p-value; `<1e-6` below.
  public static func p(_ value: Double) -> String {
    value < 1e-6 ? "<1e-6" : value < 0.001 ? String(format: "%.1e", value) : String(format: "%.3g", value)
  }
}
