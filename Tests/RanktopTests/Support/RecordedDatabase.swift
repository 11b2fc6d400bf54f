// A run's folder with a database that a test wrote: what `ranktop watch` looks at.

import AdaLoRA
import Foundation
import Testing

@testable import Training

/// `runs/<name>` with a recorded run of 6 modules × 4 triplets; removed with this value.
final class RecordedDatabase {
  let runs: URL
  let name: String
  let recorder: TelemetryRecorder
  private var schedule: BudgetSchedule
  private let description: RunDescription
  static let rank = 4
  static let modules = 6

  var folder: String { runs.appendingPathComponent(name).path }

  /// - Parameters:
  ///   - control: name of the file for its commands.
  ///   - target: target rank a module.
  init(_ name: String = "rec-1", in runs: URL? = nil, steps: Int = 60, control: String? = nil, target: Int = 2) throws {
    self.name = name
    self.runs = runs ?? FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: self.runs.appendingPathComponent(name), withIntermediateDirectories: true)
    let modules = (0..<Self.modules).map { index in
      RunDescription.Module(
        name: "bert.encoder.layer.\(index / 2).attention.self.\(["query", "value"][index % 2])", layer: index / 2,
        type: ["query", "value"][index % 2], outputSize: 32, inputSize: 32)
    }
    description = RunDescription(
      run: name, folder: self.runs.path + "/" + name, model: "tiny", method: "ADALORA", score: .smoothed,
      dialect: .peft, modules: modules, initialRank: Self.rank, effectiveScale: 2, totalSteps: steps, threads: 1,
      blasCore: "Haswell", metric: "accuracy")
    schedule = BudgetSchedule(
      initialBudget: Self.modules * Self.rank, targetBudget: Self.modules * target, initialWarmup: steps / 6,
      finalWarmup: steps / 3, maskInterval: 2, totalSteps: steps)
    var facts = ["seed": "0", "writer": "a test"]
    facts["control"] = control
    recorder = try TelemetryRecorder(
      path: self.runs.path + "/\(name)/telemetry.sqlite", description: description, facts: facts, scoresEvery: 5,
      resumeAt: nil)
    recorder.record(schedule, from: 0)
    recorder.record(Event(step: 0, kind: .started, text: "begins"))
    try tell(.training, after: 0)
  }

  deinit {
    try? recorder.close()
    try? FileManager.default.removeItem(at: runs)
  }

  /// Records steps, as if they had been trained; the database has them when this returns.
  func train(_ steps: Range<Int>, then state: RunState = .training) throws {
    for step in steps {
      let budget = schedule.budget(at: step)
      let triplets = triplets(budget)
      let masked = schedule.masks(at: step) && step <= schedule.finalStep
      let loss = 2 / (1 + Double(step) / 10)
      let record = StepRecord(
        step: step, loss: loss, taskLoss: loss, orth: 0.1, gradNorm: 1, lr: 1e-3, beta1: 0.85, beta2: 0.85,
        orthRegWeight: 0.1, deltaT: 2, targetR: 2, budget: budget, kept: budget, nonzero: budget,
        threshold: step > schedule.initialWarmup ? 1e-9 : nil, tokens: 128, stepMs: 5)
      let wants = recorder.wantsTriplets(step: step, masked: masked)
      recorder.record(
        step: record, learningRate: 1e-3, triplets: wants ? triplets : nil, ranks: ranks(triplets),
        nonzero: ranks(triplets), masked: masked, orth: nil)
    }
    if case .done = state { recorder.record(Event(step: steps.upperBound, kind: .finished, text: "over")) }
    try tell(state, after: steps.upperBound)
  }

  func tell(_ state: RunState, after steps: Int) throws {
    recorder.setLive(
      LiveState(
        state: state, stepsDone: steps, tokensPerSecond: 1000, eta: 3, beta1: 0.85, beta2: 0.85, orthRegWeight: 0.1,
        learningRate: 1e-3, targetR: 2, deltaT: 2, triplets: triplets(schedule.budget(at: max(steps - 1, 0)))))
    let isWritten = recorder.flush()
    try #require(isWritten)
  }

  /// The first modules keep most.
  private func triplets(_ budget: Int) -> TripletFrame {
    let count = Self.modules * Self.rank
    var frame = TripletFrame()
    frame.kept = (0..<count).map { $0 < budget }
    frame.lambda = (0..<count).map { $0 < budget ? 0.1 : 0 }
    frame.lambdaPart = (0..<count).map { 1e-8 / Float($0 + 1) }
    frame.pPart = frame.lambdaPart
    frame.qPart = frame.lambdaPart
    frame.smoothedSensitivity = frame.lambdaPart
    frame.uncertainty = frame.lambdaPart
    frame.scores = [.smoothed: frame.lambdaPart.map { 3 * $0 }]
    frame.maskScores = frame.scores[.smoothed] ?? []
    return frame
  }

  private func ranks(_ frame: TripletFrame) -> [Int] {
    (0..<Self.modules).map { module in
      frame.kept[module * Self.rank..<(module + 1) * Self.rank].reduce(0) { $0 + ($1 ? 1 : 0) }
    }
  }
}
