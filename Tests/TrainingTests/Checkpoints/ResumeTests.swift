import AdaLoRA
import Foundation
import Models
import Testing

@testable import Training

@Suite("A run that is gone on with")
struct ResumeTests {
  private static let schedule = "init_r = 4\ntarget_r = 2\ntinit = 4\ntfinal = 10\ndeltaT = 2\nlora_dropout = 0.1\n"
  private static let adaLoRA = "peft_type = \"ADALORA\"\n" + schedule

  /// A run that crashes after each of some steps and is gone on with must be the one that never did.
  private func expectSame(_ tiny: TinyRun, at: [String] = [], crashes: [Int] = [3, 11, 18, 26, 30]) throws {
    let whole = try tiny.new(at)
    var crashed: [RunFolder] = []
    #expect(
      try whole.go { record in
        // Before the checkpoint that may follow this step.
        if crashes.contains(record.step + 1) { crashed.append(try tiny.crashed(whole, "crash-\(record.step)")) }
      } == .finished)
    let expected = try RunOutcome(whole.folder)
    #expect(expected.records.map(\.step) == Array(0..<30))
    #expect(crashed.count == crashes.count)
    for folder in crashed {
      let run = try tiny.existing(folder)
      #expect(try run.go() == .finished)
      #expect(try RunOutcome(folder) == expected, "\(folder.path)")
    }
  }

  @Test("ends with the same bits, in each dialect", arguments: Dialect.allCases)
  func dialects(dialect: Dialect) throws {
    try expectSame(try TinyRun(adapter: Self.adaLoRA + "dialect = \"\(dialect.rawValue)\""))
  }

  @Test("stopped right after a change of its step, has that change and its curve once")
  func stoppedAtAChange() throws {
    let whole = try TinyRun(adapter: Self.adaLoRA).new(["13:target 1"])
    try whole.go()
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new(["13:target 1", "13:stop"])
    #expect(try run.go() == .stopped(discard: false))
    run.release()
    #expect(try tiny.existing(run.folder).go() == .finished)
    let outcome = try RunOutcome(run.folder)
    #expect(outcome.scheduleSteps == [0, 13] && outcome.interventions.count == 1)
    #expect(try outcome == RunOutcome(whole.folder))
  }

  @Test("ends with the same bits, by each rule of scoring", arguments: ScoringRule.allCases)
  func rules(rule: ScoringRule) throws {
    try expectSame(try TinyRun(adapter: Self.adaLoRA + "score = \"\(rule.rawValue)\""), crashes: [11, 26])
  }

  @Test("ends with the same bits, by each method", arguments: ListedMethod.allCases)
  func methods(method: ListedMethod) throws {
    try expectSame(
      try TinyRun(adapter: "method = \"\(method.rawValue)\"\n" + Self.schedule), crashes: [11, 26])
  }

  @Test("ends with the same bits by a budget of parameters")
  func parameters() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA + "budget = \"parameters\"\n")
    try expectSame(tiny, crashes: [11])
  }

  @Test("ends with the same bits where gradients are accumulated and clipped")
  func accumulation() throws {
    try expectSame(
      try TinyRun(adapter: Self.adaLoRA, training: "gradient_accumulation_steps = 3\nmax_grad_norm = 0.1"),
      crashes: [12, 23])
  }

  @Test("ends with the same bits as LoRA")
  func lora() throws { try expectSame(try TinyRun(adapter: "peft_type = \"LORA\"\nr = 4\nlora_dropout = 0.1")) }

  @Test("ends with the same bits and the same changes, also those that take one back")
  func changes() throws {
    try expectSame(
      try TinyRun(adapter: Self.adaLoRA),
      at: [
        "3:set beta1 0.9", "8:target 1", "8:set deltaT 3", "11:undo", "11:set gamma 0.2", "18:set learning_rate 5e-3",
        "26:undo",
      ], crashes: [3, 4, 8, 9, 11, 12, 18, 19, 26, 27])
  }

  @Test("stopped again and again, it ends with the same bits")
  func stops() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let at = ["8:target 1", "12:set beta2 0.5"]
    let whole = try tiny.new(at)
    try whole.go()
    var run: TrainingRun? = try tiny.new(at)
    let folder = try #require(run?.folder)
    for steps in [1, 2, 8, 9, 12, 20, 29] {
      #expect(try run?.go(to: steps) == .stopped(discard: false))
      #expect(CheckpointFolder(path: folder.checkpoints).steps.last == steps)
      run?.release()
      run = try tiny.existing(folder)
      #expect(run?.session.trainer.stepsDone == steps)
      #expect(run?.notes == [])
    }
    #expect(try run?.go() == .finished)
    #expect(try RunOutcome(folder) == RunOutcome(whole.folder))
  }

  @Test("a stop that was scheduled is not done again")
  func scheduledStop() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new(["6:stop"])
    #expect(try run.go() == .stopped(discard: false))
    run.release()
    #expect(try tiny.existing(run.folder).go() == .finished)
  }

  // MARK: What is damaged

  @Test("passes over what is damaged, says why, and goes on from the one before")
  func damage() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new()
    try run.go(to: 18)
    let checkpoints = CheckpointFolder(path: run.folder.checkpoints)
    #expect(checkpoints.steps.suffix(2) == [15, 18])
    let bytes = try Data(contentsOf: URL(fileURLWithPath: checkpoints.file(step: 18)))
    for (count, reason) in [(0, "not a checkpoint"), (bytes.count - 1, "bytes long, expected \(bytes.count)")] {
      let folder = try tiny.crashed(run, "cut-\(count)")
      let path = CheckpointFolder(path: folder.checkpoints).file(step: 18)
      try bytes.prefix(count).write(to: URL(fileURLWithPath: path))
      let resumed = try tiny.existing(folder)
      #expect(resumed.session.trainer.stepsDone == 15)
      #expect(resumed.notes.count == 1)
      #expect(resumed.notes[0].hasPrefix("passed over: \(path): ") && resumed.notes[0].contains(reason))
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test("a checkpoint of changes that the log lacks, or without one that it has, is passed over")
  func otherChanges() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new(["8:set beta1 0.9"])
    try run.go(to: 18)
    let folder = try tiny.crashed(run, "emptied")
    try InterventionLog.write([], to: folder.interventions)
    let emptied = try tiny.existing(folder)
    // The best evaluation's or the one before the change.
    #expect(emptied.session.trainer.stepsDone <= 8)
    #expect(emptied.notes.contains { $0.contains("step-18.ckpt") && $0.contains("holds changes") })
    let longer = try tiny.crashed(run, "longer")
    let early = Intervention(step: 9, parameter: .beta2, old: 0.85, new: 0.5, isUndo: false)
    let log = try InterventionLog(path: longer.interventions)
    try log.append(early, scheduled: nil)
    let lacking = try tiny.existing(longer)
    #expect(lacking.session.trainer.stepsDone <= 9)
    #expect(lacking.notes.contains { $0.contains("step-18.ckpt") && $0.contains("lacks the change of step 9") })
  }

  @Test("a lost database is said, and a checkpoint of another experiment is refused")
  func others() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new()
    try run.go(to: 8)
    let folder = try tiny.crashed(run, "lost")
    unlink(folder.telemetry)
    let resumed = try tiny.existing(folder)
    #expect(resumed.notes == ["the rows of steps 0 to 7 are not in the database"])
    let other = try tiny.crashed(run, "other")
    let text = try String(contentsOfFile: other.experiment, encoding: .utf8)
    try text.replacing("init_r = 4", with: "init_r = 3").write(
      toFile: other.experiment, atomically: true, encoding: .utf8)
    let error = #expect(throws: InputError.self) { try tiny.existing(other) }
    #expect(error?.place == "layout" && error?.kind == .malformed)
    #expect(CheckpointFolder(path: other.checkpoints).steps == CheckpointFolder(path: folder.checkpoints).steps)
  }

  @Test(
    "a link in its folder is refused, and nothing is written where it leads",
    arguments: [
      "checkpoints", "telemetry.sqlite", "telemetry.sqlite-wal", "interventions.jsonl", "log.txt", "adapter",
      "snapshots", ".lock",
    ])
  func links(name: String) throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new()
    try run.go(to: 6)
    for isThere in [true, false] {
      let folder = try tiny.crashed(run, "linked-\(isThere)")
      let outside = tiny.path + "/outside-\(isThere)"
      let path = folder.path + "/" + name
      if isThere, FileManager.default.fileExists(atPath: path) {
        try FileManager.default.moveItem(atPath: path, toPath: outside)
      } else {
        try? FileManager.default.removeItem(atPath: path)
      }
      symlink(outside, path)
      let before = try? FileManager.default.subpathsOfDirectory(atPath: tiny.path)
      #expect(throws: InputError.self) { try tiny.existing(folder) }
      let after = try? FileManager.default.subpathsOfDirectory(atPath: tiny.path)
      #expect(
        before?.sorted() == after?.filter { $0 != "linked-\(isThere)/.lock" || name != ".lock" }.sorted()
          || before?.sorted() == after?.sorted())
      #expect(throws: InputError.self) {
        try RunFork.make(of: SavedRun(folder: folder), at: 5, runs: tiny.path + "/forks")
      }
    }
  }

  @Test("half a checkpoint that a crash left behind is removed")
  func leftovers() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new()
    try run.go(to: 6)
    run.release()
    let names = ["checkpoints/step-7.ckpt.123-1f.tmp", "adapter/adapter_config.json.9-abc.tmp", "mine.tmp"]
    for name in names { try Data().write(to: URL(fileURLWithPath: run.folder.path + "/" + name)) }
    let resumed = try tiny.existing(run.folder)
    let left = names.filter { FileManager.default.fileExists(atPath: resumed.folder.path + "/" + $0) }
    #expect(left == ["mine.tmp"])
  }

  @Test("only one process trains a run")
  func lock() throws {
    let tiny = try TinyRun(adapter: Self.adaLoRA)
    let run = try tiny.new()
    let error = #expect(throws: InputError.self) { try tiny.existing(run.folder) }
    #expect(error?.message == "another process trains this run; ranktop watch shows it")
    #expect(run.folder.isTrained)
    run.release()
    #expect(!run.folder.isTrained)
  }
}

@Suite("The checkpoints of a run")
struct CheckpointFolderTests {
  @Test("the newest three stay, the best, and the one before the last change")
  func retention() throws {
    let scratch = try TemporaryFolder()
    let folder = CheckpointFolder(path: scratch.path)
    for step in [5, 10, 15, 20, 100, 1000] { try Data().write(to: URL(fileURLWithPath: folder.file(step: step))) }
    for name in ["step-x.ckpt", "step-7.ckpt.1-a.tmp", "step--3.ckpt", "notes.txt"] {
      try Data().write(to: URL(fileURLWithPath: scratch.path + "/" + name))
    }
    folder.prune(keeping: [10, nil])
    #expect(folder.steps == [10, 20, 100, 1000])
    folder.prune(keeping: [nil, 3])
    #expect(folder.steps == [20, 100, 1000])
    folder.remove(after: 20)
    #expect(folder.steps == [20])
    #expect(FileManager.default.fileExists(atPath: scratch.path + "/notes.txt"))
  }

  @Test("a run keeps them so")
  func run() throws {
    let tiny = try TinyRun(
      adapter: "init_r = 4\ntarget_r = 2\ntinit = 4\ntfinal = 10\ndeltaT = 2", checkpointEvery: 3)
    let run = try tiny.new(["7:set beta1 0.9"])
    try run.go()
    let steps = CheckpointFolder(path: run.folder.checkpoints).steps
    #expect(steps.suffix(3) == [24, 27, 30])
    #expect(steps.contains(7))
    let best = try #require(CheckpointFolder(path: run.folder.checkpoints).newest().checkpoint?.state.best)
    let evaluations = try TelemetryReader(path: run.folder.telemetry).records().compactMap { record in
      record.eval?.accuracy.map { (step: record.step + 1, value: $0) }
    }
    let highest = try #require(evaluations.map(\.value).max())
    #expect(best.value == highest && best.step == evaluations.first { $0.value == highest }?.step)
    #expect(Set(steps) == [7, best.step, 24, 27, 30])
  }
}
