// How groups went from step to step: their evaluations and their ranks.

extension ComparedGroup {
  /// Where the runs of a group stood after a step.
  public struct CurvePoint: Sendable, Equatable {
    public var step: Int
    public var mean: Double
    /// The lowest and the highest run.
    public var range: ClosedRange<Double>

    init(step: Int, _ values: [Double]) {
      self.step = step
      mean = values.mean ?? .nan
      range = (values.min() ?? mean)...(values.max() ?? mean)
    }
  }

  /// The metric of the evaluations on the `eval` split, at the steps where all runs have one that is finite.
  public func learningCurve(_ metric: ComparisonMetric) -> [CurvePoint] {
    let curves = runs.map { run in
      Dictionary(run.evaluations.map { ($0.step, metric.value($0.evaluation)) }, uniquingKeysWith: { $1 })
    }
    guard let first = runs.first else { return [] }
    return first.evaluations.compactMap { evaluation in
      let values = curves.compactMap { $0[evaluation.step] }.filter(\.isFinite)
      return values.count == runs.count ? CurvePoint(step: evaluation.step, values) : nil
    }
  }

  /// Triplets kept in all modules, at the steps where the first run's were recorded, and at the last step. Between two
  /// points nothing is known to change.
  public var rankCurve: [CurvePoint] {
    guard let first = runs.first else { return [] }
    var points = first.rankHistory.map { record in
      CurvePoint(
        step: record.step, runs.map { run in Double(run.ranks(at: record.step).reduce(0, +)) })
    }
    let end = max(first.stepsDone - 1, 0)
    if let last = points.last, last.step < end {
      points.append(CurvePoint(step: end, runs.map { Double($0.totalRank) }))
    }
    return points
  }

  /// Kept triplets of a module, by its name; the mean over the runs that have it, nil where none has.
  public func meanRanks() -> [String: Double] {
    var sums: [String: (sum: Int, count: Int)] = [:]
    for run in runs {
      for (module, rank) in zip(run.description.modules, run.ranks) {
        let old = sums[module.name] ?? (0, 0)
        sums[module.name] = (old.sum + rank, old.count + 1)
      }
    }
    return sums.mapValues { Double($0.sum) / Double($0.count) }
  }
}

extension RunOutcome {
  /// Kept triplets a module as they were recorded last at or before a step.
  func ranks(at step: Int) -> [Int] { (rankHistory.last { $0.step <= step } ?? rankHistory.first)?.kept ?? [] }
}
