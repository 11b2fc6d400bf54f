// Evaluates a saved adapter, ours or PEFT's, on a file.

import Foundation
import Kernels
import Models

/// An adapter over its base model, ready to be run over data.
public struct AdapterEvaluation {
  public let adapterFolder: String
  /// Empty of a language model.
  public let labels: LabelSet
  public let task: Experiment.Task
  private let loaded: LoadedModel
  private let threads: Int

  /// - Parameters:
  ///   - runOrAdapter: an adapter's folder, or a run's, whose `adapter/` is taken.
  ///   - model: the base model's folder.
  public init(runOrAdapter: String, model: String, threads: Int) throws(InputError) {
    let manager = FileManager.default
    let inner = runOrAdapter + "/adapter"
    let holds = { manager.fileExists(atPath: $0 + "/" + PEFTAdapter.configName) }
    guard holds(runOrAdapter) || holds(inner) else {
      throw InputError(
        .missing, file: runOrAdapter, "no \(PEFTAdapter.configName) here or in adapter/; expected an adapter or a run")
    }
    adapterFolder = holds(runOrAdapter) ? runOrAdapter : inner
    let adapter = try PEFTAdapter(folder: adapterFolder)
    let folder = try ModelFolder(path: model)
    let blueprint = try folder.blueprint()
    task = try adapter.task
    switch task {
    case .sequenceClassification:
      labels = try Self.labels(adapter, blueprint)
      loaded = try LoadedModel.withAdapter(
        folder, adapter, task: .sequenceClassification(labels: labels.names.count))
    case .causalLanguageModel:
      labels = LabelSet(names: [])
      loaded = try LoadedModel.withAdapter(folder, adapter, task: .causalLanguageModel)
    }
    self.threads = threads
  }

  /// Those beside the adapter, else the model's own.
  private static func labels(
    _ adapter: PEFTAdapter, _ blueprint: any ModelBlueprint
  ) throws(InputError) -> LabelSet {
    let file = adapter.folder + "/labels.json"
    let labels =
      FileManager.default.fileExists(atPath: file)
      ? try LabelSet.load(from: file) : LabelSet(names: blueprint.labelNames)
    if let (tensor, count) = adapter.labels(blueprint), count != labels.names.count {
      throw InputError(
        file: adapter.folder + "/" + PEFTAdapter.weightsName, place: "tensor \(tensor)",
        "\(count) classes, but the labels are \(labels.names.joined(separator: ", "))")
    }
    return labels
  }

  public struct Outcome: Sendable {
    public var count: Int
    public var evaluation: Evaluation
    /// In file order, a row an example.
    public var logits: [[Float]]
  }

  /// - Parameter maxLength: in tokens; longer texts are cut, as are those longer than the model can take.
  public func evaluate(_ examples: TextExamples, maxLength: Int) -> Outcome {
    let limit = min(maxLength, loaded.model.maximumLength)
    let pool = WorkerPool(count: threads)
    let dataset = TokenizedDataset(examples, tokenizer: loaded.tokenizer, maxLength: limit, on: pool)
    let team = WorkerTeam(model: loaded.model, store: loaded.store, pool: pool, seed: 0)
    var logits = Array(repeating: [Float](), count: dataset.count)
    let evaluation =
      Evaluator(dataset, workers: threads).evaluate(team, onLogits: { example, row in logits[example] = row })
      ?? Evaluation(loss: 0)
    return Outcome(count: dataset.count, evaluation: evaluation, logits: logits)
  }
}
