// Sizes of well-known models, to measure with random weights.

import Models

/// A model's shape by name.
public enum ModelShape: String, Sendable, CaseIterable {
  case tiny = "bert-tiny"
  case mini = "bert-mini"
  case minilm
  case base = "bert-base"
  case large = "bert-large"
  /// SmolLM2-135M, a Llama.
  case smolLM = "smollm2-135m"
  /// Llama-7B's linear modules: adapters alone, without a model.
  case llama = "llama-7b"

  /// Nil where there is no model to run.
  public var blueprint: (any ModelBlueprint)? {
    switch self {
    case .tiny: bert(layers: 2, width: 128, heads: 2, inner: 512)
    case .mini: bert(layers: 4, width: 256, heads: 4, inner: 1024)
    case .minilm: bert(layers: 6, width: 384, heads: 12, inner: 1536)
    case .base: bert(layers: 12, width: 768, heads: 12, inner: 3072)
    case .large: bert(layers: 24, width: 1024, heads: 16, inner: 4096)
    case .smolLM:
      DecoderConfig(
        vocabularySize: 49_152, hiddenSize: 576, hiddenLayers: 30, attentionHeads: 9, keyValueHeads: 3,
        intermediateSize: 1536, maximumLength: 8192, normEpsilon: 1e-5, rotary: RotaryEmbedding(theta: 100_000),
        tiesEmbeddings: true)
    case .llama: nil
    }
  }

  private func bert(layers: Int, width: Int, heads: Int, inner: Int) -> EncoderConfig {
    EncoderConfig(hiddenSize: width, hiddenLayers: layers, attentionHeads: heads, intermediateSize: inner)
  }

  /// d₁ and d₂ of every module that gets an adapter.
  public var modules: [(outputSize: Int, inputSize: Int)] {
    if let blueprint {
      return blueprint.modules.filter { $0.layer != nil }.map { ($0.outputSize, $0.inputSize) }
    }
    let (d, f) = (4096, 11008)
    let layer = [(d, d), (d, d), (d, d), (d, d), (f, d), (f, d), (d, f)]
    return (0..<32).flatMap { _ in layer }
  }
}
