// Runs that never happened, recorded as a trainer would.

import AdaLoRA
import Foundation
import GRDB
import Kernels
import Models
import Testing

@testable import Training

/// A folder that is gone with the value.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "ranktop-telemetry-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var database: String { path + "/telemetry.sqlite" }
}

struct RecordedRun {
  var modules = 4
  var rank = 3
  var totalSteps = 200
  var warmup = 20
  var final = 50
  var maskInterval = 10
  var scoresEvery = 25
  var method = "ADALORA"
  var rule = ScoringRule.smoothed
  var evalEvery = 40
  let facts = ["writer": "ranktop test", "seed": "7", "started": "2024-01-01T00:00:00Z", "cpu": "none"]

  var count: Int { modules * rank }

  var description: RunDescription {
    RunDescription(
      run: "fake-1", folder: "", model: "tiny", method: method, score: rule, dialect: .peft,
      modules: (0..<modules).map {
        RunDescription.Module(
          name: "bert.encoder.layer.\($0).attention.self.query", layer: $0, type: "query", outputSize: 64,
          inputSize: 32, plantedRank: $0 == 1 ? 2 : nil)
      }, initialRank: rank, effectiveScale: 16 / (Double(rank) + 1e-5), totalSteps: totalSteps, threads: 2,
      blasCore: "Haswell", metric: "accuracy")
  }

  var schedule: BudgetSchedule {
    BudgetSchedule(
      initialBudget: count, targetBudget: modules, initialWarmup: warmup, finalWarmup: final,
      maskInterval: maskInterval, totalSteps: totalSteps)
  }

  func recorder(
    _ path: String, resumeAt: Int? = nil, beforeCommit: @escaping @Sendable (Database) throws -> Void = { _ in }
  ) throws -> TelemetryRecorder {
    try TelemetryRecorder(
      path: path, description: description, facts: facts, scoresEvery: scoresEvery, resumeAt: resumeAt,
      beforeCommit: beforeCommit)
  }

  func masks(_ step: Int) -> Bool { method != "LORA" && schedule.masks(at: step) && step <= schedule.finalStep + 1 }

  func record(_ step: Int) -> StepRecord {
    let x = Double(step)
    var record = StepRecord(
      step: step, loss: 0.7 / (1 + x / 50), taskLoss: 0.6 / (1 + x / 50), orth: 0.1, gradNorm: 1 + x / 1000, lr: 1e-3,
      beta1: 0.85, beta2: 0.9, orthRegWeight: 0.5, deltaT: maskInterval, targetR: 1, budget: schedule.budget(at: step),
      kept: kept(step).count { $0 }, nonzero: count, threshold: step < warmup ? nil : 1e-9, tokens: 1000 + step,
      stepMs: 10 + x / 7, eval: nil)
    if step % evalEvery == evalEvery - 1 {
      record.eval = Evaluation(loss: 0.5, accuracy: 0.8 + x / 10_000, matthews: 0.6, f1: 0.7)
    }
    return record
  }

  /// By the last mask.
  func kept(_ step: Int) -> [Bool] {
    let mask = (0...max(step, 0)).last { masks($0) }
    return (0..<count).map { i in mask.map { (i * 7 + $0) % count < schedule.budget(at: $0) } ?? true }
  }

  func triplets(_ step: Int) -> TripletFrame {
    func values(_ scale: Float) -> [Float] {
      (0..<count).map { scale * (1 + Float(($0 * 31 + step * 17) % 101)) / 101 }
    }
    var frame = TripletFrame()
    frame.lambda = values(0.3).enumerated().map { $0 % 5 == step % 5 ? 0 : $1 - 0.1 }
    frame.kept = kept(step)
    frame.lambdaPart = values(1e-9)
    frame.pPart = values(3e-10)
    frame.qPart = values(2e-11)
    frame.smoothedSensitivity = values(1e-5)
    frame.uncertainty = values(1e-4)
    let smoothed = (0..<count).map { frame.lambdaPart[$0] + (frame.pPart[$0] + frame.qPart[$0]) }
    frame.scores = [
      .smoothed: smoothed, .uniform: smoothed, .sensitivity: values(2e-3), .magnitude: frame.lambda.map { abs($0) },
      .random: TripletScores.draws(seed: 7, count: count),
    ]
    frame.maskScores =
      masks(step)
      ? frame.scores[rule] ?? [] : (0..<max(step, 0)).last { masks($0) }.map { triplets($0).scores[rule] ?? [] } ?? []
    return frame
  }

  func ranks(_ step: Int) -> [Int] {
    let kept = kept(step)
    return (0..<modules).map { k in (0..<rank).count { kept[k * rank + $0] } }
  }

  func live(_ done: Int, _ state: RunState = .training) -> LiveState {
    LiveState(
      state: state, stepsDone: done, tokensPerSecond: 1234, eta: 5, beta1: 0.8, beta2: 0.9, orthRegWeight: 0.5,
      learningRate: 1e-3, targetR: 1, deltaT: maskInterval,
      triplets: method == "LORA" || done == 0 ? TripletFrame() : triplets(done - 1))
  }

  /// Records some steps with everything that belongs to them.
  func record(_ steps: Range<Int>, into recorder: TelemetryRecorder, live isLive: Bool = true) {
    for step in steps {
      let masked = masks(step)
      let triplets = recorder.wantsTriplets(step: step, masked: masked) ? triplets(step) : nil
      let isLoRA = method == "LORA"
      recorder.record(
        step: record(step), learningRate: 1e-3, triplets: triplets, ranks: isLoRA ? [] : ranks(step),
        nonzero: isLoRA ? [] : ranks(step), masked: masked, orth: (0..<2 * modules).map { Float($0) / 10 })
      if masked { recorder.record(Event(step: step, kind: .mask, text: "mask \(step)")) }
      if isLive { recorder.setLive(live(step + 1)) }
    }
  }

  /// A whole run in a new file.
  func make(_ path: String, steps: Int? = nil) throws {
    let recorder = try recorder(path)
    recorder.record(Event(step: 0, kind: .started, text: "begins"))
    if method != "LORA" { recorder.record(schedule, from: 0) }
    record(0..<(steps ?? totalSteps), into: recorder)
    recorder.setLive(live(steps ?? totalSteps, .done))
    try recorder.close()
  }
}

/// Waits for what another thread does.
func eventually(_ seconds: Double = 10, _ isTrue: () throws -> Bool) rethrows -> Bool {
  let end = Date(timeIntervalSinceNow: seconds)
  while Date() < end {
    if try isTrue() { return true }
    usleep(10_000)
  }
  return try isTrue()
}
