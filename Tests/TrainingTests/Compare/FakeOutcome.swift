// Outcomes of runs that never happened.

@testable import Training

extension Training.RunOutcome {
  /// - Parameters:
  ///   - settings: as `--set` has them.
  ///   - ranks: of three modules of different sizes.
  static func fake(
    _ name: String, seed: Int, accuracy: Double, settings: [String] = [], ranks: [Int] = [3, 2, 1],
    steps: Int = 100, test: Double? = nil
  ) throws -> Training.RunOutcome {
    let toml = "name = \"\(name)\"\n" + leastExperiment
    let experiment = try Experiment.parse(Array(toml.utf8), path: "/a/x.toml", overrides: settings, seed: seed)
    let modules = ["query", "key", "value"].enumerated().map { index, type in
      RunDescription.Module(name: "layer.0.\(type)", layer: 0, type: type, outputSize: 10 + index, inputSize: 20)
    }
    func evaluation(_ accuracy: Double) -> Evaluation {
      Evaluation(loss: 1 - accuracy, accuracy: accuracy, matthews: 2 * accuracy - 1, f1: accuracy)
    }
    return Training.RunOutcome(
      folder: RunFolder(path: "/runs/\(name)-\(seed)-" + settings.joined(separator: "+").replacing("/", with: "_")),
      description: RunDescription(
        run: name, folder: "", model: "model", method: experiment.adapter.method.title, score: .smoothed,
        dialect: .peft, modules: modules, initialRank: 4, effectiveScale: 2, totalSteps: 100, threads: 1,
        blasCore: "", metric: "accuracy"),
      experiment: experiment, seed: seed, stepsDone: steps, isFinished: steps == 100,
      evaluations: [49, 99].filter { $0 < steps }.map { step in
        TelemetryReader.RecordedEvaluation(
          step: step, split: "eval", evaluation: evaluation(accuracy - Double(99 - step) / 1000))
      }, test: test.map(evaluation),
      rankHistory: [
        TelemetryReader.RecordedRanks(step: 0, kept: [4, 4, 4]), TelemetryReader.RecordedRanks(step: 60, kept: ranks),
      ], interventions: [], cost: TelemetryReader.RecordedCost(stepMs: 10, tokensPerSecond: 1000), wallSeconds: 2,
      peakRSSBytes: 1 << 20, cpu: "a CPU")
  }
}

extension RunGrouping {
  /// Seeds 0, 1, … of one experiment, an accuracy each.
  mutating func add(_ name: String, _ accuracies: [Double], settings: [String] = []) throws {
    for (seed, accuracy) in accuracies.enumerated() {
      add(try Training.RunOutcome.fake(name, seed: seed, accuracy: accuracy, settings: settings))
    }
  }
}
