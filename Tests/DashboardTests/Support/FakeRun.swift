// Frames of runs that never happened: plausible, deterministic, and quick to make.

import AdaLoRA
import Foundation
import Kernels

@testable import Dashboard
@testable import Training

struct FakeRun {
  var layers = 3
  var types = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
  var rank = 6
  var targetRank = 2.0
  var totalSteps = 400
  var initialWarmup = 66
  var finalWarmup = 100
  var maskInterval = 5
  var method = "ADALORA"
  var rule = ScoringRule.smoothed
  var isPlanted = true
  var metric = ""
  var historyLimit = 256
  /// A target changed at a step.
  var change: (step: Int, target: Double)?
  var name = "demo-1"
  var model = "planted-bert 3×64"

  static let demo = FakeRun()
  static let miniLM = FakeRun(
    layers: 6, rank: 6, targetRank: 4, totalSteps: 800, initialWarmup: 133, finalWarmup: 266, maskInterval: 10,
    isPlanted: false, metric: "accuracy", name: "sst2-adalora-3", model: "all-MiniLM-L6-v2")
  static let lora = FakeRun(
    rank: 8, totalSteps: 400, method: "LORA", isPlanted: false, metric: "accuracy", name: "sst2-lora-1",
    model: "all-MiniLM-L6-v2")
  static let single = FakeRun(layers: 1, types: ["query"], rank: 4, targetRank: 2, name: "one-1")
  static let large = FakeRun(
    layers: 30, types: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], rank: 12,
    targetRank: 6, totalSteps: 5000, initialWarmup: 500, finalWarmup: 1500, maskInterval: 50, isPlanted: false,
    metric: "", historyLimit: 64, name: "llama-7", model: "Llama-30-layers")

  var modules: [RunDescription.Module] {
    let planted = [0, 6, 0, 4, 0, 0, 6, 0, 4, 0, 2, 0, 0, 4, 0, 6, 0, 4]
    return (0..<layers).flatMap { layer in
      types.enumerated().map { index, type in
        let prefix = type.hasSuffix("_proj") ? "model.layers" : "bert.encoder.layer"
        let full = ["query", "key", "value"].contains(type) ? "attention.self." + type : type
        return RunDescription.Module(
          name: "\(prefix).\(layer).\(full)", layer: layer, type: type, outputSize: 384, inputSize: 384,
          plantedRank: isPlanted ? planted[(layer * types.count + index) % 18] : nil)
      }
    }
  }

  var isLoRA: Bool { method == "LORA" }

  /// The run when `done` steps are done.
  func frame(at done: Int, state: RunState = .training) -> Frame {
    let modules = modules
    let count = modules.count * rank
    var generator = RandomSource(seed: 7)
    // What each triplet grows to: planted ones high, the others low, none equal.
    let worth = (0..<count).map { index -> Double in
      let planted = modules[index / rank].plantedRank ?? Int(generator.next() % UInt64(rank + 1))
      return index % rank < planted ? 0.3 + 0.7 * generator.uniform() : 0.004 + 0.02 * generator.uniform()
    }
    let draws = (0..<count).map { _ in Float(generator.uniform()) }
    var schedule = BudgetSchedule(
      initialBudget: count, targetBudget: Int(targetRank * Double(modules.count)), initialWarmup: initialWarmup,
      finalWarmup: finalWarmup, maskInterval: maskInterval, totalSteps: totalSteps)
    var interventions: [Intervention] = []
    var events = [Event(step: 0, kind: .started, text: "\(modules.count) modules, \(count) triplets")]
    var history: [HistoryPoint] = []
    let every = max((done + historyLimit - 1) / historyLimit, 1)
    var kept = [Bool](repeating: true, count: count)
    var maskScores: [Float] = []
    var threshold: Double?
    var target = targetRank
    var last: (record: StepRecord, triplets: TripletFrame)?
    for step in 0..<done {
      if let change, change.step == step, schedule.setTarget(Int(change.target * Double(modules.count)), at: step) {
        interventions.append(
          Intervention(step: step, parameter: .targetR, old: target, new: change.target, isUndo: false))
        events.append(Event(step: step, kind: .intervention, text: "target \(target)→\(change.target)"))
        target = change.target
      }
      let budget = isLoRA ? count : schedule.budget(at: step)
      let masks = !isLoRA && schedule.masks(at: step)
      let isEvaluated = !metric.isEmpty && step % 100 == 99
      let isSeen = step % every == 0 || step == done - 1 || isEvaluated
      guard masks || isSeen else { continue }
      let triplets = self.triplets(step, worth, draws, kept, &generator)
      if masks && step <= schedule.finalStep {
        let decisions = RuleDecisions(
          scores: triplets.scores, budget: budget, prices: TripletPrices(modules: modules.count), rank: rank)
        let before = kept
        kept = decisions.kept[rule] ?? kept
        maskScores = triplets.scores[rule] ?? []
        threshold = maskScores.indices.filter { !kept[$0] }.map { Double(maskScores[$0]) }.max()
        let freed = zip(before, kept).reduce(0) { $0 + ($1.0 && !$1.1 ? 1 : 0) }
        let back = zip(before, kept).reduce(0) { $0 + (!$1.0 && $1.1 ? 1 : 0) }
        if freed + back > 0 {
          events.append(
            Event(step: step, kind: .mask, text: "\(freed) pruned, \(back) came back, \(budget) of \(count) stay"))
        }
      }
      var shown = triplets
      if !isLoRA {
        shown.kept = kept
        shown.maskScores = maskScores
        for index in 0..<count where !kept[index] { shown.lambda[index] *= masks ? 0 : index % 3 == 0 ? 0.05 : 0 }
        shown.scores[.magnitude] = shown.lambda.map { abs($0) }
      }
      let x = Double(step) / Double(totalSteps)
      var record = StepRecord(
        step: step, loss: 0, taskLoss: 0.7 * exp(-3 * x) + 0.08 + 0.06 * generator.uniform(),
        orth: 0.02 + 0.3 * exp(-12 * x) + 0.004 * generator.uniform(),
        gradNorm: 0.4 + exp(-4 * x) + 0.3 * generator.uniform(),
        lr: 1e-3 * (1 - x), beta1: 0.85, beta2: 0.85, orthRegWeight: 0.1, deltaT: maskInterval, targetR: target,
        budget: budget, kept: kept.reduce(0) { $0 + ($1 ? 1 : 0) },
        nonzero: shown.lambda.reduce(0) { $0 + ($1 != 0 ? 1 : 0) }, threshold: threshold, tokens: 1024, stepMs: 12)
      record.loss = record.taskLoss + 0.1 * record.orth
      if isEvaluated {
        let accuracy = 0.5 + 0.36 * (1 - exp(-5 * x))
        record.eval = Evaluation(loss: record.taskLoss, accuracy: accuracy, matthews: 2 * accuracy - 1, f1: accuracy)
        events.append(
          Event(
            step: step, kind: .evaluation,
            text: "accuracy 0.\(Int(accuracy * 1000)), loss 0.\(Int(record.taskLoss * 1000))"))
      }
      last = (record, shown)
      if isSeen {
        history.append(HistoryPoint(record: record, triplets: shown, ranks: ranks(kept)))
      }
    }
    let nonzero =
      isLoRA
      ? ranks(kept)
      : (0..<modules.count).map { k in
        (k * rank..<(k + 1) * rank).reduce(0) { $0 + ((last?.triplets.lambda[$1] ?? 0) != 0 ? 1 : 0) }
      }
    var empty = TripletFrame()
    if !isLoRA {
      empty.lambda = Array(repeating: 0, count: count)
      empty.kept = kept
    }
    return Frame(
      description: RunDescription(
        run: name, folder: "runs/\(name)", model: model, method: method, score: rule, dialect: .peft, modules: modules,
        initialRank: rank, effectiveScale: 32 / (Double(rank) + 1e-5), totalSteps: totalSteps, threads: 2,
        blasCore: "SkylakeX", metric: metric),
      state: state, stepsDone: done, record: last?.record, schedule: isLoRA ? nil : schedule, beta1: 0.85, beta2: 0.85,
      orthRegWeight: 0.1, learningRate: 1e-3, targetR: target, deltaT: maskInterval, ranks: ranks(kept),
      nonzero: nonzero, triplets: isLoRA ? TripletFrame() : last?.triplets ?? empty, history: history,
      events: events.suffix(300), interventions: interventions, pending: [], tokensPerSecond: 12_345,
      eta: Double(totalSteps - done) * 0.5)
  }

  private func ranks(_ kept: [Bool]) -> [Int] {
    stride(from: 0, to: kept.count, by: rank).map { start in
      kept[start..<start + rank].reduce(0) { $0 + ($1 ? 1 : 0) }
    }
  }

  private func triplets(
    _ step: Int, _ worth: [Double], _ draws: [Float], _ kept: [Bool], _ generator: inout RandomSource
  ) -> TripletFrame {
    var frame = TripletFrame()
    guard !isLoRA else { return frame }
    let grown = 1 - exp(-Double(step) / Double(initialWarmup) * 2)
    for value in worth {
      let noise = 0.7 + 0.6 * generator.uniform()
      let lambda = 0.3 * value * grown
      let base = 1e-9 * value * value * noise
      frame.lambda.append(Float(lambda))
      frame.lambdaPart.append(Float(base * grown))
      frame.pPart.append(Float(base * 0.3 + 1e-13))
      frame.qPart.append(Float(base * 0.2 + 2e-13))
      frame.smoothedSensitivity.append(Float(3e-5 * value * noise))
      frame.uncertainty.append(Float(4e-5 * value * noise))
    }
    frame.kept = kept
    let smoothed = worth.indices.map { frame.lambdaPart[$0] + frame.pPart[$0] + frame.qPart[$0] }
    frame.scores = [
      .smoothed: smoothed, .sensitivity: worth.map { Float(1e-4 * $0 * (0.3 + 1.4 * generator.uniform())) },
      .magnitude: frame.lambda, .random: draws, .uniform: smoothed,
    ]
    return frame
  }
}
