// The runs of a comparison as a table: all that is needed to do the statistics again.

import Training

/// RFC 4180, a run a row.
public enum ComparisonCSV {
  public static func text(_ comparison: Comparison) -> String {
    let metric = comparison.metric.rawValue
    let modules = comparison.modules.map(\.name)
    var header = [
      "group", "run", "folder", "method", "score", "seed", "steps", "effective_scale", "initial_rank", "total_rank",
      "adapter_parameters", "adapter_parameters_at_start",
    ]
    for split in ["eval", "test"] { header += ComparisonMetric.allCases.map { "\(split)_\($0.rawValue)" } }
    header += ["best_step", "best_eval_\(metric)", "wall_s", "step_ms_median", "tokens_per_s", "peak_rss_bytes"]
    header += ["threads", "cpu"]
    header += comparison.differing.map(\.key)
    header += modules.map { "rank:" + $0 }
    var table = CSVTable(header)
    for (index, group) in comparison.groups.enumerated() {
      for run in group.runs {
        let best = comparison.metric.best(run.evaluations)
        let description = run.description
        let ranks = run.rankOfModule
        var row = [group.name, run.name, run.folder.path, description.method, description.score.rawValue]
        row += [String(run.seed), String(run.stepsDone), CSVTable.field(description.effectiveScale)]
        row += [description.initialRank, run.totalRank].map(String.init)
        row += [run.adapterParameters, run.adapterParametersAtStart].map(String.init)
        for evaluation in [run.evaluation, run.test] {
          row += ComparisonMetric.allCases.map { metric in CSVTable.field(evaluation.map(metric.value)) }
        }
        row += [CSVTable.field(best?.step), CSVTable.field((best?.evaluation).map(comparison.metric.value))]
        row += [run.wallSeconds, run.cost?.stepMs, run.cost?.tokensPerSecond].map { CSVTable.field($0) }
        row += [CSVTable.field(run.peakRSSBytes), String(description.threads), run.cpu]
        row += comparison.differing.map { $0.values[index] }
        table.add(row + modules.map { CSVTable.field(ranks[$0]) })
      }
    }
    return table.text
  }
}
