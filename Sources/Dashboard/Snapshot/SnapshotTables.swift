// ranks.csv, triplets.csv, steps.csv and budget.csv.

import AdaLoRA
import Training

enum SnapshotTables {
  /// A module a line.
  static func ranks(_ frame: Frame) -> String {
    var table = CSVTable(["module", "layer", "type", "rows", "columns", "initial", "kept", "nonzero", "planted"])
    for (index, module) in frame.description.modules.enumerated() {
      table.add([
        module.name, CSVTable.field(module.layer), module.type, String(module.outputSize), String(module.inputSize),
        String(frame.description.initialRank), CSVTable.field(frame.ranks[at: index]),
        CSVTable.field(frame.nonzero[at: index]), CSVTable.field(module.plantedRank),
      ])
    }
    return table.text
  }

  /// A triplet a line, counted from 0 within its module; none where rank is fixed.
  static func triplets(_ frame: Frame) -> String {
    let rules = ScoringRule.allCases
    var table = CSVTable(
      [
        "module", "triplet", "lambda", "kept", "s_lambda", "s_p", "s_q", "smoothed_sensitivity", "uncertainty",
      ] + rules.map { "score_\($0.rawValue)" } + ["mask_score"])
    let triplets = frame.triplets
    let rank = frame.description.initialRank
    guard !triplets.lambda.isEmpty else { return table.text }
    for (k, module) in frame.description.modules.enumerated() {
      for i in 0..<rank {
        let index = k * rank + i
        let values =
          [
            triplets.lambdaPart, triplets.pPart, triplets.qPart, triplets.smoothedSensitivity, triplets.uncertainty,
          ] + rules.map { triplets.scores[$0] ?? [] } + [triplets.maskScores]
        table.add(
          [
            module.name, String(i), CSVTable.field(triplets.lambda[at: index]),
            CSVTable.field(triplets.kept[at: index]),
          ] + values.map { CSVTable.field($0[at: index]) })
      }
    }
    return table.text
  }

  /// A recorded step a line. A long run's history is thinned: the steps are then evenly spread.
  static func steps(_ frame: Frame) -> String {
    var table = CSVTable([
      "step", "loss", "task_loss", "orth", "grad_norm", "lr", "beta1", "beta2", "orth_reg_weight", "deltaT", "target_r",
      "budget", "kept", "nonzero", "threshold", "tokens", "eval_loss", "eval_accuracy", "eval_matthews", "eval_f1",
    ])
    for record in frame.history.lazy.map(\.record) {
      let numbers = [record.loss, record.taskLoss, record.orth, record.gradNorm, record.lr, record.beta1, record.beta2]
      let counts = [record.budget, record.kept, record.nonzero]
      let eval = record.eval
      let metrics = [eval?.loss, eval?.accuracy, eval?.matthews, eval?.f1]
      table.add(
        [String(record.step)] + numbers.map { CSVTable.field($0) }
          + [CSVTable.field(record.orthRegWeight), String(record.deltaT), CSVTable.field(record.targetR)]
          + counts.map(String.init) + [CSVTable.field(record.threshold), String(record.tokens)]
          + metrics.map { CSVTable.field($0) })
    }
    return table.text
  }

  /// Rows of `budget.csv` at most, but for the recorded steps.
  private static let plannedRows = 10_000

  /// b(t) as planned over the whole run, and what was kept where a step was recorded. Every step, or every so many of
  /// a very long run together with the recorded ones.
  static func budget(_ frame: Frame) -> String {
    var table = CSVTable(["step", "planned", "kept"])
    guard let schedule = frame.schedule else { return table.text }
    let stride = (schedule.totalSteps + plannedRows - 1) / plannedRows
    var recorded = frame.history[...]
    for step in 0..<schedule.totalSteps {
      let point = recorded.first?.record.step == step ? recorded.popFirst() : nil
      guard point != nil || step % stride == 0 || step == schedule.totalSteps - 1 else { continue }
      table.add([String(step), String(schedule.budget(at: step)), CSVTable.field(point?.record.kept)])
    }
    return table.text
  }
}
