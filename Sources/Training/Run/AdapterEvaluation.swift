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
  private let folder: ModelFolder
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
    folder = try ModelFolder(path: model)
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
    /// In file order, a row an example; of a language model those of what follows it, where they were asked for.
    public var logits: [[Float]]
  }

  /// A classifier's.
  /// - Parameter maxLength: in tokens; longer texts are cut, as are those longer than the model can take.
  public func evaluate(_ examples: TextExamples, maxLength: Int) -> Outcome {
    let limit = min(maxLength, loaded.model.maximumLength)
    let pool = WorkerPool(count: threads)
    return evaluate(
      TokenizedDataset(examples, tokenizer: loaded.tokenizer, maxLength: limit, on: pool),
      batchSize: Evaluator.batchSize, on: pool)
  }

  /// A language model's.
  /// - Parameters:
  ///   - columns: of a JSONL file: of prompt and completion, or of messages; nil where the file is plain text.
  ///   - maxLength: in tokens, as in an experiment.
  ///   - keepsLogits: whether the outcome has logits, which are as many as the vocabulary has tokens.
  /// - Throws: for a bad file, or where the model does not say what it must.
  public func evaluate(
    path: String, _ columns: CompletionColumns?, maxLength: Int, keepsLogits: Bool
  ) throws(InputError) -> Outcome {
    let pool = WorkerPool(count: threads)
    let reader = LanguageModelReader(
      tokenizer: loaded.tokenizer,
      conventions: try TextConventions(folder, tokenizer: loaded.tokenizer),
      maxLength: min(maxLength, loaded.model.maximumLength), pool: pool)
    // Few at once: sequences are long.
    return evaluate(try reader.read(path: path, columns).0, batchSize: 8, keepsLogits: keepsLogits, on: pool)
  }

  private func evaluate(
    _ dataset: TokenizedDataset, batchSize: Int, keepsLogits: Bool = true, on pool: WorkerPool
  ) -> Outcome {
    let team = WorkerTeam(model: loaded.model, store: loaded.store, pool: pool, seed: 0)
    var logits = Array(repeating: [Float](), count: dataset.count)
    let evaluation =
      Evaluator(dataset, batchSize: batchSize, workers: threads)
      .evaluate(team, onLogits: keepsLogits ? { example, row in logits[example] = row } : nil) ?? Evaluation(loss: 0)
    return Outcome(count: dataset.count, evaluation: evaluation, logits: logits)
  }
}
