// Groups of runs against one of them: means, paired differences, tests, and how far ranks agree.

import Models

/// What a comparison says of one group.
public struct ComparedGroup: Sendable {
  public let name: String
  /// Those that count, in the order of their seeds.
  public let runs: [RunOutcome]
  /// The metric, run by run.
  public let values: [Double]
  public let estimate: MeanEstimate
  /// This group's metric minus the baseline's over the seeds that both have; nil of the baseline and without common
  /// seeds.
  public let difference: PairedDifference?
  /// The t-test's p-value, corrected by Holm's way for all groups that are shown.
  public internal(set) var corrected: Double?
  /// Mean rank correlation of the allocations over all pairs of seeds; nil of a single run, and where ranks are all equal.
  public let agreement: Double?

  /// Whether the group differs from the baseline.
  public enum Verdict: Sendable, Equatable {
    case baseline, better, worse, notDistinguishable, untested
  }

  public internal(set) var verdict = Verdict.untested

  /// The mean of a quantity over the runs that have it.
  public func mean(_ quantity: (RunOutcome) -> Double?) -> Double? {
    runs.compactMap(quantity).filter(\.isFinite).mean
  }
}

/// Several groups of runs side by side.
public struct Comparison: Sendable {
  public let metric: ComparisonMetric
  /// Which evaluation the metric is of: "test" where every run has one, else "eval", the last one.
  public let split: String
  public let groups: [ComparedGroup]
  /// The group that the others are compared with.
  public let baseline: Int
  /// Mean rank correlation of the allocations of two groups over their common seeds, or of all pairs of runs where they
  /// have none; on the diagonal the groups' own `agreement`.
  public let agreement: [[Double?]]
  /// The experiment's keys in which the groups differ, with the value of each group.
  public let differing: [(key: String, values: [String])]
  /// In what the comparison is not one of like with like.
  public let unfair: [String]
  /// What was left out, and why.
  public let notes: [String]

  /// - Parameter baseline: a group's name; nil: the first.
  /// - Throws: where no run is left to compare, or no group has the baseline's name.
  public init(_ grouping: RunGrouping, metric: ComparisonMetric, baseline: String? = nil) throws(InputError) {
    var grouping = grouping
    var found = grouping.groups()
    let names = found.map(\.name)
    if let baseline, !names.contains(baseline) {
      throw InputError(
        .usage, file: "", place: "--baseline \(baseline)", "no such group, expected \(names.joined(alternatives: "or"))"
      )
    }
    let finished = found.flatMap(\.runs).filter(\.isFinished)
    let isTest = !finished.isEmpty && finished.allSatisfy { $0.test != nil }
    func value(_ run: RunOutcome) -> Double? { (isTest ? run.test : run.evaluation).map(metric.value) }
    for index in found.indices {
      found[index].runs.removeAll { run in
        guard let reason = Self.objection(to: run, value(run), metric) else { return false }
        grouping.leaveOut(run.name, reason)
        return true
      }
      if found[index].runs.isEmpty { grouping.leaveOut(found[index].name, "no run is left of it") }
    }
    found.removeAll(where: \.runs.isEmpty)
    guard !found.isEmpty else {
      throw InputError(file: "", (["nothing to compare"] + grouping.notes).joined(separator: "; "))
    }
    guard let base = baseline.map({ name in found.firstIndex { $0.name == name } }) ?? 0 else {
      throw InputError(file: "", place: "--baseline \(baseline ?? "")", grouping.notes.joined(separator: "; "))
    }
    let values = found.map { $0.runs.map { value($0) ?? .nan } }
    let seeds = found.map { $0.runs.map(\.seed) }
    let reference = Dictionary(uniqueKeysWithValues: zip(seeds[base], values[base]))
    var groups = found.indices.map { index in
      let differences = zip(seeds[index], values[index]).compactMap { seed, value in reference[seed].map { value - $0 }
      }
      return ComparedGroup(
        name: found[index].name, runs: found[index].runs, values: values[index],
        estimate: MeanEstimate(values[index]),
        difference: index == base || differences.isEmpty ? nil : PairedDifference(differences),
        agreement: RankAgreement.within(found[index].runs))
    }
    let corrected = HolmCorrection.corrected(groups.map { $0.difference?.tTest })
    for index in groups.indices {
      groups[index].corrected = corrected[index]
      groups[index].verdict =
        index == base
        ? .baseline : Self.verdict(groups[index].difference, corrected[index], isHigherBetter: metric.isHigherBetter)
    }
    self.metric = metric
    split = isTest ? "test" : "eval"
    self.groups = groups
    self.baseline = base
    agreement = RankAgreement.between(groups)
    let settings = groups.compactMap { group in group.runs.first.map(RunSettings.init) }
    differing = RunSettings.differing(settings)
    unfair = Fairness.complaints(groups, differing)
    notes = grouping.notes
  }

  /// Why a run cannot count; nil where it does.
  private static func objection(to run: RunOutcome, _ value: Double?, _ metric: ComparisonMetric) -> String? {
    guard run.isFinished else { return "\(run.stepsDone) of \(run.description.totalSteps) steps are done" }
    guard let value else { return "it was not evaluated" }
    return value.isFinite ? nil : "its \(metric.title) is no finite number"
  }

  /// Better or worse only where the corrected p-value is below 0.05, and so the interval is clear of zero.
  private static func verdict(
    _ difference: PairedDifference?, _ p: Double?, isHigherBetter: Bool
  ) -> ComparedGroup.Verdict {
    guard let difference, difference.estimate.count > 1 else { return .untested }
    guard let p, p < 0.05, difference.estimate.interval?.contains(0) == false else { return .notDistinguishable }
    return (difference.estimate.mean > 0) == isHigherBetter ? .better : .worse
  }
}
