// What a run came to: its result, its ranks and its cost, read from its folder.

import AdaLoRA
import Foundation
import Models

/// A run as its folder tells of it, whether it has ended or is still trained.
public struct RunOutcome: Sendable {
  public let folder: RunFolder
  public let description: RunDescription
  /// nil where another program made the run.
  public let experiment: Experiment?
  public let seed: Int
  public let stepsDone: Int
  /// Trained to its end, with the last evaluation done.
  public let isFinished: Bool
  /// Those on the `eval` split, in the order of their steps.
  public let evaluations: [TelemetryReader.RecordedEvaluation]
  /// On the test split, at the end; nil where there is none.
  public let test: Evaluation?
  /// Kept triplets a module: as they were at the start, at most about 128 times in between, and at the end.
  public let rankHistory: [TelemetryReader.RecordedRanks]
  /// What was changed by hand or by schedule while it was trained.
  public let interventions: [Intervention]
  /// nil where no step was timed.
  public let cost: TelemetryReader.RecordedCost?
  /// Of all processes that have trained it; nil where none has ended by itself. So is `peakRSSBytes`.
  public let wallSeconds: Double?
  public let peakRSSBytes: Int?
  /// The CPU's name; empty where it was not recorded.
  public let cpu: String

  /// - Throws: where the folder holds no run that can be read.
  public init(_ folder: RunFolder) throws(InputError) {
    self.folder = folder
    let reader = try TelemetryReader(path: folder.telemetry)
    description = reader.description
    let isOurs = FileManager.default.fileExists(atPath: folder.experiment)
    experiment = isOurs ? try Experiment.load(path: folder.experiment) : nil
    seed = experiment?.seed ?? reader.facts["seed"].flatMap { Int($0) } ?? 0
    let live = try reader.live()
    let last = try reader.records(atMost: 1).last?.step
    stepsDone = last.map { $0 + 1 } ?? 0
    isFinished = stepsDone >= reader.description.totalSteps && live?.state ?? .done == .done
    let all = try reader.evaluations()
    evaluations = all.filter { $0.split == "eval" }
    test = all.last { $0.split == "test" }?.evaluation
    let recorded = try reader.ranks(atMost: 128)
    let fixed = Array(repeating: description.initialRank, count: description.modules.count)
    rankHistory = recorded.isEmpty ? [TelemetryReader.RecordedRanks(step: 0, kept: fixed)] : recorded
    interventions = try reader.interventions()
    cost = try reader.cost()
    wallSeconds = reader.facts["wall_s"].flatMap { Double($0) }
    peakRSSBytes = reader.facts["peak_rss_bytes"].flatMap { Int($0) }
    cpu = TelemetryReader.line(reader.facts["cpu"] ?? "")
  }

  public var name: String { folder.name }

  /// The last one on the `eval` split.
  public var evaluation: Evaluation? { evaluations.last?.evaluation }

  /// Kept triplets a module, in the order of `description.modules`.
  public var ranks: [Int] { rankHistory.last?.kept ?? [] }

  public var totalRank: Int { ranks.reduce(0, +) }

  /// Trainable parameters of all adapters, without the head: Σ kept·(d₁ + d₂), and one more a triplet where λ is trained.
  public var adapterParameters: Int { parameters(ranks) }

  public var adapterParametersAtStart: Int { parameters(rankHistory.first?.kept ?? []) }

  private func parameters(_ ranks: [Int]) -> Int {
    let lambda = description.method == "LORA" ? 0 : 1
    return zip(description.modules, ranks).reduce(0) { $0 + $1.1 * ($1.0.outputSize + $1.0.inputSize + lambda) }
  }
}
