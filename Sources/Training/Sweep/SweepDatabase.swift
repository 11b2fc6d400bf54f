// The one database of a sweep's results, `sweep.sqlite`: written by the process that drives it, read by anybody.

import Foundation
import GRDB
import Models

enum SweepSchema {
  /// "RKSW". What each column holds is told in the README.
  static let database = DatabaseSchema(
    owner: "a sweep's", applicationID: 0x524B_5357, tables: ["meta", "run"], steps: steps)

  private static let steps = [
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE run (
      id INTEGER PRIMARY KEY, variant TEXT NOT NULL, cell TEXT NOT NULL, settings TEXT NOT NULL, seed INTEGER NOT NULL,
      folder TEXT, state TEXT NOT NULL, reason TEXT, started REAL, ended REAL, step INTEGER, total_steps INTEGER,
      loss REAL, accuracy REAL, matthews REAL, f1 REAL, wall_s REAL, step_ms REAL, tokens_per_s REAL,
      parameters INTEGER, peak_rss_bytes INTEGER, ranks TEXT, listed INTEGER NOT NULL,
      UNIQUE (variant, settings, seed)) STRICT;
    """
  ]

  /// In the order in which they were added.
  /// - Throws: for a value that no sweep would have written.
  static func runs(_ database: Database, path: String) throws -> [SweepRun] {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT substr(variant, 1, 200) AS variant, substr(cell, 1, 2000) AS cell, substr(settings, 1, 20000) AS settings,
          seed, substr(folder, 1, 300) AS folder, substr(state, 1, 20) AS state, substr(reason, 1, 2000) AS reason,
          started, ended, step, total_steps, loss, accuracy, matthews, f1, wall_s, step_ms, tokens_per_s, parameters,
          peak_rss_bytes, substr(ranks, 1, 200000) AS ranks, listed
        FROM run ORDER BY id LIMIT \(SweepPlan.maximumCells)
        """)
    var runs: [SweepRun] = []
    while let row = try rows.next() { runs.append(try run(RecordedRow(row: row, path: path, table: "run"))) }
    return runs
  }

  private static func run(_ row: RecordedRow) throws(InputError) -> SweepRun {
    let count = 0...RecordedLimits.number
    var run = SweepRun(
      key: SweepRun.Key(
        variant: TelemetryReader.line(try row.text("variant")), settings: try row.text("settings"),
        seed: try row.integer("seed", in: 0...Int.max)),
      cell: TelemetryReader.line(try row.text("cell")),
      totalSteps: try row.optionalInteger("total_steps", in: count) ?? 0)
    let state = try row.text("state")
    guard let known = SweepRun.State(rawValue: state) else {
      throw InputError(
        file: row.path, place: "run.state",
        "\(state), expected \(SweepRun.State.allCases.map(\.rawValue).joined(alternatives: "or"))")
    }
    run.state = known
    run.folder = try row.optionalText("folder")
    if let folder = run.folder, !ExperimentKey.isFolderName(folder) {
      throw InputError(file: row.path, place: "run.folder", "\(folder), expected the name of a folder in the sweep's")
    }
    run.reason = try row.optionalText("reason").map(TelemetryReader.line)
    run.started = try row.optionalNumber("started")
    run.ended = try row.optionalNumber("ended")
    run.step = try row.optionalInteger("step", in: count) ?? 0
    run.loss = try row.optionalNumber("loss")
    run.accuracy = try row.optionalNumber("accuracy")
    run.matthews = try row.optionalNumber("matthews")
    run.f1 = try row.optionalNumber("f1")
    run.wallSeconds = try row.optionalNumber("wall_s")
    run.stepMs = try row.optionalNumber("step_ms")
    run.tokensPerSecond = try row.optionalNumber("tokens_per_s")
    run.parameters = try row.optionalInteger("parameters", in: count)
    run.peakRSSBytes = try row.optionalInteger("peak_rss_bytes", in: 0...Int.max)
    run.ranks = try row.optionalText("ranks").flatMap { try? JSON.parse(Array($0.utf8), file: row.path) }
    run.isListed = try row.integer("listed", in: 0...1) == 1
    return run
  }
}

/// Writes `sweep.sqlite`. Used from one thread at a time.
final class SweepDatabase {
  private let path: String
  private let queue: DatabaseQueue

  /// Opens or makes it.
  /// - Throws: where it cannot be written, or is not a sweep's.
  init(path: String) throws(InputError) {
    self.path = path
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(2)
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
      queue = try DatabaseQueue(path: AbsolutePath.of(path, from: "."), configuration: configuration)
      try queue.inDatabase { database in
        _ = try SweepSchema.database.prepare(database, path: path)
        try SweepSchema.database.check(database, path: path)
      }
    } catch {
      throw InputError(error, database: path, writing: true)
    }
  }

  func runs() throws(InputError) -> [SweepRun] {
    do {
      return try queue.read { try SweepSchema.runs($0, path: path) }
    } catch {
      throw InputError(error, database: path, writing: false)
    }
  }

  /// Writes runs, new ones after those that there are, in one transaction.
  func write(_ runs: [SweepRun], facts: [String: String] = [:]) throws(InputError) {
    do {
      try queue.write { database in
        for (key, value) in facts.sorted(by: { $0.key < $1.key }) {
          try database.execute(sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)", arguments: [key, value])
        }
        for run in runs { try Self.write(run, database) }
      }
    } catch {
      throw InputError(error, database: path, writing: true)
    }
  }

  private static func write(_ run: SweepRun, _ database: Database) throws {
    func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
    let columns: [(name: String, value: (any DatabaseValueConvertible)?)] = [
      ("variant", run.variant), ("settings", run.key.settings), ("seed", run.seed), ("cell", run.cell),
      ("folder", run.folder), ("state", run.state.rawValue), ("reason", run.reason), ("started", finite(run.started)),
      ("ended", finite(run.ended)), ("step", run.step), ("total_steps", run.totalSteps), ("loss", finite(run.loss)),
      ("accuracy", finite(run.accuracy)), ("matthews", finite(run.matthews)), ("f1", finite(run.f1)),
      ("wall_s", finite(run.wallSeconds)), ("step_ms", finite(run.stepMs)),
      ("tokens_per_s", finite(run.tokensPerSecond)), ("parameters", run.parameters),
      ("peak_rss_bytes", run.peakRSSBytes), ("ranks", run.ranks?.serialized(pretty: false)), ("listed", run.isListed),
    ]
    let names = columns.map(\.name)
    let changes = names.dropFirst(3).map { "\($0) = excluded.\($0)" }
    try database.cachedStatement(
      sql: """
        INSERT INTO run (\(names.joined(separator: ", "))) VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))
        ON CONFLICT (variant, settings, seed) DO UPDATE SET \(changes.joined(separator: ", "))
        """
    ).execute(arguments: StatementArguments(columns.map(\.value)))
  }
}
