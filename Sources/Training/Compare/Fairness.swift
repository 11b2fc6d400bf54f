// In what a comparison is not one of like with like.

import Foundation

enum Fairness {
  /// Plain statements such as "effective scale differs: AdaLoRA 2.667, LoRA 2"; none where all is alike.
  static func complaints(
    _ groups: [ComparedGroup], _ differing: [(key: String, values: [String])]
  ) -> [String] {
    guard groups.count > 1 else { return changes(groups) }
    var complaints: [String] = []
    func compare(_ what: String, _ values: [String]) {
      guard Set(values).count > 1 else { return }
      complaints.append("\(what) differs: \(listed(groups, values))")
    }
    compare("effective scale", groups.map { $0.number("%.4g") { $0.description.effectiveScale } })
    compare("total rank", groups.map { $0.number("%.4g") { Double($0.totalRank) } })
    let parameters = groups.compactMap { $0.mean { Double($0.adapterParameters) } }
    if let least = parameters.min(), let most = parameters.max(), most > 1.01 * least {
      compare("number of adapter parameters", parameters.map { String(format: "%.0f", $0) })
    }
    for (key, values) in differing where !key.hasPrefix("adapter.") { compare(key, values) }
    let modules = groups.map { Set($0.runs.flatMap { $0.description.modules.map(\.name) }) }
    if Set(modules).count > 1 { complaints.append("the adapted modules are not the same in all groups") }
    let seeds = groups.map { $0.runs.map(\.seed) }
    if Set(seeds).count > 1 {
      complaints.append(
        "seeds differ: \(listed(groups, seeds.map { $0.map(String.init).joined(separator: " ") })); "
          + "differences are over the common ones")
    }
    compare("number of threads", groups.map { $0.distinct { String($0.description.threads) } })
    compare("machine", groups.map { $0.distinct { $0.cpu.isEmpty ? "unknown" : $0.cpu } })
    return complaints + changes(groups)
  }

  /// Runs that somebody steered.
  private static func changes(_ groups: [ComparedGroup]) -> [String] {
    groups.flatMap(\.runs).compactMap { run in
      let planned = run.experiment?.schedule.count { if case .set = $0.command { true } else { false } } ?? 0
      return run.interventions.count > planned
        ? "\(TelemetryReader.line(run.name)) was changed by hand while it was trained" : nil
    }
  }

  /// Of few groups the value of each, of many the values that there are.
  private static func listed(_ groups: [ComparedGroup], _ values: [String]) -> String {
    if groups.count <= 4 { return zip(groups, values).map { "\($0.name) \($1)" }.joined(separator: ", ") }
    var distinct: [String] = []
    for value in values where !distinct.contains(value) { distinct.append(value) }
    return distinct.joined(separator: ", ")
  }
}

extension ComparedGroup {
  fileprivate func number(_ format: String, _ quantity: (RunOutcome) -> Double?) -> String {
    mean(quantity).map { String(format: format, $0) } ?? "unknown"
  }

  fileprivate func distinct(_ quantity: (RunOutcome) -> String) -> String {
    Set(runs.map(quantity)).sorted().joined(separator: "/")
  }
}
