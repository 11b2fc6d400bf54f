// Databases that are damaged, another program's, or made to do harm: each is read or refused in one line.

import AdaLoRA
import Foundation
import GRDB
import Kernels
import Models
import Testing

@testable import Training

@Suite(.serialized) struct HostileDatabaseTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func edit(_ sql: String, _ path: String? = nil) throws {
    try DatabaseQueue(path: path ?? folder.database).inDatabase { database in
      try database.execute(sql: "PRAGMA writable_schema = ON; PRAGMA ignore_check_constraints = ON; \(sql)")
    }
  }

  /// Everything that a reader gives.
  private func readAll(_ path: String) throws(InputError) -> Int {
    let reader = try TelemetryReader(path: path)
    let records = try reader.records(atMost: 100_000).count
    _ = try reader.evaluations()
    _ = try reader.events()
    _ = try reader.interventions()
    _ = try reader.schedules()
    _ = try reader.live()
    for step in stride(from: 0, to: 200, by: 33) { _ = try reader.triplets(at: step) }
    let frame = try reader.frame()
    #expect(frame.history.count <= 3 * RecordedLimits.points)
    #expect(frame.ranks.count == reader.description.modules.count)
    return records
  }

  private func complaint(_ path: String? = nil) -> InputError? {
    do {
      _ = try readAll(path ?? folder.database)
      return nil
    } catch {
      return error
    }
  }

  @Test("a newer version's and another application's are refused, by reader and recorder, and left as they are")
  func otherVersions() throws {
    let run = RecordedRun()
    try run.make(folder.database, steps: 5)
    try edit("PRAGMA user_version = 2")
    let newer = "written with version 2 of the schema, expected 1; a newer ranktop wrote it"
    #expect(complaint()?.message == newer)
    #expect(throws: InputError(file: folder.database, newer)) { try run.recorder(folder.database, resumeAt: 3) }
    try edit("PRAGMA user_version = 1; PRAGMA application_id = 77")
    #expect(complaint()?.message == "an SQLite database, but not a run's: its application id is 77")

    let foreign = folder.path + "/foreign.sqlite"
    try edit("CREATE TABLE bookmarks (url TEXT)", foreign)
    let before = try Data(contentsOf: URL(fileURLWithPath: foreign))
    #expect(throws: InputError.self) { try run.recorder(foreign) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: foreign)) == before)
    #expect(!FileManager.default.fileExists(atPath: foreign + "-wal"))
  }

  @Test("a new file has the application id, the version and every table of the schema")
  func schema() throws {
    try RecordedRun().make(folder.database, steps: 1)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    #expect(bytes[68..<72] == Data([0x52, 0x4B, 0x54, 0x50]) && bytes[60..<64] == Data([0, 0, 0, 1]))
    try DatabaseQueue(path: folder.database).read { database in
      let tables = try String.fetchAll(database, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'")
      #expect(Set(tables) == Set(TelemetrySchema.database.tables))
      #expect(try String.fetchOne(database, sql: "PRAGMA journal_mode") == "wal")
      let notStrict = try Int.fetchOne(
        database,
        sql: "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'")
      #expect(notStrict == 0)
    }
  }

  @Test("what is no database, no file or not there is told")
  func noDatabase() throws {
    #expect(complaint(folder.path + "/none")?.kind == .missing)
    #expect(complaint(folder.path)?.message == "not a regular file")
    let text = folder.path + "/text"
    try Data("not a database, but longer than a header of one hundred bytes would be, which matters to it\n\n\n".utf8)
      .write(to: URL(fileURLWithPath: text))
    #expect(complaint(text)?.message == "cannot be read: not an SQLite database")
    let empty = folder.path + "/empty"
    try Data().write(to: URL(fileURLWithPath: empty))
    #expect(complaint(empty)?.message == "an empty database, expected a run's")
  }

  @Test(
    "a value that cannot be is an error that names its place",
    arguments: [
      (
        "UPDATE meta SET value = 'PISSA' WHERE key = 'method'",
        "meta.method: not usable, expected ADALORA, SVD-LORA, LORA, PRUNED-LORA, INCRELORA or ELALORA"
      ),
      ("UPDATE meta SET value = '1000000' WHERE key = 'initial_rank'", "meta.initial_rank"),
      ("DELETE FROM meta WHERE key = 'total_steps'", "meta.total_steps: missing"),
      ("UPDATE meta SET value = 'nan' WHERE key = 'effective_scale'", "meta.effective_scale"),
      ("DELETE FROM module", "module: no rows"),
      ("UPDATE module SET id = 100 WHERE id = 3", "module.id"),
      ("UPDATE module SET output_size = -5", "module.output_size: -5"),
      ("UPDATE triplets SET score = x'00'", "triplets.score: step 0: wrong length"),
      ("UPDATE triplets SET kept = zeroblob(1000)", "triplets.kept"),
      ("UPDATE triplets SET uncertainty = zeroblob(23)", "triplets.uncertainty"),
      ("UPDATE live SET triplets = zeroblob(10)", "live.triplets: wrong length"),
      ("UPDATE live SET state = 'asleep'", "live.state: asleep"),
      ("UPDATE step SET step = -1 WHERE step = 0", "step.step: -1"),
      ("UPDATE step SET step = 9223372036854775807 WHERE step = 9", "step.step"),
      ("UPDATE step SET tokens = -1", "step.tokens: -1"),
      ("UPDATE rank SET module = 4 WHERE module = 0", "rank.module: 4"),
      ("UPDATE rank SET kept = 99", "rank.kept: 99"),
      ("UPDATE schedule SET anchors = '[[20, 12'", "line 1"),
      ("UPDATE schedule SET anchors = '[[20, 12, 13]]'", "schedule: no curve"),
      ("UPDATE schedule SET tfinal = 100000", "schedule: no curve"),
      ("UPDATE schedule SET deltaT = 0", "schedule.deltaT: 0"),
      ("DROP TABLE event", "event: no such table"),
      ("ALTER TABLE event RENAME TO e; CREATE VIEW event AS SELECT * FROM e", "event: no such table"),
      ("DROP TABLE event; CREATE VIRTUAL TABLE event USING fts5(step, kind, text)", "event: no such table"),
      ("ALTER TABLE step ADD COLUMN x TEXT AS (hex(zeroblob(100000000)))", "step: has a computed column"),
      ("ALTER TABLE live DROP COLUMN eta", "no such column: eta"),
    ])
  func wrongValues(_ sql: String, _ expected: String) throws {
    try RecordedRun().make(folder.database, steps: 60)
    #expect(complaint() == nil)
    try edit(sql)
    let error = try #require(complaint(), "\(sql) was accepted")
    #expect(error.description.contains(expected), "\(error)")
    #expect(error.kind == .malformed && error.file == folder.database)
  }

  @Test("text is one line without escapes, and a command file lies in the run's folder")
  func text() throws {
    try RecordedRun().make(folder.database, steps: 5)
    try edit(
      "UPDATE event SET text = 'a' || char(27) || '[31m' || char(10) || 'b', kind = 'unheard of'; "
        + "INSERT INTO meta VALUES ('control', '../../etc/x'); UPDATE module SET name = char(0x202e) || 'x'")
    let reader = try TelemetryReader(path: folder.database)
    #expect(try reader.events().first?.text == "a [31m b" && reader.events().first?.kind == .warning)
    #expect(reader.control == nil)
    #expect(reader.description.modules[0].name == " x")
    try edit("UPDATE meta SET value = 'control.jsonl' WHERE key = 'control'")
    let controlled = try TelemetryReader(path: folder.database)
    #expect(try controlled.control == "control.jsonl" && controlled.frame().control == .remote)
  }

  @Test("a run whose steps are far apart is read in little time and memory")
  func sparse() throws {
    try RecordedRun().make(folder.database, steps: 60)
    try edit("UPDATE step SET step = step * 10000000000; UPDATE rank SET step = step * 10000000000")
    #expect(try TelemetryReader(path: folder.database).frame().history.count <= 61)
  }

  @Test("hundreds of databases with random damage are read or refused")
  func mutated() throws {
    try RecordedRun().make(folder.database)
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    let path = folder.path + "/mutated.sqlite"
    var random = RandomSource(seed: 5)
    var accepted = 0
    for round in 0..<400 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2:
          // A page's header and its first cell pointers, where the tree is told.
          let page = place / 4096 * 4096
          bytes[min(page + Int.random(in: 0..<24, using: &random), bytes.count - 1)] =
            UInt8.random(in: 0...255, using: &random)
        case 3:
          let end = min(place + Int.random(in: 1...64, using: &random), bytes.count)
          bytes.replaceSubrange(
            place..<end, with: Data((place..<end).map { _ in UInt8.random(in: 0...255, using: &random) }))
        case 4:
          // One page over another.
          let from = Int.random(in: 0..<bytes.count / 4096, using: &random) * 4096
          let to = Int.random(in: 0..<bytes.count / 4096, using: &random) * 4096
          bytes.replaceSubrange(to..<to + 4096, with: bytes.subdata(in: from..<from + 4096))
        default:
          if Int.random(in: 0..<4, using: &random) == 0 { bytes = bytes.prefix(max(place, 8192)) }
        }
      }
      for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
      try bytes.write(to: URL(fileURLWithPath: path))
      do {
        _ = try readAll(path)
        accepted += 1
      } catch {
        let text = error.description
        #expect(text.split(whereSeparator: \.isNewline).count == 1 && !error.message.isEmpty, "round \(round): \(text)")
        #expect(text.utf8.count < 2000 && error.file == path, "round \(round): \(text)")
      }
    }
    #expect(accepted > 30 && accepted < 400, "\(accepted) accepted")
  }
}
