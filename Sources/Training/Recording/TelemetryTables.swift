// The rows of a run's database as they are written.

import AdaLoRA
import Foundation
import GRDB
import Models

/// What the recorder's queue holds: rows, or the order to delete some.
enum TelemetryEntry: Sendable {
  struct Step: Sendable {
    var record: StepRecord
    var learningRate: Double
    var triplets: TripletFrame?
    /// Kept and λ ≠ 0 a module; empty where no row of `rank` is due.
    var ranks: [Int]
    var nonzero: [Int]
    var masked: Bool
    /// ‖PᵀP − I‖_F and ‖QQᵀ − I‖_F, module after module.
    var orth: [Float]?
  }

  case step(Step)
  case event(Event, time: Double)
  case intervention(Intervention, time: Double)
  case evaluation(Evaluation, split: String, step: Int)
  case schedule(BudgetSchedule, step: Int)
  case cost(wallSeconds: Double, peakRSSBytes: Int)
  case truncate(Int)
}

/// Writes rows through cached statements. Used inside a transaction, on the recorder's thread.
struct TelemetryTables {
  let database: Database
  /// The run's own.
  let rule: ScoringRule

  private func run(_ sql: String, _ values: [(any DatabaseValueConvertible)?]) throws {
    try database.cachedStatement(sql: sql).execute(arguments: StatementArguments(values))
  }

  /// What is not finite has no place in a REAL column.
  private func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }

  func write(_ entry: TelemetryEntry) throws {
    switch entry {
    case .step(let step): try write(step)
    case .event(let event, let time):
      try run(
        "INSERT INTO event (step, kind, text, time) VALUES (?, ?, ?, ?)",
        [event.step, event.kind.rawValue, event.text, time])
    case .intervention(let change, let time):
      try run(
        "INSERT INTO intervention (step, parameter, old, new, is_undo, time) VALUES (?, ?, ?, ?, ?, ?)",
        [change.step, change.parameter.rawValue, finite(change.old), finite(change.new), change.isUndo, time])
    case .evaluation(let evaluation, let split, let step): try write(evaluation, split: split, step: step)
    case .schedule(let schedule, let step):
      let anchors = JSON.array(
        schedule.anchors.map { .array([.integer($0.step), .integer($0.budget), .integer($0.target)]) })
      try run(
        "INSERT OR REPLACE INTO schedule VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
          step, schedule.initialBudget, schedule.targetBudget, schedule.initialWarmup, schedule.finalWarmup,
          schedule.maskInterval, schedule.totalSteps, anchors.serialized(pretty: false),
        ])
    case .cost(let wallSeconds, let peakRSSBytes):
      try run("INSERT OR REPLACE INTO meta VALUES ('wall_s', ?)", [String(wallSeconds)])
      // Of all processes that have trained the run.
      try run(
        "INSERT INTO meta VALUES ('peak_rss_bytes', ?) "
          + "ON CONFLICT (key) DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
        [String(peakRSSBytes)])
    case .truncate(let step): try truncate(from: step)
    }
  }

  private func write(_ step: TelemetryEntry.Step) throws {
    let r = step.record
    try run(
      "INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        r.step, finite(r.loss), finite(r.taskLoss), finite(r.orth), finite(r.gradNorm), finite(r.lr), finite(r.beta1),
        finite(r.beta2), finite(r.orthRegWeight), r.deltaT, finite(r.targetR), r.budget, r.kept, r.nonzero,
        finite(r.threshold), r.tokens, finite(r.stepMs), finite(step.learningRate),
      ])
    if let evaluation = r.eval { try write(evaluation, split: "eval", step: r.step) }
    for (module, ranks) in zip(step.ranks, step.nonzero).enumerated() {
      try run("INSERT OR REPLACE INTO rank VALUES (?, ?, ?, ?)", [r.step, module, ranks.0, ranks.1])
    }
    guard let triplets = step.triplets else { return }
    let columns = TripletColumns(triplets, rule: rule)
    guard let score = columns.score else { return }
    try run(
      "INSERT OR REPLACE INTO triplets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [r.step, columns.kept, score, columns.lambda] + columns.parts
        + [step.orth.map { NumberBytes.float32($0) }, step.masked])
  }

  private func write(_ evaluation: Evaluation, split: String, step: Int) throws {
    try run(
      "INSERT OR REPLACE INTO evaluation VALUES (?, ?, ?, ?, ?, ?)",
      [
        step, split, finite(evaluation.loss), finite(evaluation.accuracy), finite(evaluation.matthews),
        finite(evaluation.f1),
      ])
  }

  func write(_ live: LiveState, time: Double) throws {
    let (state, reason) = live.state.recorded
    try run(
      "INSERT OR REPLACE INTO live VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        state, reason, live.stepsDone, Int(getpid()), time, finite(live.tokensPerSecond), finite(live.eta),
        finite(live.beta1), finite(live.beta2), finite(live.orthRegWeight), finite(live.learningRate),
        finite(live.targetR), live.deltaT, TripletColumns(live.triplets, rule: rule).joined,
      ])
  }

  /// Deletes the rows of `step` and all later ones.
  func truncate(from step: Int) throws {
    for table in TelemetrySchema.tablesByStep { try run("DELETE FROM \(table) WHERE step >= ?", [step]) }
    try run("UPDATE live SET steps_done = min(steps_done, ?), triplets = NULL", [step])
  }

  /// The rows that do not change. On resuming those of `meta` are replaced, but for when it was started.
  /// - Throws: `InputError` where the database's modules are others.
  func write(_ description: RunDescription, facts: [String: String], path: String) throws {
    var rows = facts
    rows["run"] = description.run
    rows["model"] = description.model
    rows["method"] = description.method
    rows["score"] = description.score.rawValue
    rows["dialect"] = description.dialect.rawValue
    rows["initial_rank"] = String(description.initialRank)
    rows["effective_scale"] = String(description.effectiveScale)
    rows["total_steps"] = String(description.totalSteps)
    rows["threads"] = String(description.threads)
    rows["blas_core"] = description.blasCore
    rows["metric"] = description.metric
    rows["first_rank"] = description.firstRank.map { String($0) }
    rows["budget"] = description.budgetUnit.rawValue
    for (key, value) in rows.sorted(by: { $0.key < $1.key }) {
      try run("INSERT OR \(key == "started" ? "IGNORE" : "REPLACE") INTO meta VALUES (?, ?)", [key, value])
    }
    let names = try String.fetchAll(database, sql: "SELECT name FROM module ORDER BY id")
    guard names.isEmpty || names == description.modules.map(\.name) else {
      throw InputError(file: path, "holds a run with other modules (\(names.count), not \(description.modules.count))")
    }
    for (id, module) in description.modules.enumerated() {
      try run(
        "INSERT OR REPLACE INTO module VALUES (?, ?, ?, ?, ?, ?, ?)",
        [id, module.name, module.layer, module.type, module.outputSize, module.inputSize, module.plantedRank])
    }
  }
}
