// Shadows of whole runs: in a session, in a replay, and in words.

import AdaLoRA
import Foundation
import Models
import Synchronization
import Testing

@testable import Training

private let adaLoRA = """
  init_r = 4
  target_r = 2
  tinit = 4
  tfinal = 8
  deltaT = 2
  """

@Suite("Shadows of a session")
struct ShadowSessionTests {
  private func run(
    _ commands: CommandQueue = CommandQueue(), frames: Mailbox<Frame>? = nil,
    script: @escaping (StepRecord, Session) -> Void = { _, _ in }
  ) throws -> (session: Session, records: [StepRecord], events: [Event]) {
    var experiment = PlantedExperiment()
    experiment.steps = 60
    let session = try experiment.makeSession(threads: 1, commands: commands, frames: frames)
    var records: [StepRecord] = []
    var events: [Event] = []
    session.onStep = { record in
      records.append(record)
      records[records.count - 1].stepMs = 0
      script(record, session)
    }
    session.onEvent = { events.append($0) }
    #expect(session.run() == .finished)
    return (session, records, events)
  }

  @Test("whatif lets another rule watch from the next step on, whatif off ends it, and the run is the same")
  func watches() throws {
    let commands = CommandQueue()
    let frames = Mailbox<Frame>()
    var counts: [Int] = []
    let watched = try run(commands, frames: frames) { record, session in
      counts.append(session.shadowAllocators.count)
      switch record.step {
      case 19: commands.send(.whatIf(try? ShadowSettings(words: ["score", "random"])))
      case 29: commands.send(.whatIf(try? ShadowSettings(words: ["target", "1", "beta1", "0.5"])))
      case 49: commands.send(.whatIf(nil))
      default: break
      }
    }
    #expect(counts == (0..<60).map { $0 < 20 ? 0 : $0 < 30 ? 1 : $0 < 50 ? 2 : 0 })
    let alone = try run()
    #expect(watched.records == alone.records)
    #expect(watched.session.trainer.allocator?.kept == alone.session.trainer.allocator?.kept)
    #expect(watched.events.filter { $0.kind == .refused }.isEmpty)
  }

  @Test("a frame holds what each shadow decides, with a past from its first step on")
  func frames() throws {
    let commands = CommandQueue()
    let frames = Mailbox<Frame>()
    // Pausing shows a frame of that moment.
    let last = Mutex<Frame?>(nil)
    let watcher = Thread {
      while last.withLock({ $0 == nil }) {
        usleep(1000)
        guard let frame = frames.take(), frame.state == .paused else { continue }
        last.withLock { $0 = frame }
        commands.send(.resume)
      }
    }
    watcher.start()
    let (session, _, _) = try run(commands, frames: frames) { record, _ in
      if record.step == 9 { commands.send(.whatIf(try? ShadowSettings(words: ["score", "magnitude", "target", "3"]))) }
      if record.step == 58 { commands.send(.pauseAt(step: 59)) }
    }
    let frame = try #require(last.withLock { $0 })
    let shadow = try #require(frame.shadows.first)
    let allocator = try #require(session.shadowAllocators.first).allocator
    #expect(frame.shadows.count == 1 && shadow.shadows.isEmpty)
    #expect(shadow.description.run == "score=magnitude target=3" && shadow.description.score == .magnitude)
    #expect(shadow.description.modules == frame.description.modules)
    #expect(shadow.ranks.reduce(0, +) == 54 && frame.ranks.reduce(0, +) == 36)
    #expect(shadow.ranks == allocator.ranks && shadow.triplets.kept == allocator.kept)
    #expect(shadow.schedule == allocator.schedule && shadow.targetR == 3)
    #expect(shadow.record?.kept == 54 && shadow.record?.loss == frame.record?.loss)
    #expect(shadow.history.first?.record.step == 10 && shadow.history.last?.record.step == frame.record?.step)
    #expect(shadow.triplets.scores[.magnitude] == frame.triplets.scores[.magnitude])
    #expect(shadow.events.isEmpty && shadow.interventions.isEmpty)
  }

  @Test("what cannot be watched is refused with its reason")
  func refusals() throws {
    let commands = CommandQueue()
    let (session, _, events) = try run(commands) { record, _ in
      if record.step == 9 { commands.send(.whatIf(try? ShadowSettings(words: ["target", "7"]))) }
      if record.step == 49 { commands.send(.whatIf(try? ShadowSettings(words: ["score", "random"]))) }
    }
    #expect(session.shadowAllocators.isEmpty)
    #expect(
      events.filter { $0.kind == .refused }.map(\.text) == [
        "what if target=7: target 7.0 must lie between 0 and the initial rank 6",
        "what if score=random: the run's pattern is final since step 45",
      ])
  }

  @Test("going back ends what was watched, since no checkpoint holds it")
  func goesBack() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["9:target 1"])
    var counts: [Int: Int] = [:]
    var warnings: [String] = []
    let keep = run.session.onEvent
    run.session.onEvent = { event in
      keep?(event)
      if event.kind == .warning { warnings.append(event.text) }
    }
    var isBack = false
    run.session.onGoBack = { _ in isBack = true }
    try run.go { [session = run.session] record in
      counts[record.step] = session.shadowAllocators.count
      if record.step == 10, !isBack { session.commands.send(.whatIf(try ShadowSettings(words: ["score", "random"]))) }
      if record.step == 14, !isBack { session.commands.send(.rewind) }
    }
    #expect(isBack && counts[14] == 0)
    #expect(warnings == ["no checkpoint holds what :whatif watches: it is gone"])
  }
}

@Suite("A replay with shadows")
struct ShadowReplayTests {
  private func check(_ tiny: TinyRun, _ run: TrainingRun, _ shadows: [[String]]) throws -> ReplayCheck {
    let check = try ReplayCheck(of: SavedRun(folder: run.folder), in: tiny.path + "/" + UUID().uuidString)
    for words in shadows { #expect(check.run.session.add(shadow: try ShadowSettings(words: words)) == nil) }
    return check
  }

  @Test("is the recorded run bit for bit; a shadow of its own settings agrees with it at every mask")
  func replays() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new(["9:target 1", "11:set beta1 0.7", "13:set deltaT 1"])
    try run.go()
    run.release()
    let check = try check(tiny, run, [["score", "smoothed"], ["score", "magnitude", "target", "3"]])
    #expect(check.run.session.description.run == "tiny-1")
    let report = try #require(ShadowReport(check.run.session))
    var masks: [ShadowReport.Mask] = []
    let verdict = try check.run { record, _ in
      if let mask = report.mask(after: record) { masks.append(mask) }
    }
    #expect(verdict.difference == nil && verdict.steps == 30 && verdict.adapter == ", and so is the adapter")
    #expect(masks.map(\.step) == [6, 8, 10, 12] + Array(13...22))
    for mask in masks {
      #expect(mask.shadows[0].agreement.jaccard == 1 && mask.shadows[0].decision.ranks == mask.run.ranks)
      #expect(mask.shadows[0].decision.threshold == mask.run.threshold)
      #expect(mask.shadows[1].decision.kept == mask.shadows[1].decision.budget)
    }
    #expect(masks.last?.shadows[1].decision.kept == 3 * check.run.session.description.modules.count)
    let json = masks[0].json
    #expect(json["step"] == .integer(6))
    let shadows = try #require(json["shadows"]).array(file: "", at: "")
    #expect(shadows.count == 2 && shadows[0]["jaccard"] == .number(1))
    let summary = report.summary(verdict)
    #expect(summary["exact"] == .bool(true) && summary["masks"] == .integer(masks.count))
    let ends = try #require(summary["shadows"]).array(file: "", at: "")
    #expect(ends[1]["settings"] == .string("score=magnitude target=3") && ends[0]["mean_jaccard"] == .number(1))
  }

  @Test("ends where it is told, and goes on over a difference")
  func until() throws {
    let tiny = try TinyRun(adapter: adaLoRA)
    let run = try tiny.new()
    try run.go(to: 20)
    run.release()
    var steps: [Int] = []
    let short = try check(tiny, run, [["score", "random"]]).run(until: 12) { record, _ in steps.append(record.step) }
    #expect(steps == Array(0..<12) && short.steps == 12 && short.difference == nil)
    // Another seed is another run.
    let text = try String(contentsOfFile: run.folder.experiment, encoding: .utf8)
    try text.replacing("seed = 0", with: "seed = 1").write(
      toFile: run.folder.experiment, atomically: true, encoding: .utf8)
    steps = []
    let other = try check(tiny, run, [["score", "random"]]).run(stopsAtDifference: false) { record, _ in
      steps.append(record.step)
    }
    #expect(other.difference?.hasPrefix("step 0: loss") == true && steps == Array(0..<20))
  }
}

@Suite("Shadows in words")
struct ShadowTextTests {
  @Test("settings are read as they are written")
  func roundTrip() throws {
    let text = "score=magnitude target=2.5 beta1=0.5 beta2=0.95 deltaT=10 tinit=5 tfinal=20"
    let settings = try ShadowSettings(words: CommandText.words(text), initialRank: 4)
    #expect(settings.text == text)
    #expect(settings.score == .magnitude && settings.target == 2.5 && settings.beta2 == 0.95)
    #expect(settings.deltaT == 10 && settings.tinit == 5 && settings.tfinal == 20)
    var other = ShadowSettings()
    other.beta1 = 0.5
    other.score = .random
    #expect(try CommandText.command(CommandText.words(":whatif beta1 0.5 score=random")) == .whatIf(other))
    #expect(try CommandText.command(["whatif", "off"]) == .whatIf(nil))
    #expect(throws: CommandProblem.self) { try CommandText.scheduled("3:whatif score=random") }
  }

  @Test(
    "what cannot be read is told in a line",
    arguments: [
      ("", "what is to be different? NAME=VALUE with a name of"), ("score", "score needs a value"),
      ("score=best", "score best: one of smoothed, sensitivity, magnitude, random, uniform"),
      ("gamma=1", "no setting gamma"), ("target=9", "target 9 must be at most the initial rank 4"),
      ("beta1=1", "beta1 1 must lie between 0 and 1"), ("beta2=x", "beta2 x is not a number"),
      ("deltaT=0.5", "deltaT 0.5 must be a whole number of at least 1"),
      ("tinit=-1", "tinit -1 must be a whole number of at least 0"),
      ("tfinal=1.5", "tfinal 1.5 must be a whole number of at least 0"),
    ])
  func problems(text: String, reason: String) {
    let problem = #expect(throws: CommandProblem.self) {
      try ShadowSettings(words: CommandText.words(text), initialRank: 4)
    }
    #expect(problem?.text.hasPrefix(reason) == true, "\(problem?.text ?? "")")
  }

  @Test("agreement counts what both keep, and compares the modules' ranks")
  func agreement() {
    let a = [true, true, false, true, false, false]
    let b = [true, false, true, true, false, false]
    let agreement = PatternAgreement(a, b, rank: 2)
    #expect(agreement.common == 2 && agreement.either == 4 && agreement.jaccard == 0.5)
    // Ranks 2, 1, 0 against 1, 2, 0.
    #expect(agreement.spearman == 0.5)
    #expect(PatternAgreement(a, a, rank: 2).spearman == 1)
    #expect(PatternAgreement([false, false], [false, false], rank: 1).jaccard == 1)
  }
}
