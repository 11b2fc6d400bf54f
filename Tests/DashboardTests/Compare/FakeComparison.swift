// Comparisons of runs that never happened.

import Models

@testable import Dashboard
@testable import Training

struct FakeComparison {
  /// A group each, with an accuracy a seed.
  var groups: [(name: String, accuracies: [Double])] = [
    ("AdaLoRA", [0.80, 0.81, 0.82]), ("LoRA", [0.76, 0.78, 0.77]), ("random", [0.81, 0.80, 0.82]),
  ]
  var run = FakeRun(layers: 3, totalSteps: 100, initialWarmup: 10, finalWarmup: 20, isPlanted: false)

  func make() throws -> Comparison {
    var grouping = RunGrouping()
    for (index, group) in groups.enumerated() {
      for (seed, accuracy) in group.accuracies.enumerated() {
        grouping.add(outcome(group.name, index, seed, accuracy), sweep: "sweep", cell: group.name)
      }
    }
    return try Comparison(grouping, metric: .accuracy)
  }

  private func outcome(_ name: String, _ group: Int, _ seed: Int, _ accuracy: Double) -> RunOutcome {
    var description = run.frame(at: 1).description
    description.effectiveScale = Double(group + 1)
    func ranks(_ share: Int) -> [Int] {
      description.modules.indices.map { name == "LoRA" ? 3 : ($0 * (group + 2) + seed) % share }
    }
    return RunOutcome(
      folder: RunFolder(path: "/runs/\(name)/\(group)-\(seed)"), description: description, experiment: nil, seed: seed,
      stepsDone: run.totalSteps, isFinished: true,
      evaluations: (1...4).map { part in
        let value = part == 4 ? accuracy : accuracy + 0.025 - 0.1 / Double(part)
        return TelemetryReader.RecordedEvaluation(
          step: 25 * part - 1, split: "eval",
          evaluation: Evaluation(loss: 1 - value, accuracy: value, matthews: value, f1: value))
      }, test: nil,
      rankHistory: [(0, 7), (50, 6), (99, 5)].map { TelemetryReader.RecordedRanks(step: $0, kept: ranks($1)) },
      interventions: [], cost: TelemetryReader.RecordedCost(stepMs: 12.5, tokensPerSecond: 3400), wallSeconds: 75,
      peakRSSBytes: 512_000_000, cpu: "a CPU, of some kind")
  }
}
