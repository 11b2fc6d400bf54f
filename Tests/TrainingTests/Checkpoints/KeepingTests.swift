import AdaLoRA
import Foundation
import GRDB
import Kernels
import Models
import Synchronization
import Testing

@testable import Training

/// A run that somebody watches: what they see, and what they answer.
private final class Watcher: Sendable {
  let commands = CommandQueue()
  let frames = Mailbox<Frame>()

  /// Calls `answer` once, with the first frame that `isAwaited`.
  func when(_ isAwaited: @escaping @Sendable (Frame) -> Bool, _ answer: @escaping @Sendable (CommandQueue) -> Void) {
    let thread = Thread { [commands, frames] in
      while true {
        if let frame = frames.take(), isAwaited(frame) { return answer(commands) }
        usleep(500)
      }
    }
    thread.start()
  }
}

private let adaLoRA = "init_r = 4\ntarget_r = 2\ntinit = 4\ntfinal = 10\ndeltaT = 2\nlora_dropout = 0.1\n"

@Suite("A number that is not finite")
struct HaltTests {
  @Test(
    "halts a run that is watched; recover goes on from the last checkpoint with half the rate", .timeLimit(.minutes(1)))
  func recover() throws {
    let watcher = Watcher()
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["15:set learning_rate 1e30"], commands: watcher.commands, frames: watcher.frames)
    watcher.when({ if case .halted = $0.state { true } else { false } }) { $0.send(.recover(learningRate: nil)) }
    var wentBackTo: [Int] = []
    run.session.onGoBack = { wentBackTo.append($0) }
    var failures: [String] = []
    let keep = run.session.onEvent
    run.session.onEvent = { event in
      keep?(event)
      if event.kind == .failed { failures.append(event.text) }
    }
    #expect(try run.go() == .finished)
    #expect(failures.count == 1 && failures[0].hasPrefix("step 16: ") && failures[0].contains("is not finite"))
    #expect(failures[0].contains("first in bert.encoder.layer."))
    #expect(wentBackTo == [15])
    #expect(run.session.interventions.map(\.parameter) == [.learningRate])
    #expect(run.session.interventions.map(\.new) == [5e-3])
    let outcome = try RunOutcome(run.folder)
    #expect(outcome.records.map(\.step) == Array(0..<30))
    #expect(outcome.interventions == run.session.interventions)
    // What followed was the run that had half the rate from step 15 on.
    let same = try tiny.new(["15:set learning_rate 5e-3"])
    try same.go()
    #expect(try RunOutcome(same.folder) == outcome)
  }

  @Test("a run that is stopped while it is halted keeps its last good checkpoint", .timeLimit(.minutes(1)))
  func stop() throws {
    let watcher = Watcher()
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["15:set learning_rate 1e30"], commands: watcher.commands, frames: watcher.frames)
    watcher.when({ if case .halted = $0.state { true } else { false } }) { $0.send(.stop(discard: false)) }
    var warnings: [String] = []
    run.session.onEvent = { if $0.kind == .warning { warnings.append($0.text) } }
    #expect(try run.go() == .stopped(discard: false))
    #expect(CheckpointFolder(path: run.folder.checkpoints).steps.last == 15)
    #expect(warnings.count == 1 && warnings[0].hasSuffix("the last checkpoint is after 15 steps"))
    #expect(!run.hasAdapter)
  }

  @Test("ends a run that nobody watches, with what it has kept whole")
  func headless() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["15:set learning_rate 1e30"])
    guard case .failed(let reason) = try run.go() else {
      Issue.record("it did not fail")
      return
    }
    #expect(reason.hasPrefix("step 16: "))
    #expect(!FileManager.default.fileExists(atPath: run.folder.adapter + "/adapter_model.safetensors"))
    let found = CheckpointFolder(path: run.folder.checkpoints).newest()
    #expect(found.checkpoint?.state.step == 15 && found.skipped.isEmpty)
    #expect(try TelemetryReader(path: run.folder.telemetry).records().map(\.step) == Array(0..<16))
  }
}

@Suite("Going back before a change")
struct RewindTests {
  /// All of a trainer's state.
  private struct Moment: Equatable {
    var blocks: [[UInt32]]
    var allocator: RankAllocator.State?
    var position: BatchPosition?
    var stepsDone: Int

    init(_ trainer: Trainer) {
      let store = trainer.store
      let count = store.block.count
      blocks = [
        store.block.weights, store.moments.first, store.moments.second, store.smoothedSensitivity, store.uncertainty,
      ].map { base in (0..<count).map { base[$0].bitPattern } }
      allocator = trainer.allocator?.state
      position = trainer.resumableSource?.position
      stepsDone = trainer.stepsDone
    }
  }

  @Test("restores the state bit for bit, and the run is the one without the change", arguments: Dialect.allCases)
  func exact(dialect: Dialect) throws {
    let adapter = adaLoRA + "dialect = \"\(dialect.rawValue)\""
    let tiny = try TinyRun(adapter: adapter)
    let run = try tiny.new(["13:target 1"])
    let session = run.session
    var before: Moment?
    var after: Moment?
    session.onGoBack = { _ in after = Moment(session.trainer) }
    #expect(
      try run.go { record in
        if record.step == 12, before == nil { before = Moment(session.trainer) }
        if record.step == 19, after == nil { session.commands.send(.rewind) }
      } == .finished)
    #expect(before != nil && after == before)
    let unchanged = try tiny.new()
    try unchanged.go()
    #expect(try RunOutcome(run.folder) == RunOutcome(unchanged.folder))
    // It has happened all the same.
    let log = try InterventionLog.read(run.folder.interventions)
    #expect(log.compactMap(\.change).count == 1 && InterventionLog.standing(log).isEmpty)
  }

  @Test("of two changes at one step the first stays, in the database as well")
  func two() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["13:set beta1 0.9", "13:target 1"])
    var isBack = false
    run.session.onGoBack = { _ in isBack = true }
    try run.go { [session = run.session] record in
      if record.step == 16, !isBack { session.commands.send(.rewind) }
    }
    #expect(isBack)
    let one = try tiny.new(["13:set beta1 0.9"])
    try one.go()
    #expect(try RunOutcome(run.folder) == RunOutcome(one.folder))
    #expect(try RunOutcome(run.folder).interventions.count == 1)
  }

  @Test("a run that was killed and gone on with goes back as well; what was scheduled is not done again")
  func afterCrash() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["13:target 1"])
    var crash: RunFolder?
    try run.go { record in if record.step == 21 { crash = try tiny.crashed(run, "crash") } }
    let resumed = try tiny.existing(try #require(crash))
    var isBack = false
    resumed.session.onGoBack = { _ in isBack = true }
    try resumed.go { [session = resumed.session] record in
      if record.step == 24, !isBack { session.commands.send(.rewind) }
    }
    #expect(isBack)
    let unchanged = try tiny.new()
    try unchanged.go()
    #expect(try RunOutcome(resumed.folder) == RunOutcome(unchanged.folder))
    // Replayed, it is the same again.
    resumed.release()
    let check = try ReplayCheck(of: SavedRun(folder: resumed.folder), in: tiny.path + "/replays")
    let verdict = try check.run { _, _ in }
    #expect(verdict.difference == nil && verdict.steps == 30 && verdict.adapter == ", and so is the adapter")
  }
}

@Suite("A fork")
struct ForkTests {
  @Test("is the run with the change at that step, and can be interrupted as well")
  func same() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["6:set beta1 0.9"])
    try run.go()
    let fork = try RunFork.make(
      of: SavedRun(folder: run.folder), at: 17, changes: ["adapter.beta1=0.7"], runs: tiny.path + "/forks")
    let whole = try tiny.new(["6:set beta1 0.9", "17:set beta1 0.7"])
    try whole.go()
    let first = try tiny.existing(fork.folder)
    try first.go(to: 22)
    first.release()
    let second = try tiny.existing(fork.folder)
    #expect(second.session.trainer.stepsDone == 22)
    try second.go()
    #expect(try RunOutcome(fork.folder) == RunOutcome(whole.folder))
  }

  @Test("of a run that went back does each change once")
  func wentBack() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new()
    var isBack = false
    run.session.onGoBack = { _ in isBack = true }
    try run.go { [session = run.session] record in
      if record.step == 7 { session.commands.send(.set(.beta1, 0.9)) }
      if record.step == 10, !isBack {
        session.commands.send(.rewind)
        session.commands.send(.set(.beta1, 0.9))
      }
    }
    #expect(run.session.interventions.count == 1)
    let fork = try RunFork.make(of: SavedRun(folder: run.folder), at: 20, runs: tiny.path + "/forks")
    let forked = try tiny.existing(fork.folder)
    try forked.go()
    #expect(forked.session.interventions == run.session.interventions)
    #expect(try RunOutcome(fork.folder) == RunOutcome(run.folder))
  }
}

@Suite("A disk that is full")
struct WaitingTests {
  private struct Full: Error {}

  /// A planted run that is kept in a folder; `onCommit` is what the disk says of each transaction.
  private func session(
    _ folder: RunFolder, _ watcher: Watcher, onCommit: @escaping @Sendable (Database) throws -> Void = { _ in }
  ) throws -> Session {
    var planted = PlantedExperiment()
    planted.steps = 40
    let session = try planted.makeSession(threads: 1, commands: watcher.commands, frames: watcher.frames)
    var experiment = Experiment(path: "planted.toml")
    experiment.training.checkpointEvery = 10
    session.journal = try RunJournal(
      folder, description: session.description, experiment: experiment, origin: nil, facts: [:], onCommit: onCommit)
    return session
  }

  private func texts(_ session: Session, of kinds: Set<Event.Kind>) -> () -> [String] {
    var texts: [String] = []
    session.onEvent = { if kinds.contains($0.kind) { texts.append($0.text) } }
    return { texts }
  }

  @Test("the database cannot grow: training waits, and goes on when it can", .timeLimit(.minutes(1)))
  func database() throws {
    let scratch = try TemporaryFolder()
    let folder = try RunFolder.create(in: scratch.path, name: "run")
    let watcher = Watcher()
    let isFull = Mutex(true)
    // What SQLite itself says of a database that must not grow.
    let session = try session(folder, watcher) { database in
      let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      let limit = isFull.withLock { $0 } ? pages : 1_000_000
      try database.execute(sql: "PRAGMA max_page_count = \(limit)")
    }
    watcher.when({ if case .waiting = $0.state { true } else { false } }) { _ in
      usleep(700_000)
      isFull.withLock { $0 = false }
    }
    let said = texts(session, of: [.warning, .resumed])
    #expect(session.run() == .finished)
    #expect(said().count == 2)
    #expect(said().first?.contains("training waits: \(folder.telemetry): cannot be written: the disk is full") == true)
    #expect(said().last == "there is room again: training goes on")
    try session.journal?.close()
    #expect(try TelemetryReader(path: folder.telemetry).records().map(\.step) == Array(0..<40))
  }

  @Test("a checkpoint cannot be written: training waits, and goes on when it can", .timeLimit(.minutes(1)))
  func checkpoint() throws {
    let scratch = try TemporaryFolder()
    let folder = try RunFolder.create(in: scratch.path, name: "run")
    let watcher = Watcher()
    let session = try session(folder, watcher)
    let away = scratch.path + "/away"
    watcher.when({ if case .waiting = $0.state { true } else { false } }) { _ in
      usleep(700_000)
      rename(away, folder.checkpoints)
    }
    let said = texts(session, of: [.warning, .resumed])
    session.onStep = { if $0.step == 14 { rename(folder.checkpoints, away) } }
    #expect(session.run() == .finished)
    #expect(said().count == 2)
    #expect(said().first?.hasPrefix("training waits: \(folder.checkpoints)/step-20.ckpt: cannot be written: ") == true)
    try session.journal?.close()
    #expect(CheckpointFolder(path: folder.checkpoints).steps == [20, 30, 40])
    #expect(try TelemetryReader(path: folder.telemetry).records().map(\.step) == Array(0..<40))
  }

  @Test("a change that cannot be made durable has no effect until it can", .timeLimit(.minutes(1)))
  func change() throws {
    let scratch = try TemporaryFolder()
    let folder = try RunFolder.create(in: scratch.path, name: "run")
    let watcher = Watcher()
    let session = try session(folder, watcher)
    let away = scratch.path + "/away"
    let seen = Mutex<[Double]>([])
    watcher.when({ frame in
      guard case .waiting = frame.state else { return false }
      seen.withLock { $0.append(frame.beta1) }
      return seen.withLock { $0.count } == 2
    }) { _ in rename(away, folder.checkpoints) }
    session.onStep = { record in
      if record.step == 14 {
        rename(folder.checkpoints, away)
        watcher.commands.send(.set(.beta1, 0.9))
      }
    }
    #expect(session.run() == .finished)
    #expect(seen.withLock { $0 } == [0.85, 0.85])
    #expect(session.interventions.map(\.step) == [15])
    #expect(session.value(of: .beta1) == 0.9)
    #expect(CheckpointFolder(path: folder.checkpoints).steps == [15, 20, 30, 40])
    try session.journal?.close()
  }

  @Test("a stop ends the wait and says what is kept", .timeLimit(.minutes(1)))
  func stop() throws {
    let scratch = try TemporaryFolder()
    let folder = try RunFolder.create(in: scratch.path, name: "run")
    let watcher = Watcher()
    let isFull = Mutex(false)
    let session = try session(folder, watcher) { _ in
      if isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL) }
    }
    watcher.when({ if case .waiting = $0.state { true } else { false } }) { $0.send(.stop(discard: false)) }
    let said = texts(session, of: [.warning])
    session.onStep = { if $0.step == 14 { isFull.withLock { $0 = true } } }
    #expect(session.run() == .stopped(discard: false))
    #expect(said().last?.hasSuffix("the disk is full; the last checkpoint is after 10 steps") == true)
    let error = #expect(throws: InputError.self) { try session.journal?.close() }
    #expect(error?.message.hasSuffix("entries are lost") == true)
    #expect(CheckpointFolder(path: folder.checkpoints).newest().checkpoint?.state.step == 10)
    #expect(try TelemetryReader(path: folder.telemetry).records().map(\.step).starts(with: 0..<10) == true)
  }
}
