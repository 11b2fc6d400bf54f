// The table of a comparison, a group a row: what its columns are and what stands in them. Terminal and page share it.

import Training

/// One column of the table.
struct ComparisonColumn {
  let title: String
  /// A text a group.
  let cells: [String]
  var isNumber = true
}

extension Comparison {
  /// The groups' names.
  var names: ComparisonColumn { ComparisonColumn(title: "group", cells: groups.map(\.name), isNumber: false) }

  /// How well the groups did, and whether that differs from the baseline.
  var results: [ComparisonColumn] {
    var columns = [
      column("seeds") { String($0.runs.count) },
      column(metric.title) { Comparison.text($0.estimate) },
    ]
    guard groups.count > 1 else { return columns }
    columns += [
      ComparisonColumn(
        title: "minus baseline",
        cells: groups.indices.map { index in
          guard index != baseline else { return "baseline" }
          return groups[index].difference.map { Self.signed($0.estimate) } ?? Self.nothing
        }),
      column("p") { $0.corrected.map(Comparison.p) ?? Self.nothing },
      column("p by signs") { $0.difference?.signFlip.map(Comparison.p) ?? Self.nothing },
      ComparisonColumn(title: "verdict", cells: groups.map { Self.words($0) }, isNumber: false),
    ]
    return columns
  }

  /// What the groups used, and how far their seeds agree.
  var costs: [ComparisonColumn] {
    let columns = [
      column("total rank") { $0.totalRankText },
      column("adapter parameters") { group in
        let now = group.mean { Double($0.adapterParameters) }
        let start = group.mean { Double($0.adapterParametersAtStart) }
        return NumberText.count(now ?? 0) + (now == start ? "" : " of " + NumberText.count(start ?? 0))
      },
      column("scale") { NumberText.plain($0.mean { $0.description.effectiveScale } ?? 0) },
      column("step ms") { Self.short($0.mean { $0.cost?.stepMs }) },
      column("tokens/s") { $0.mean { $0.cost?.tokensPerSecond }.map(NumberText.count) ?? Self.nothing },
      column("time") { $0.mean(\.wallSeconds).map(NumberText.duration) ?? Self.nothing },
      column("peak MB") { Self.short($0.mean { $0.peakRSSBytes.map { Double($0) / 1e6 } }) },
      column("agreement") { $0.agreement.map { NumberText.fixed($0, 2) } ?? Self.nothing },
    ]
    // A column of which nothing is known says nothing.
    return columns.filter { column in column.cells.contains { $0 != Self.nothing } }
  }

  private func column(_ title: String, _ cell: (ComparedGroup) -> String) -> ComparisonColumn {
    ComparisonColumn(title: title, cells: groups.map(cell))
  }

  static let nothing = "–"

  private static func short(_ value: Double?) -> String { value.map(NumberText.short) ?? nothing }

  /// `+0.0110 [+0.0060, +0.0160]`.
  private static func signed(_ estimate: MeanEstimate) -> String {
    let interval = estimate.interval.map { " [\(signed($0.lowerBound)), \(signed($0.upperBound))]" } ?? ""
    return signed(estimate.mean) + interval
  }

  static func words(_ group: ComparedGroup) -> String {
    let count = group.difference?.estimate.count ?? 0
    return switch group.verdict {
    case .baseline: nothing
    case .better: "better"
    case .worse: "worse"
    case .notDistinguishable: "not distinguishable with n = \(count)"
    case .untested: count == 1 ? "one common seed: no test" : "no common seed"
    }
  }

  /// Every module that some group adapts.
  var modules: [RunDescription.Module] {
    var known: Set<String> = []
    return groups.flatMap(\.runs).flatMap(\.description.modules).filter { known.insert($0.name).inserted }
  }

  /// The largest mean rank of any module: the top of the scale that all maps share.
  var largestRank: Double { max(groups.flatMap { $0.meanRanks().values }.max() ?? 0, 1) }
}

extension ComparedGroup {
  /// Mean ranks by module as text, all with a decimal where one of them needs it.
  static func rankTexts(_ ranks: [String: Double]) -> [String: String] {
    let digits = ranks.values.allSatisfy { $0 == $0.rounded() } ? 0 : 1
    return ranks.mapValues { NumberText.fixed($0, digits) }
  }

  var totalRankText: String { Self.sumText(mean { Double($0.totalRank) } ?? 0) }

  static func sumText(_ sum: Double) -> String { NumberText.fixed(sum, abs(sum - sum.rounded()) < 1e-9 ? 0 : 1) }
}
