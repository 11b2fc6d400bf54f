// What a run came to: its result, its ranks and its cost, read from its folder.

import AdaLoRA
import Foundation
import Models

/// A run as its folder tells of it, whether it has ended or is still trained.
public struct RunOutcome: Sendable {
  public internal(set) var folder: RunFolder
  public internal(set) var description: RunDescription
  /// nil where another program made the run.
  public internal(set) var experiment: Experiment?
  public internal(set) var seed: Int
  public internal(set) var stepsDone: Int
  /// Trained to its end, with the last evaluation done.
  public internal(set) var isFinished: Bool
  /// Those on the `eval` split, in the order of their steps.
  public internal(set) var evaluations: [TelemetryReader.RecordedEvaluation]
  /// On the test split, at the end; nil where there is none.
  public internal(set) var test: Evaluation?
  /// Kept triplets a module: as they were at the start, at most about 128 times in between, and at the end.
  public internal(set) var rankHistory: [TelemetryReader.RecordedRanks]
  /// What was changed by hand or by schedule while it was trained.
  public internal(set) var interventions: [Intervention]
  /// nil where no step was timed.
  public internal(set) var cost: TelemetryReader.RecordedCost?
  /// Of all processes that have trained it; nil where none has ended by itself. So is `peakRSSBytes`.
  public internal(set) var wallSeconds: Double?
  public internal(set) var peakRSSBytes: Int?
  /// The CPU's name; empty where it was not recorded.
  public internal(set) var cpu: String

  public var name: String { folder.name }

  /// The last one on the `eval` split.
  public var evaluation: Evaluation? { evaluations.last?.evaluation }

  /// Kept triplets a module, in the order of `description.modules`.
  public var ranks: [Int] { rankHistory.last?.kept ?? [] }

  /// `ranks` by the modules' names.
  public var rankOfModule: [String: Int] {
    Dictionary(zip(description.modules.map(\.name), ranks), uniquingKeysWith: { first, _ in first })
  }

  public var totalRank: Int { ranks.reduce(0, +) }

  /// Trainable parameters of all adapters, without the head: Σ kept·(d₁ + d₂), and one more a triplet where λ is trained.
  public var adapterParameters: Int { parameters(ranks) }

  public var adapterParametersAtStart: Int { parameters(rankHistory.first?.kept ?? []) }

  private func parameters(_ ranks: [Int]) -> Int {
    let lambda = description.isRegularized ? 1 : 0
    return zip(description.modules, ranks).reduce(0) { $0 + $1.1 * ($1.0.outputSize + $1.0.inputSize + lambda) }
  }
}

extension RunOutcome {
  /// - Throws: where the folder holds no run that can be read.
  public init(_ folder: RunFolder) throws(InputError) {
    let reader = try TelemetryReader(path: folder.telemetry)
    let description = reader.description
    let isOurs = FileManager.default.fileExists(atPath: folder.experiment)
    let experiment = isOurs ? try Experiment.load(path: folder.experiment) : nil
    let last = try reader.records(atMost: 1).last?.step
    let stepsDone = last.map { $0 + 1 } ?? 0
    let evaluations = try reader.evaluations()
    let ranks = try reader.ranks(atMost: 128)
    let state = try reader.live()?.state ?? .done
    self.init(
      folder: folder, description: description, experiment: experiment,
      seed: experiment?.seed ?? reader.facts["seed"].flatMap { Int($0) } ?? 0, stepsDone: stepsDone,
      isFinished: stepsDone >= description.totalSteps && state == .done,
      evaluations: evaluations.filter { $0.split == "eval" },
      test: evaluations.last { $0.split == "test" }?.evaluation,
      rankHistory: ranks.isEmpty ? [TelemetryReader.RecordedRanks(step: 0, kept: description.firstRanks)] : ranks,
      interventions: try reader.interventions(), cost: try reader.cost(),
      wallSeconds: reader.facts["wall_s"].flatMap { Double($0) },
      peakRSSBytes: reader.facts["peak_rss_bytes"].flatMap { Int($0) },
      cpu: TelemetryReader.line(reader.facts["cpu"] ?? ""))
  }
}
