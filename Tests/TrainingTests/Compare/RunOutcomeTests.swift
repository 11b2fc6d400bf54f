// What is read of a run from its folder, against what the run itself says at its end.

import Foundation
import GRDB
import Models
import Testing

@testable import Training

@Suite("The outcome of a run") struct RunOutcomeTests {
  @Test("a finished run's outcome is what its summary says")
  func finished() throws {
    let tiny = try TinyRun(
      adapter: "init_r = 4\ntarget_r = 2\ntinit = 5\ntfinal = 10\ndeltaT = 2\nlora_alpha = 8")
    let run = try tiny.new()
    let (ending, summary) = try run.train { _ in }
    #expect(ending == .finished)
    let outcome = try Training.RunOutcome(run.folder)
    #expect(outcome.name == "tiny-1" && outcome.seed == 0 && outcome.experiment == run.experiment)
    #expect(outcome.isFinished && outcome.stepsDone == 30)
    #expect(outcome.description.effectiveScale == 8 / (4 + 1e-5))
    #expect(outcome.evaluation == summary.evaluation && outcome.evaluations.map(\.step) == [6, 13, 20, 27, 29])
    #expect(outcome.test == nil && outcome.interventions.isEmpty)
    #expect(outcome.ranks == summary.ranks.map(\.rank) && outcome.totalRank == 2 * summary.ranks.count)
    #expect(outcome.rankHistory.first?.kept == Array(repeating: 4, count: summary.ranks.count))
    let modules = outcome.description.modules
    let left = zip(modules, outcome.ranks).reduce(0) { $0 + $1.1 * ($1.0.outputSize + $1.0.inputSize + 1) }
    #expect(outcome.adapterParameters == left)
    #expect(outcome.adapterParametersAtStart == run.session.trainer.store.adapters.reduce(0) { $0 + $1.parameterCount })
    #expect(outcome.cost?.stepMs == summary.stepMs)
    let speed = try #require(outcome.cost?.tokensPerSecond)
    #expect(abs(speed / summary.tokensPerSecond - 1) < 1e-9)
    let wall = try #require(outcome.wallSeconds)
    #expect(wall > 0 && wall < 60)
    #expect(try #require(outcome.peakRSSBytes) > 1 << 20)
    #expect(outcome.cpu == Machine.cpuName)
  }

  @Test("LoRA keeps its rank, and its parameters have no λ")
  func lora() throws {
    let tiny = try TinyRun(adapter: "peft_type = \"LORA\"\nr = 3")
    let run = try tiny.new()
    try run.go()
    let outcome = try Training.RunOutcome(run.folder)
    #expect(outcome.ranks == Array(repeating: 3, count: outcome.description.modules.count))
    #expect(outcome.adapterParameters == outcome.adapterParametersAtStart)
    #expect(outcome.adapterParameters == run.session.trainer.store.adapters.reduce(0) { $0 + $1.parameterCount })
  }

  @Test("a stopped run is not finished; resumed, its cost is that of both processes")
  func resumed() throws {
    let tiny = try TinyRun(adapter: "init_r = 4\ntarget_r = 2\ntfinal = 5")
    let run = try tiny.new()
    try run.go(to: 12)
    let stopped = try Training.RunOutcome(run.folder)
    #expect(!stopped.isFinished && stopped.stepsDone == 12)
    let before = try #require(stopped.wallSeconds)
    run.release()
    try DatabaseQueue(path: run.folder.telemetry).write { database in
      try database.execute(sql: "UPDATE meta SET value = ? WHERE key = 'peak_rss_bytes'", arguments: ["\(1 << 50)"])
    }
    try tiny.existing(run.folder).go()
    let outcome = try Training.RunOutcome(run.folder)
    #expect(outcome.isFinished && outcome.stepsDone == 30)
    #expect(try #require(outcome.wallSeconds) > before)
    #expect(outcome.peakRSSBytes == 1 << 50)
  }

  @Test("a long history of ranks is thinned evenly, with its first and its last record")
  func thinned() throws {
    let folder = try TemporaryFolder()
    try RecordedRun(totalSteps: 400, warmup: 10, final: 20, maskInterval: 1, scoresEvery: 1).make(folder.database)
    let reader = try TelemetryReader(path: folder.database)
    let ranks = try reader.ranks(atMost: 20)
    #expect((15...25).contains(ranks.count))
    #expect(ranks.first?.step == 0 && ranks.last?.step == 399)
    #expect(zip(ranks, ranks.dropFirst()).allSatisfy { $0.step < $1.step })
    let all = try reader.ranks(atMost: .max)
    #expect(all.map(\.step) == Array(0..<400))
    #expect(ranks.allSatisfy { $0 == all[$0.step] })
    #expect(try reader.cost()?.stepMs == 10 + 200.0 / 7)
  }

  @Test("a folder without a database is missing, one with another's database malformed")
  func unreadable() throws {
    let folder = try TemporaryFolder()
    #expect(throws: InputError.self) { try Training.RunOutcome(RunFolder(path: folder.path)) }
    try Data("nonsense".utf8).write(to: URL(fileURLWithPath: folder.database))
    do {
      _ = try Training.RunOutcome(RunFolder(path: folder.path))
      Issue.record("read")
    } catch {
      #expect(error.kind == .malformed)
    }
  }
}
