// What is known of a model before it is built: its parsed `config.json`.

import Kernels

/// What a model ends in.
public enum ModelTask: Sendable, Equatable {
  /// One of so many labels for each sequence.
  case sequenceClassification(labels: Int)
  /// The next token, at every token.
  case causalLanguageModel

  /// - Throws: where a family that only classifies is asked for a language model.
  func labels(of modelType: String, _ weights: any WeightSource) throws(InputError) -> Int {
    guard case .sequenceClassification(let labels) = self else {
      throw InputError(file: weights.path, place: "model_type", "\(modelType) is an encoder: expected task SEQ_CLS")
    }
    return labels
  }
}

/// A model family's configuration: names every linear module, and builds the model.
public protocol ModelBlueprint: Sendable {
  /// `model_type` in `config.json`.
  var modelType: String { get }
  /// All linear modules but the task head's, in the model's order.
  var modules: [LinearModule] { get }
  /// `vocab_size`.
  var vocabularySize: Int { get }
  /// The longest sequence that the model can take, in tokens.
  var maximumLength: Int { get }
  /// `initializer_range`, the standard deviation of fresh weights.
  var initializerRange: Double { get }
  /// Whether the family has a language model, as decoders do.
  var predictsTokens: Bool { get }
  /// `id2label` by id.
  var labelNames: [String] { get }
  /// The same with every dropout off.
  func withoutDropout() -> Self
  /// The linear modules that a task trains whole, in the model's order; the last one's outputs are the labels. Empty
  /// where the task has none.
  func headModules(for task: ModelTask) -> [LinearModule]
  /// Builds the model. `factory` is asked once for each of `modules` and each head module.
  /// - Parameters:
  ///   - weights: with names as the family's HuggingFace classes save them. A missing head is left to `factory`.
  ///   - seed: of other modules that a pretrained file may lack.
  ///   - precision: of the layers' frozen weights.
  /// - Throws: for a missing, misshapen or unexpected tensor, or a task that the family does not have.
  func build(
    _ weights: any WeightSource, task: ModelTask, seed: UInt64, factory: any LinearFactory, precision: Precision
  ) throws(InputError) -> any SequenceModel
}

extension ModelBlueprint {
  public var predictsTokens: Bool { false }
}
