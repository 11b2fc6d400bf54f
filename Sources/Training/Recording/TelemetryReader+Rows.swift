// What a run's database holds, table by table.

import AdaLoRA
import Foundation
import GRDB
import Models

extension TelemetryReader {
  /// One evaluation, with the step it followed.
  public struct RecordedEvaluation: Sendable, Equatable {
    public var step: Int
    /// "eval" or "test".
    public var split: String
    public var evaluation: Evaluation
  }

  /// The row `live`.
  public struct RecordedLive: Sendable {
    public var state: RunState
    public var stepsDone: Int?
    /// The writer's process, on its machine.
    public var pid: Int?
    /// When the row was written, in Unix time.
    public var updated: Double?
    public var tokensPerSecond: Double?
    public var eta: Double?
    /// What the next step will use.
    public var beta1, beta2, orthRegWeight, learningRate, targetR: Double?
    public var deltaT: Int?
    var triplets: TripletColumns?
  }

  /// Runs `body` on one consistent state of the database.
  func read<Result>(_ body: (Database) throws -> Result) throws(InputError) -> Result {
    do {
      return try queue.read(body)
    } catch {
      throw InputError(error, database: path, writing: false)
    }
  }

  /// Steps in order.
  /// - Parameters:
  ///   - steps: nil: all.
  ///   - count: at most about so many, evenly spread, always with the last; nil: every one.
  public func records(in steps: ClosedRange<Int>? = nil, atMost count: Int? = nil) throws(InputError) -> [StepRecord] {
    try read { database in
      let range = steps ?? 0...Int.max
      guard let last = try self.lastStep(database, atMost: range.upperBound), last >= range.lowerBound else {
        return []
      }
      let first = max(range.lowerBound, try self.firstStep(database) ?? 0)
      guard let count, last - first + 1 > count else {
        return try self.records(database, "s.step BETWEEN ? AND ? ORDER BY s.step", [first, last])
      }
      let spacing = (last - first) / max(count, 1) + 1
      var records: [StepRecord] = []
      for start in stride(from: first, through: last, by: spacing) {
        records += try self.records(
          database, "s.step BETWEEN ? AND ? ORDER BY s.step LIMIT 1", [start, min(start + spacing - 1, last)])
      }
      if records.last?.step != last { records += try self.records(database, "s.step = ?", [last]) }
      return records
    }
  }

  public func evaluations() throws(InputError) -> [RecordedEvaluation] {
    try read { database in try self.evaluations(database, from: 0) }
  }

  /// The newest events, oldest first.
  public func events(latest count: Int = 400) throws(InputError) -> [Event] {
    try read { database in try self.events(database, latest: count) }
  }

  /// Oldest first.
  public func interventions() throws(InputError) -> [Intervention] {
    try read { database in try self.interventions(database) }
  }

  /// The curves of b(t) with the step from which each held; empty where rank is fixed.
  public func schedules() throws(InputError) -> [(step: Int, schedule: BudgetSchedule)] {
    try read { database in
      try self.schedules(database, "ORDER BY step LIMIT \(RecordedLimits.schedules)")
    }
  }

  /// The triplets of the newest row at or before `step`, with its step; nil where there is none.
  public func triplets(at step: Int) throws(InputError) -> (step: Int, frame: TripletFrame)? {
    try read { database in
      guard let found = try self.tripletStep(database, atMost: step) else { return nil }
      return (found, try self.triplets(database, step: found))
    }
  }

  /// What is recorded of the triplets in the very row of a step: kept triplets a module, all, and the norms
  /// ‖PᵀP − I‖_F, ‖QQᵀ − I‖_F a module, where they are. nil where the step has no such row.
  public func tripletRow(at step: Int) throws(InputError) -> (ranks: [Int], frame: TripletFrame, orth: [Float]?)? {
    try read { database in
      guard try self.tripletStep(database, atMost: step) == step else { return nil }
      let frame = try self.triplets(database, step: step)
      let rank = self.description.initialRank
      let ranks = self.description.modules.indices.map { k in
        frame.kept[k * rank..<(k + 1) * rank].count { $0 }
      }
      let bytes = try Data.fetchOne(database, sql: "SELECT orth FROM triplets WHERE step = ?", arguments: [step])
      let orth = bytes.flatMap { $0.count == 8 * ranks.count ? NumberBytes.float32($0) : nil }
      return (ranks, frame, orth)
    }
  }

  /// nil where no such row has been written.
  public func live() throws(InputError) -> RecordedLive? { try read { database in try self.live(database) } }

  // MARK: Inside a transaction

  func rows(_ database: Database, _ table: String, _ sql: String, _ arguments: StatementArguments = []) throws
    -> [RecordedRow]
  {
    try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments)
      .map { RecordedRow(row: $0, path: path, table: table) }
  }

  func lastStep(_ database: Database, atMost step: Int = .max) throws -> Int? {
    let row = try rows(database, "step", "SELECT max(step) AS step FROM step WHERE step <= ?", [step])
    return try row.first?.optionalInteger("step", in: 0...RecordedLimits.step)
  }

  func firstStep(_ database: Database) throws -> Int? {
    try rows(database, "step", "SELECT min(step) AS step FROM step").first?
      .optionalInteger("step", in: 0...RecordedLimits.step)
  }

  func records(_ database: Database, _ condition: String, _ arguments: StatementArguments) throws -> [StepRecord] {
    let statement = try database.cachedStatement(sql: StepRecord.selection + condition)
    var records: [StepRecord] = []
    let cursor = try Row.fetchCursor(statement, arguments: arguments)
    while let row = try cursor.next() {
      records.append(try StepRecord(RecordedRow(row: row, path: path, table: "step")))
    }
    return records
  }

  func evaluations(_ database: Database, from step: Int) throws -> [RecordedEvaluation] {
    try rows(
      database, "evaluation",
      """
      SELECT step, substr(split, 1, 100) AS split, loss, accuracy, matthews, f1 FROM evaluation
      WHERE step >= ? ORDER BY step, split LIMIT 1000000
      """, [step]
    ).map { row in
      RecordedEvaluation(
        step: try row.integer("step", in: 0...RecordedLimits.step), split: try row.text("split"),
        evaluation: Evaluation(
          loss: try row.number("loss"), accuracy: try row.optionalNumber("accuracy"),
          matthews: try row.optionalNumber("matthews"), f1: try row.optionalNumber("f1")))
    }
  }

  func events(_ database: Database, latest count: Int) throws -> [Event] {
    try rows(
      database, "event",
      "SELECT step, substr(kind, 1, 100) AS kind, substr(text, 1, \(RecordedLimits.text)) AS text FROM event "
        + "ORDER BY id DESC LIMIT ?", [max(count, 0)]
    ).reversed().map { row in
      Event(
        step: try row.integer("step", in: 0...RecordedLimits.step),
        kind: Event.Kind(rawValue: try row.text("kind")) ?? .warning, text: Self.line(try row.text("text")))
    }
  }

  func interventions(_ database: Database) throws -> [Intervention] {
    try rows(
      database, "intervention",
      """
      SELECT step, substr(parameter, 1, 100) AS parameter, old, new, is_undo FROM intervention
      ORDER BY id LIMIT \(RecordedLimits.interventions)
      """
    ).compactMap { row in
      guard let parameter = Hyperparameter(rawValue: try row.text("parameter")) else { return nil }
      return Intervention(
        step: try row.integer("step", in: 0...RecordedLimits.step), parameter: parameter, old: try row.number("old"),
        new: try row.number("new"), isUndo: try row.integer("is_undo", in: 0...1) == 1)
    }
  }

  func schedules(_ database: Database, _ order: String) throws -> [(step: Int, schedule: BudgetSchedule)] {
    try rows(
      database, "schedule",
      """
      SELECT step, initial_budget, tinit, tfinal, deltaT, total_step, substr(anchors, 1, 1000000) AS anchors
      FROM schedule \(order)
      """
    ).map { row in
      let step = try row.integer("step", in: 0...RecordedLimits.step)
      return (step, try schedule(row))
    }
  }

  /// The curve as it was made: from its first piece, with the target changed where the others begin.
  private func schedule(_ row: RecordedRow) throws -> BudgetSchedule {
    let steps = 0...RecordedLimits.step
    let initial = try row.integer("initial_budget", in: 0...RecordedLimits.triplets)
    let warmup = try row.integer("tinit", in: steps)
    let final = try row.integer("tfinal", in: steps)
    let total = try row.integer("total_step", in: steps)
    let interval = try row.integer("deltaT", in: 1...RecordedLimits.step)
    let bytes = Array(try row.text("anchors").utf8)
    let pieces = try JSON.parse(bytes, file: path).array(file: path, at: "schedule.anchors").map { piece in
      try piece.array(file: path, at: "schedule.anchors").map { try $0.integer(file: path, at: "schedule.anchors") }
    }
    let room = description.grows ? tripletCount : initial
    func wrong() -> InputError {
      InputError(
        file: path, place: "schedule", "no curve of a budget: \(pieces.count) pieces, b₀ \(initial), T \(total)")
    }
    guard let first = pieces.first, pieces.count <= 10_000, pieces.allSatisfy({ $0.count == 3 }),
      total > warmup + final, room >= initial, (0...room).contains(first[2])
    else { throw wrong() }
    var schedule = BudgetSchedule(
      initialBudget: initial, targetBudget: first[2], room: room, curve: description.curve, initialWarmup: warmup,
      finalWarmup: final, maskInterval: interval, totalSteps: total)
    for piece in pieces.dropFirst() {
      guard schedule.setTarget(piece[2], at: piece[0]) else { throw wrong() }
    }
    return schedule
  }

  /// The step of the newest row of triplets at or before `step`.
  func tripletStep(_ database: Database, atMost step: Int) throws -> Int? {
    guard tripletCount > 0 else { return nil }
    return try rows(database, "triplets", "SELECT max(step) AS step FROM triplets WHERE step <= ?", [step]).first?
      .optionalInteger("step", in: 0...RecordedLimits.step)
  }

  /// The row of exactly this step.
  func triplets(_ database: Database, step: Int) throws -> TripletFrame {
    let found = try rows(
      database, "triplets",
      """
      SELECT kept, score, lambda, lambda_part, p_part, q_part, sensitivity, smoothed, uncertainty, masked
      FROM triplets WHERE step = ?
      """, [step])
    guard let row = found.first else { throw InputError(file: path, place: "triplets", "no row of step \(step)") }
    let columns = TripletColumns(
      kept: try row.blob("kept"), score: try row.blob("score"), lambda: try row.blob("lambda"),
      parts: try ["lambda_part", "p_part", "q_part", "sensitivity", "smoothed", "uncertainty"].map(row.blob))
    if let wrong = columns.wrongColumn(count: tripletCount) {
      throw InputError(
        file: path, place: "triplets.\(wrong)", "step \(step): wrong length for \(tripletCount) triplets")
    }
    let isMask = try row.integer("masked", in: 0...1) == 1
    let maskScores =
      isMask ? columns.score.map(NumberBytes.float32) ?? [] : try self.maskScores(database, atMost: step)
    return columns.frame(count: tripletCount, rule: description.score, random: random, maskScores: maskScores)
  }

  /// S as the newest mask at or before `step` used them; empty before the first. Quick where `step` goes up.
  func maskScores(_ database: Database, atMost step: Int) throws -> [Float] {
    let known = lastMask.flatMap { $0.through <= step ? $0 : nil } ?? (through: -1, scores: [])
    guard known.through < step else { return known.scores }
    let row = try rows(
      database, "triplets",
      "SELECT step, score FROM triplets WHERE step BETWEEN ? AND ? AND masked = 1 ORDER BY step DESC LIMIT 1",
      [known.through + 1, step]
    ).first
    var scores = known.scores
    if let row {
      guard let score = try row.blob("score"), score.count == 4 * tripletCount else {
        throw InputError(file: path, place: "triplets.score", "a mask's: wrong length for \(tripletCount) triplets")
      }
      scores = NumberBytes.float32(score)
    }
    lastMask = (step, scores)
    return scores
  }

  /// The step of the newest rows of ranks at or before `step`.
  func rankStep(_ database: Database, atMost step: Int) throws -> Int? {
    try rows(database, "rank", "SELECT max(step) AS step FROM rank WHERE step <= ?", [step]).first?
      .optionalInteger("step", in: 0...RecordedLimits.step)
  }

  /// Kept and λ ≠ 0 a module; what it starts with for a module without a row.
  func ranks(_ database: Database, step: Int?) throws -> (kept: [Int], nonzero: [Int]) {
    let all = description.firstRanks
    var ranks = (kept: all, nonzero: all)
    guard let step else { return ranks }
    for row in try rows(
      database, "rank", "SELECT module, kept, nonzero FROM rank WHERE step = ? LIMIT \(all.count)", [step])
    {
      let module = try row.integer("module", in: 0...all.count - 1)
      ranks.kept[module] = try row.integer("kept", in: 0...description.initialRank)
      ranks.nonzero[module] = try row.integer("nonzero", in: 0...description.initialRank)
    }
    return ranks
  }

  func live(_ database: Database) throws -> RecordedLive? {
    let found = try rows(
      database, "live",
      """
      SELECT substr(state, 1, 100) AS state, substr(reason, 1, \(RecordedLimits.text)) AS reason, steps_done, pid,
        updated, tokens_per_s, eta, beta1, beta2, orth_reg_weight, learning_rate, target_r, deltaT, triplets
      FROM live WHERE id = 0
      """)
    guard let row = found.first else { return nil }
    let name = try row.text("state")
    guard let state = RunState(recorded: name, reason: try row.optionalText("reason").map(Self.line)) else {
      throw InputError(file: path, place: "live.state", "\(name), expected a state")
    }
    var columns: TripletColumns?
    if tripletCount > 0, let joined = try row.blob("triplets") {
      columns = TripletColumns(joined: joined, count: tripletCount)
      guard columns != nil else {
        throw InputError(file: path, place: "live.triplets", "wrong length for \(tripletCount) triplets")
      }
    }
    return RecordedLive(
      state: state, stepsDone: try row.optionalInteger("steps_done", in: 0...RecordedLimits.step),
      pid: try row.optionalInteger("pid", in: 0...Int(Int32.max)), updated: try row.optionalNumber("updated"),
      tokensPerSecond: try row.optionalNumber("tokens_per_s"), eta: try row.optionalNumber("eta"),
      beta1: try row.optionalNumber("beta1"), beta2: try row.optionalNumber("beta2"),
      orthRegWeight: try row.optionalNumber("orth_reg_weight"), learningRate: try row.optionalNumber("learning_rate"),
      targetR: try row.optionalNumber("target_r"),
      deltaT: try row.optionalInteger("deltaT", in: 0...RecordedLimits.number), triplets: columns)
  }
}
