// Sizes of well-known models, to measure with random weights.

import Models

/// A model's shape by name.
public enum ModelShape: String, Sendable, CaseIterable {
  case tiny = "bert-tiny"
  case mini = "bert-mini"
  case minilm
  case base = "bert-base"
  case large = "bert-large"
  /// Llama-7B's linear modules: adapters alone, without a model.
  case llama = "llama-7b"

  /// Nil where there is no model to run.
  public var config: EncoderConfig? {
    switch self {
    case .tiny: bert(layers: 2, width: 128, heads: 2, inner: 512)
    case .mini: bert(layers: 4, width: 256, heads: 4, inner: 1024)
    case .minilm: bert(layers: 6, width: 384, heads: 12, inner: 1536)
    case .base: bert(layers: 12, width: 768, heads: 12, inner: 3072)
    case .large: bert(layers: 24, width: 1024, heads: 16, inner: 4096)
    case .llama: nil
    }
  }

  private func bert(layers: Int, width: Int, heads: Int, inner: Int) -> EncoderConfig {
    EncoderConfig(hiddenSize: width, hiddenLayers: layers, attentionHeads: heads, intermediateSize: inner)
  }

  /// d₁ and d₂ of every module that gets an adapter.
  public var modules: [(outputSize: Int, inputSize: Int)] {
    if let config {
      return config.modules.filter { $0.layer != nil }.map { ($0.outputSize, $0.inputSize) }
    }
    let (d, f) = (4096, 11008)
    let layer = [(d, d), (d, d), (d, d), (d, d), (f, d), (f, d), (d, f)]
    return (0..<32).flatMap { _ in layer }
  }
}
