// A run's database as anybody may read it, also while another process writes.

import AdaLoRA
import Foundation
import GRDB
import Models

/// Reads `telemetry.sqlite`; never writes. A database that is damaged, hostile or another program's ends in an
/// `InputError`, with memory bounded whatever it says. Used from one thread at a time.
public final class TelemetryReader {
  public let path: String
  /// `folder` is where the database lies.
  public let description: RunDescription
  /// The rows of `meta`, of at most 1 MB each.
  public let facts: [String: String]
  /// The run's draw for the rule `random`, made again from its seed.
  let random: [Float]
  let queue: DatabaseQueue
  var history: RecordedHistory
  /// The frame as of the database's version in `seen`.
  var latest: Frame?
  var seen: Int?
  /// The scores of the newest mask among the steps up to `through`.
  var lastMask: (through: Int, scores: [Float])?

  /// Triplets of all modules; 0 where rank is fixed.
  public var tripletCount: Int { random.count }

  /// Name of the file in the run's folder through which commands may be sent; nil: read-only.
  public var control: String? {
    facts["control"].flatMap { name in ExperimentKey.isFolderName(name) ? name : nil }
  }

  // MARK: Opening

  /// - Throws: of kind `missing` where there is no file, else `malformed`.
  public init(path: String) throws(InputError) {
    self.path = path
    let absolute = AbsolutePath.of(path, from: ".")
    do {
      queue = try ForeignDatabase.open(path)
      let (facts, description) = try queue.read { database in
        try TelemetrySchema.database.check(database, path: path)
        let facts = try ForeignDatabase.facts(database, path: path)
        return (facts, try Self.description(database, facts, path: path, folder: absolute))
      }
      self.facts = facts
      self.description = description
    } catch {
      throw InputError(error, database: path, writing: false)
    }
    let count = description.allocates ? description.modules.count * description.initialRank : 0
    random = TripletScores.draws(seed: UInt64(bitPattern: Int64(facts["seed"].flatMap(Int.init) ?? 0)), count: count)
    history = RecordedHistory(frameBytes: 56 * count)
  }

  private static func description(
    _ database: Database, _ facts: [String: String], path: String, folder: String
  ) throws -> RunDescription {
    func wrong(_ key: String, _ expected: String) -> InputError {
      InputError(
        file: path, place: "meta.\(key)", (facts[key] == nil ? "missing" : "not usable") + ", expected \(expected)")
    }
    func integer(_ key: String, _ range: ClosedRange<Int>, absent: Int? = nil) throws -> Int {
      if facts[key] == nil, let absent { return absent }
      guard let value = facts[key].flatMap({ Int($0) }), range.contains(value) else {
        throw wrong(key, "an integer, \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, absent: Value) throws -> Value
    where Value.RawValue == String {
      guard let text = facts[key] else { return absent }
      guard let value = Value(rawValue: text) else {
        throw wrong(key, Value.allCases.map(\.rawValue).joined(alternatives: "or"))
      }
      return value
    }
    guard let method = facts["method"], ListedMethod(title: method) != nil else {
      throw wrong("method", ListedMethod.allCases.map(\.title).joined(alternatives: "or"))
    }
    guard let scale = facts["effective_scale"].flatMap({ Double($0) }), scale.isFinite else {
      throw wrong("effective_scale", "a number")
    }
    let parts = folder.split(separator: "/").dropLast()
    let modules = try modules(database, path)
    let rank = try integer("initial_rank", 1...RecordedLimits.rank)
    guard modules.count * rank <= RecordedLimits.triplets else {
      throw InputError(
        file: path, "\(modules.count) modules × \(rank) triplets are more than \(RecordedLimits.triplets)")
    }
    return RunDescription(
      run: Self.line(facts["run"] ?? parts.last.map(String.init) ?? ""), folder: "/" + parts.joined(separator: "/"),
      model: Self.line(facts["model"] ?? ""), method: method, score: try choice("score", absent: ScoringRule.smoothed),
      dialect: try choice("dialect", absent: Dialect.peft), modules: modules, initialRank: rank,
      effectiveScale: scale, totalSteps: try integer("total_steps", 1...RecordedLimits.step),
      threads: try integer("threads", 0...RecordedLimits.modules, absent: 0),
      blasCore: Self.line(facts["blas_core"] ?? ""),
      metric: Self.line(facts["metric"] ?? ""),
      firstRank: facts["first_rank"] == nil ? nil : try integer("first_rank", 0...rank),
      budgetUnit: try choice("budget", absent: BudgetUnit.rank))
  }

  private static func modules(_ database: Database, _ path: String) throws -> [RunDescription.Module] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT id, substr(name, 1, 1000) AS name, layer, substr(type, 1, 1000) AS type, output_size, input_size,
          planted_rank
        FROM module ORDER BY id LIMIT \(RecordedLimits.modules + 1)
        """)
    guard !rows.isEmpty, rows.count <= RecordedLimits.modules else {
      throw InputError(
        file: path, place: "module", "\(rows.isEmpty ? "no" : "too many") rows, expected 1 to \(RecordedLimits.modules)"
      )
    }
    return try rows.enumerated().map { index, row in
      let row = RecordedRow(row: row, path: path, table: "module")
      guard try row.integer("id", in: 0...RecordedLimits.modules) == index else {
        throw InputError(file: path, place: "module.id", "expected 0, 1, 2, … without a gap")
      }
      let size = 1...Int(Int32.max)
      return RunDescription.Module(
        name: Self.line(try row.text("name")), layer: try row.optionalInteger("layer", in: 0...RecordedLimits.modules),
        type: Self.line(try row.text("type")), outputSize: try row.integer("output_size", in: size),
        inputSize: try row.integer("input_size", in: size),
        plantedRank: try row.optionalInteger("planted_rank", in: 0...RecordedLimits.rank))
    }
  }

  /// Text for a screen: one line without control characters.
  static func line(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { !isShown($0) }) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isShown($0) ? $0 : " " }))
  }

  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
    default: true
    }
  }
}
