// A run's database: what is recorded is what is read, whatever happens in between.

import AdaLoRA
import Foundation
import GRDB
import Models
import Synchronization
import Testing

@testable import Training

@Suite(.serialized) struct TelemetryTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func count(_ table: String) throws -> Int? {
    try DatabaseQueue(path: folder.database).read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") }
  }

  private func tolerance(_ values: [Float]?) -> Float { (values?.map { abs($0) }.max() ?? 0) / 256 }

  private func isNear(_ a: [Float]?, _ b: [Float]?) -> Bool {
    guard let a, let b, a.count == b.count else { return false }
    return zip(a, b).allSatisfy { abs($0 - $1) <= tolerance(b) }
  }

  @Test("every step, rank, triplet, evaluation, event, intervention and schedule comes back as it was")
  func roundTrip() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    #expect(recorder.lastStep == nil)
    recorder.record(Event(step: 0, kind: .started, text: "begins"))
    recorder.record(run.schedule, from: 0)
    run.record(0..<100, into: recorder)
    var changed = run.schedule
    let isChanged = changed.setTarget(6, at: 100)
    #expect(isChanged)
    let intervention = Intervention(step: 100, parameter: .targetR, old: 1, new: 1.5, isUndo: false)
    recorder.record(intervention)
    recorder.record(changed, from: 100)
    run.record(100..<200, into: recorder)
    let test = Evaluation(loss: 0.4, accuracy: 0.9, matthews: 0.8, f1: 0.85)
    recorder.record(test, split: "test", step: 199)
    recorder.setLive(run.live(200, .done))
    #expect(recorder.lastStep == 199)
    try recorder.close()

    let reader = try TelemetryReader(path: folder.database)
    var description = run.description
    description.folder = AbsolutePath.of(folder.path, from: ".")
    #expect(reader.description == description)
    #expect(reader.facts["writer"] == "ranktop test" && reader.facts["cpu"] == "none" && reader.control == nil)
    #expect(try reader.records() == (0..<200).map(run.record))
    #expect(try reader.evaluations().filter { $0.split == "eval" }.map(\.step) == [39, 79, 119, 159, 199])
    #expect(try reader.evaluations().last { $0.split == "test" }?.evaluation == test)
    #expect(try reader.interventions() == [intervention])
    #expect(try reader.events().map(\.step) == [0] + (0..<200).filter(run.masks))
    #expect(try reader.events(latest: 2).map(\.text) == ["mask 150", "mask 151"])
    let schedules = try reader.schedules()
    #expect(schedules.map(\.step) == [0, 100] && schedules.map(\.schedule) == [run.schedule, changed])

    for step in 0..<200 {
      let due = (0...step).last { run.masks($0) || $0 % 25 == 0 || $0 == 199 }
      let (found, frame) = try #require(try reader.triplets(at: step))
      let wanted = run.triplets(found)
      #expect(found == due)
      #expect(frame.lambda == wanted.lambda && frame.kept == wanted.kept && frame.maskScores == wanted.maskScores)
      #expect(frame.scores[.smoothed] == wanted.scores[.smoothed])
      #expect(frame.scores[.uniform] == wanted.scores[.uniform])
      #expect(frame.scores[.random] == wanted.scores[.random])
      #expect(frame.scores[.magnitude] == wanted.scores[.magnitude])
      #expect(isNear(frame.scores[.sensitivity], wanted.scores[.sensitivity]))
      #expect(isNear(frame.lambdaPart, wanted.lambdaPart) && isNear(frame.pPart, wanted.pPart))
      #expect(isNear(frame.qPart, wanted.qPart) && isNear(frame.uncertainty, wanted.uncertainty))
      #expect(isNear(frame.smoothedSensitivity, wanted.smoothedSensitivity))
    }
    let live = try #require(try reader.live())
    #expect(live.state == .done && live.stepsDone == 200 && live.pid == Int(getpid()) && live.beta1 == 0.8)
    // ‖PᵀP − I‖ and ‖QQᵀ − I‖, two a module.
    let orth = try DatabaseQueue(path: folder.database).read {
      try Data.fetchOne($0, sql: "SELECT orth FROM triplets LIMIT 1")
    }
    #expect(orth.map(NumberBytes.float32) == (0..<8).map { Float($0) / 10 })
  }

  @Test("bfloat16 rounds to nearest, ties to even")
  func bfloat16() {
    let cases: [(UInt32, UInt16)] = [
      (0x3F80_0000, 0x3F80), (0x3F80_7FFF, 0x3F80), (0x3F80_8000, 0x3F80), (0x3F80_8001, 0x3F81),
      (0x3F81_8000, 0x3F82), (0x8000_0000, 0x8000), (0x7F7F_FFFF, 0x7F80), (0xFF80_0000, 0xFF80), (1, 0),
    ]
    for (bits, half) in cases { #expect(NumberBytes.bfloat16(Float(bitPattern: bits)) == half) }
    #expect(NumberBytes.bfloat16(Float(bitPattern: 0x7F80_0001)) & 0x7FFF > 0x7F80)
    #expect(NumberBytes.bits([true, false, true] + Array(repeating: false, count: 6) + [true]) == Data([5, 2]))
  }

  @Test("the frame is the one that the run would draw")
  func frame() throws {
    let run = RecordedRun()
    try run.make(folder.database)
    let frame = try TelemetryReader(path: folder.database).frame()
    #expect(frame.state == .done && frame.stepsDone == 200 && frame.record == run.record(199))
    #expect(frame.schedule == run.schedule && frame.beta1 == 0.8 && frame.deltaT == 10 && frame.eta == 5)
    #expect(frame.control == .readOnly && frame.tokensPerSecond == 1234)
    #expect(frame.ranks == run.ranks(199))
    #expect(frame.triplets.lambda == run.triplets(199).lambda)
    #expect(frame.triplets.maskScores == run.triplets(199).maskScores)
    #expect(frame.nonzero == (0..<4).map { k in (0..<3).count { frame.triplets.lambda[k * 3 + $0] != 0 } })
    #expect(frame.history.map(\.record) == (0..<200).map(run.record))
    for point in frame.history {
      #expect(point.ranks == run.ranks(point.record.step))
      #expect(point.triplets.kept == run.kept(point.record.step))
    }
    #expect(frame.events.first?.kind == .started)
  }

  @Test("a LoRA run has steps and no triplets")
  func lora() throws {
    var run = RecordedRun()
    run.method = "LORA"
    try run.make(folder.database, steps: 50)
    let reader = try TelemetryReader(path: folder.database)
    let frame = try reader.frame()
    #expect(frame.history.count == 50 && frame.schedule == nil && frame.triplets == TripletFrame())
    #expect(frame.ranks == [3, 3, 3, 3] && frame.history.allSatisfy { $0.ranks.isEmpty })
    #expect(try count("triplets") == 0 && count("rank") == 0)
    #expect(try reader.triplets(at: 40) == nil)
  }

  @Test("scores_every = 0 leaves the masks and the last step")
  func masksOnly() throws {
    var run = RecordedRun()
    run.scoresEvery = 0
    try run.make(folder.database)
    #expect(try count("triplets") == (0..<200).count { run.masks($0) || $0 == 199 })
    #expect(try count("rank") == 4 * (0..<200).count { run.masks($0) || $0 == 199 })
  }

  @Test("what is not finite is NULL, and NaN when it is read")
  func nonFinite() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    var record = run.record(0)
    record.loss = .nan
    record.gradNorm = .infinity
    recorder.record(
      step: record, learningRate: -.infinity, triplets: nil, ranks: [], nonzero: [], masked: false, orth: nil)
    recorder.record(
      run.record(1).eval ?? Evaluation(loss: .nan, accuracy: 1, matthews: 0, f1: 0), split: "eval", step: 0)
    try recorder.close()
    let nulls = try DatabaseQueue(path: folder.database).read {
      try Int.fetchOne(
        $0, sql: "SELECT (loss IS NULL) + (grad_norm IS NULL) + (learning_rate IS NULL) FROM step WHERE step = 0")
    }
    #expect(nulls == 3)
    let reader = try TelemetryReader(path: folder.database)
    let back = try #require(try reader.records().first)
    #expect(back.loss.isNaN && back.gradNorm.isNaN && back.taskLoss == record.taskLoss && back.eval?.loss.isNaN == true)
    // The same state read again is the same, NaN or not.
    _ = try reader.frame()
    #expect(try reader.refresh() == nil)
  }

  // MARK: Going back

  @Test("truncating deletes every row of the step and all later ones, in order with what is recorded")
  func truncate() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    recorder.record(run.schedule, from: 0)
    run.record(0..<120, into: recorder)
    recorder.record(Intervention(step: 110, parameter: .beta1, old: 0.8, new: 0.9, isUndo: false))
    recorder.truncate(from: 60)
    #expect(recorder.lastStep == 59)
    #expect(recorder.flush())
    for table in TelemetrySchema.tablesByStep {
      let last = try DatabaseQueue(path: folder.database).read {
        try Int.fetchOne($0, sql: "SELECT max(step) FROM \(table)")
      }
      #expect((last ?? 0) < 60, "\(table)")
    }
    let reader = try TelemetryReader(path: folder.database)
    #expect(try reader.frame().triplets.lambda == run.triplets(50).lambda)
    run.record(60..<80, into: recorder)
    try recorder.close()
    #expect(try reader.records().map(\.step) == Array(0..<80))
  }

  @Test("resuming goes on in the same file, and only in a run of the same modules")
  func resume() throws {
    let run = RecordedRun()
    try run.make(folder.database, steps: 100)
    #expect(throws: InputError(.unwritable, file: folder.database, "holds a run already")) {
      try run.recorder(folder.database)
    }
    var other = run
    other.modules = 5
    #expect(throws: InputError.self) { try other.recorder(folder.database, resumeAt: 10) }
    #expect(try count("step") == 100)
    let recorder = try run.recorder(folder.database, resumeAt: 70)
    #expect(recorder.lastStep == 69)
    run.record(70..<200, into: recorder)
    try recorder.close()
    #expect(try TelemetryReader(path: folder.database).records() == (0..<200).map(run.record))
  }

  // MARK: Reading while it is written

  @Test("a reader keeps up with a writer, and follows it when it goes back")
  func concurrent() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    recorder.record(run.schedule, from: 0)
    run.record(0..<1, into: recorder)
    #expect(recorder.flush())
    let reader = try TelemetryReader(path: folder.database)
    var last = try reader.frame()
    let writer = Thread {
      for step in 1..<150 {
        run.record(step..<step + 1, into: recorder)
        usleep(4000)
      }
      recorder.truncate(from: 90)
      run.record(90..<170, into: recorder)
    }
    writer.start()
    var frames = 1
    let isDone = try eventually(30) {
      guard let frame = try reader.refresh() else { return false }
      frames += 1
      let done = frame.stepsDone
      #expect(frame.history.map(\.record.step) == Array(0..<done))
      #expect(frame.record == run.record(done - 1))
      #expect(frame.history.last?.triplets.kept == run.kept(done - 1))
      last = frame
      return done == 170
    }
    #expect(isDone && frames > 5, "\(frames) frames, the last of step \(last.stepsDone)")
    try recorder.close()
    #expect(try reader.frame().history.map(\.record) == (0..<170).map(run.record))
  }

  @Test("a run of the same length with other numbers is read again")
  func rewritten() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    run.record(0..<50, into: recorder)
    #expect(recorder.flush())
    let reader = try TelemetryReader(path: folder.database)
    _ = try reader.frame()
    recorder.truncate(from: 20)
    for step in 20..<60 {
      var record = run.record(step)
      record.loss += 1
      record.stepMs += 1
      recorder.record(
        step: record, learningRate: 1, triplets: nil, ranks: [], nonzero: [], masked: false, orth: nil)
    }
    #expect(recorder.flush())
    let frame = try #require(try reader.refresh())
    #expect(frame.history.map { $0.record.loss > 1 } == (0..<60).map { $0 >= 20 })
    #expect(try reader.refresh() == nil)
    try recorder.close()
  }

  @Test("an evaluation that is recorded after its step reaches the history")
  func lateEvaluation() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    run.record(0..<30, into: recorder)
    #expect(recorder.flush())
    let reader = try TelemetryReader(path: folder.database)
    _ = try reader.frame()
    let evaluation = Evaluation(loss: 1, accuracy: 0.25, matthews: 0, f1: 0)
    recorder.record(evaluation, split: "eval", step: 29)
    #expect(recorder.flush())
    let frame = try #require(try reader.refresh())
    #expect(frame.record?.eval == evaluation && frame.history.last?.record.eval == evaluation)
    #expect(frame.history.count == 30)
    try recorder.close()
  }

  @Test("a long run's history is thinned evenly, with its evaluations and its last step; read at once or as it grows")
  func thinning() throws {
    var run = RecordedRun()
    run.modules = 1
    run.totalSteps = 5000
    run.warmup = 4000
    run.scoresEvery = 500
    run.evalEvery = 333
    let recorder = try run.recorder(folder.database)
    var growing: TelemetryReader?
    for start in stride(from: 0, to: 3000, by: 300) {
      run.record(start..<start + 300, into: recorder, live: false)
      #expect(recorder.flush())
      if growing == nil { growing = try TelemetryReader(path: folder.database) }
      _ = try growing?.refresh()
    }
    try recorder.close()
    let whole = try TelemetryReader(path: folder.database)
    let grid = Set(stride(from: 0, to: 3000, by: 4)).union(stride(from: 332, to: 3000, by: 333)).union([2999])
    for reader in [whole, try #require(growing)] {
      let history = try reader.frame().history
      #expect(history.map(\.record) == grid.sorted().map(run.record))
      for point in history { #expect(point.triplets.lambda == run.triplets(point.record.step / 500 * 500).lambda) }
    }
    let some = try whole.records(in: 100...2000, atMost: 10).map(\.step)
    #expect(some.count <= 11 && some.first == 100 && some.last == 2000)
  }

  @Test("flush moves everything into the main file, so that it can be copied without its WAL")
  func flushed() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    run.record(0..<120, into: recorder)
    #expect(recorder.flush())
    let copy = folder.path + "/copy.sqlite"
    try FileManager.default.copyItem(atPath: folder.database, toPath: copy)
    #expect(try TelemetryReader(path: copy).records() == (0..<120).map(run.record))
    try recorder.close()
  }

  @Test("a reader that holds an old state does not stop a flush")
  func blockedFlush() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    run.record(0..<10, into: recorder)
    #expect(recorder.flush())
    var configuration = Configuration()
    configuration.readonly = true
    let blocker = try DatabaseQueue(path: folder.database, configuration: configuration)
    try blocker.read { database in
      let rows = try Int.fetchOne(database, sql: "SELECT count(*) FROM step")
      #expect(rows == 10)
      run.record(10..<60, into: recorder)
      let start = ContinuousClock.now
      #expect(recorder.flush())
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(recorder.trouble == nil)
      let same = try Int.fetchOne(database, sql: "SELECT count(*) FROM step")
      #expect(same == 10)
    }
    #expect(try TelemetryReader(path: folder.database).records().count == 60)
    #expect(recorder.flush())
    try recorder.close()
  }

  @Test("what a killed writer had committed is read from its WAL")
  func killed() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database)
    run.record(0..<100, into: recorder)
    let reader = try TelemetryReader(path: folder.database)
    #expect(try eventually { try reader.records().count == 100 })
    // As it lies there at this moment: the main file is behind its WAL.
    let copy = folder.path + "/killed.sqlite"
    try FileManager.default.copyItem(atPath: folder.database, toPath: copy)
    try FileManager.default.copyItem(atPath: folder.database + "-wal", toPath: copy + "-wal")
    // And with its last frame torn.
    let torn = folder.path + "/torn.sqlite"
    let wal = try Data(contentsOf: URL(fileURLWithPath: copy + "-wal"))
    try FileManager.default.copyItem(atPath: folder.database, toPath: torn)
    try wal.dropLast(1000).write(to: URL(fileURLWithPath: torn + "-wal"))
    try recorder.close()
    let left = try TelemetryReader(path: copy)
    #expect(try left.records() == (0..<100).map(run.record))
    #expect(try left.frame().history.count == 100)
    let records = try TelemetryReader(path: torn).records()
    #expect(records == (0..<records.count).map(run.record) && records.count <= 100)
    let resumed = try run.recorder(copy, resumeAt: 100)
    run.record(100..<200, into: resumed)
    try resumed.close()
    #expect(try TelemetryReader(path: copy).records() == (0..<200).map(run.record))
  }

  // MARK: Trouble

  @Test("a full disk loses nothing: it is told, it is tried again, and everything is there in the end")
  func full() throws {
    let run = RecordedRun()
    let pages = Mutex(1_000_000)
    let recorder = try run.recorder(folder.database) { database in
      try database.execute(sql: "PRAGMA max_page_count = \(pages.withLock { $0 })")
    }
    run.record(0..<20, into: recorder)
    #expect(recorder.flush())
    pages.withLock { $0 = 1 }
    run.record(20..<60, into: recorder)
    #expect(eventually { recorder.trouble != nil })
    #expect(recorder.trouble == "\(folder.database): cannot be written: the disk is full")
    #expect(!recorder.flush())
    // More than the bound, with nobody to take them: no step may hang.
    for step in 60..<200 { run.record(step..<step + 1, into: recorder) }
    recorder.record(Event(step: 200, kind: .warning, text: "full"))
    for _ in 0..<300 { recorder.record(Event(step: 200, kind: .warning, text: "more")) }
    #expect(recorder.lastStep == 199)
    #expect(try TelemetryReader(path: folder.database).records().count < 60)
    pages.withLock { $0 = 1_000_000 }
    // The old limit is the connection's until the next transaction gets to its end; a failing one never does.
    #expect(eventually { recorder.trouble == nil })
    #expect(recorder.flush())
    try recorder.close()
    let reader = try TelemetryReader(path: folder.database)
    #expect(try reader.records() == (0..<200).map(run.record))
    #expect(try reader.events(latest: 1000).count { $0.kind == .warning } == 301)
  }

  @Test("an error of the disk at commit, and a lock that another holds, are waited out")
  func waitedOut() throws {
    let run = RecordedRun()
    let isBroken = Mutex(false)
    let recorder = try run.recorder(folder.database) { _ in
      if isBroken.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_IOERR) }
    }
    isBroken.withLock { $0 = true }
    run.record(0..<30, into: recorder)
    #expect(eventually { recorder.trouble?.contains("the disk does not answer") == true })
    isBroken.withLock { $0 = false }
    #expect(eventually { recorder.trouble == nil })

    let other = try DatabaseQueue(path: folder.database)
    try other.inDatabase { database in
      try database.execute(sql: "BEGIN IMMEDIATE")
      run.record(30..<40, into: recorder)
      #expect(eventually { recorder.trouble?.contains("another program holds a lock") == true })
      try database.execute(sql: "ROLLBACK")
    }
    #expect(eventually { recorder.trouble == nil })
    try recorder.close()
    #expect(try TelemetryReader(path: folder.database).records() == (0..<40).map(run.record))
  }

  @Test("closing under trouble ends, and tells what is lost")
  func closingUnderTrouble() throws {
    let run = RecordedRun()
    let recorder = try run.recorder(folder.database) { _ in throw DatabaseError(resultCode: .SQLITE_FULL) }
    run.record(0..<5, into: recorder)
    do {
      try recorder.close()
      Issue.record("it closed")
    } catch {
      #expect(error.kind == .unwritable && error.message.contains("the disk is full"), "\(error)")
      #expect(error.message.hasSuffix("5 entries are lost"), "\(error)")
    }
    #expect(!recorder.flush())
  }

  @Test("a file that cannot be written is refused at once")
  func unwritable() {
    #expect(throws: InputError.self) { try RecordedRun().recorder(folder.path + "/no/such/telemetry.sqlite") }
  }

  // MARK: Cost

  @Test("72 modules of 12 triplets with a mask every 10 steps take about 2 KB a step, and the trainer little time")
  func cost() throws {
    var run = RecordedRun()
    run.modules = 72
    run.rank = 12
    run.totalSteps = 3000
    run.warmup = 0
    run.final = 1000
    run.scoresEvery = 100
    run.evalEvery = 500
    let steps = 2000
    let recorder = try run.recorder(folder.database)
    // What a trainer has at hand anyway is made before.
    let frames = (0..<10).map { run.triplets($0) }
    let ranks = run.ranks(0)
    let records = (0..<steps).map { step in
      var record = run.record(0)
      record.step = step
      return record
    }
    var spent: [Duration] = []
    for step in 0..<steps {
      let masked = step % 10 == 0
      let live = recorder.wantsLive ? run.live(0) : nil
      let start = ContinuousClock.now
      let triplets = recorder.wantsTriplets(step: step, masked: masked) ? frames[step % 10] : nil
      recorder.record(
        step: records[step], learningRate: 1e-3, triplets: triplets, ranks: ranks, nonzero: ranks, masked: masked,
        orth: (0..<144).map { Float($0) })
      if let live { recorder.setLive(live) }
      spent.append(ContinuousClock.now - start)
      usleep(500)
    }
    #expect(recorder.flush())
    try recorder.close()
    let bytes = try FileManager.default.attributesOfItem(atPath: folder.database)[.size] as? Int ?? 0
    let median = spent.sorted()[steps / 2]
    print(
      "database: \(bytes / steps) bytes a step; the trainer spends \(median) on it (median), \(spent.max() ?? .zero) at most"
    )
    #expect(bytes / steps < 2600)
    #expect(median < .microseconds(500))
  }
}
