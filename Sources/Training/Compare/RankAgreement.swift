// How far two allocations of rank agree: Spearman's correlation of the modules' ranks.

/// Rank correlations between runs' allocations.
enum RankAgreement {
  /// Over the modules that both have; nil where there are fewer than three, or where one allocation is all equal.
  static func correlation(_ a: RunOutcome, _ b: RunOutcome) -> Double? {
    let other = b.rankOfModule
    let pairs = zip(a.description.modules, a.ranks).compactMap { module, rank in
      other[module.name].map { (Double(rank), Double($0)) }
    }
    let (x, y) = (pairs.map(\.0), pairs.map(\.1))
    guard pairs.count >= 3, Set(x).count > 1, Set(y).count > 1 else { return nil }
    return spearman(x, y)
  }

  /// The mean over all pairs of runs; nil where none has a correlation.
  static func within(_ runs: [RunOutcome]) -> Double? {
    runs.indices.flatMap { i in runs[..<i].compactMap { correlation(runs[i], $0) } }.mean
  }

  static func between(_ groups: [ComparedGroup]) -> [[Double?]] {
    var matrix = groups.map { _ in groups.map { _ in Double?.none } }
    for i in groups.indices {
      matrix[i][i] = groups[i].agreement
      for j in 0..<i {
        matrix[i][j] = between(groups[i].runs, groups[j].runs)
        matrix[j][i] = matrix[i][j]
      }
    }
    return matrix
  }

  private static func between(_ a: [RunOutcome], _ b: [RunOutcome]) -> Double? {
    let pairs = a.flatMap { run in b.map { (run, $0) } }
    let common = pairs.filter { $0.0.seed == $0.1.seed }
    return (common.isEmpty ? pairs : common).compactMap { correlation($0.0, $0.1) }.mean
  }
}
