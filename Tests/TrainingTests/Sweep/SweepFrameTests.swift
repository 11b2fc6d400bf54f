// How long a sweep still takes, and what its database may hold.

import Foundation
import GRDB
import Models
import Testing

@testable import Training

@Suite struct SweepFrameTests {
  private func run(
    _ variant: String, _ state: SweepRun.State, seed: Int = 0, step: Int = 0, wall: Double? = nil, eta: Double? = nil
  ) -> SweepRun {
    var run = SweepRun(key: SweepRun.Key(variant: variant, settings: "{}", seed: seed), cell: "", totalSteps: 100)
    run.state = state
    run.step = step
    run.wallSeconds = wall
    run.eta = eta
    return run
  }

  private func frame(_ jobs: Int, _ runs: [SweepRun]) -> SweepFrame {
    SweepFrame(name: "s", jobs: jobs, runs: runs, isDriven: true, now: 0)
  }

  @Test("a run takes as long as those of its variant took, else as all took, else as the running ones tell")
  func estimates() {
    let done = [run("a", .done, wall: 10), run("a", .done, wall: 20), run("b", .done, wall: 60)]
    #expect(frame(1, done).secondsLeft == nil)
    #expect(frame(1, done + [run("a", .waiting)]).secondsLeft == 15)
    #expect(frame(1, done + [run("b", .waiting, step: 25)]).secondsLeft == 45)
    #expect(frame(1, done + [run("c", .waiting)]).secondsLeft == 30)
    #expect(frame(2, done + [run("a", .waiting), run("c", .waiting)]).secondsLeft == 30)
    #expect(frame(3, done + [run("a", .running, step: 50, eta: 7)]).secondsLeft == 7)
    #expect(frame(1, [run("a", .running, step: 50, eta: 10), run("b", .waiting)]).secondsLeft == 30)
    #expect(frame(1, [run("a", .running), run("b", .waiting)]).secondsLeft == nil)
    #expect(frame(1, [run("a", .failed)]).secondsLeft == nil)
  }

  // MARK: - The database

  private let temporary: TemporaryFolder
  private var folder: String { temporary.path }

  init() throws { temporary = try TemporaryFolder() }

  private func withDatabase(_ body: (String) throws -> Void) throws {
    var first = run("a", .done, step: 100, wall: 3)
    first.folder = "a-s0-1"
    first.accuracy = 0.5
    first.loss = .nan
    first.ranks = .object(JSONObject([("query", .integer(3))]))
    var second = run("b", .failed, seed: 1)
    second.reason = "no\u{1B}[31m space"
    let database = try SweepDatabase(path: folder + "/sweep.sqlite")
    try database.write([first, second], facts: ["name": "s"])
    first.accuracy = 0.75
    try database.write([first])
    try body(folder + "/sweep.sqlite")
  }

  @Test("what was written is read again, in one row a run")
  func written() throws {
    try withDatabase { path in
      let runs = try SweepDatabase(path: path).runs()
      #expect(runs.map(\.variant) == ["a", "b"] && runs.map(\.seed) == [0, 1])
      #expect(runs[0].accuracy == 0.75 && runs[0].loss == nil && runs[0].wallSeconds == 3 && runs[0].step == 100)
      #expect(runs[0].ranks?["query"] == .integer(3))
      #expect(runs[1].reason == "no [31m space" && runs[1].folder == nil)
      let frame = try SweepReader(folder: folder).frame()
      #expect(frame.runs.map(\.title) == ["a seed 0", "b seed 1"] && !frame.isDriven)
    }
  }

  @Test(
    "a database that no sweep wrote is refused, with the place",
    arguments: [
      ("UPDATE run SET state = 'asleep'", "run.state: asleep, expected waiting, running, done or failed"),
      ("UPDATE run SET folder = '../../etc'", "run.folder: ../../etc"),
      ("UPDATE run SET folder = '..'", "run.folder: .."), ("UPDATE run SET seed = -1", "run.seed: -1"),
      ("UPDATE run SET step = -5", "run.step: -5"), ("UPDATE run SET listed = 7", "run.listed: 7"),
      ("DROP TABLE run", "run: no such table"),
      ("ALTER TABLE run RENAME TO r; CREATE VIEW run AS SELECT * FROM r", "run: no such table"),
      ("ALTER TABLE run ADD COLUMN x TEXT AS (hex(zeroblob(100000000)))", "run: has a computed column"),
      ("PRAGMA user_version = 9", "version 9 of the schema"), ("PRAGMA application_id = 1", "not a sweep's"),
    ])
  func hostile(_ sql: String, _ expected: String) throws {
    try withDatabase { path in
      try DatabaseQueue(path: path).inDatabase { try $0.execute(sql: sql) }
      let error = #expect(throws: InputError.self) { _ = try SweepReader(folder: folder).frame() }
      #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
      #expect(error?.kind == .malformed)
    }
  }

  @Test("what is no database, or not there, is told")
  func none() throws {
    #expect(throws: InputError.self) { try SweepReader(folder: folder) }
    try Data(repeating: UInt8(ascii: "x"), count: 200).write(to: URL(fileURLWithPath: folder + "/sweep.sqlite"))
    let error = #expect(throws: InputError.self) { try SweepReader(folder: folder) }
    #expect(error?.message == "cannot be read: not an SQLite database")
  }
}
