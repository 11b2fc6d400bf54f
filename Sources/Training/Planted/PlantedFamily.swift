// The models that rank is planted in, and how much where there is room for it.

import Kernels
import Models

extension PlantedExperiment {
  /// The base, a small random model.
  public enum Family: String, Sendable, CaseIterable {
    /// An encoder of 3 layers, 18 linear modules.
    case bert
    /// A decoder of 4 layers, 28 linear modules, with two heads of queries to one of keys and values.
    case llama

    var title: String { self == .bert ? "planted-rank BERT" : "planted-rank Llama" }

    var config: any ModelBlueprint {
      let labels = (0..<16).map { "class \($0)" }
      return switch self {
      case .bert:
        EncoderConfig(
          vocabularySize: 256, hiddenSize: 64, hiddenLayers: 3, attentionHeads: 4, intermediateSize: 128,
          maxPositionEmbeddings: 32, hiddenDropout: 0, attentionDropout: 0, initializerRange: 0.15, labelNames: labels)
      case .llama:
        DecoderConfig(
          vocabularySize: 256, hiddenSize: 64, hiddenLayers: 4, attentionHeads: 4, keyValueHeads: 2,
          intermediateSize: 128, maximumLength: 32, initializerRange: 0.15, labelNames: labels)
      }
    }

    /// Ranks planted in modules drawn by the seed; their sum is the budget at target rank 2.
    var plantedRanks: [Int] {
      switch self {
      case .bert: [6, 6, 6, 4, 4, 4, 4, 2]
      case .llama: [6, 6, 6, 6, 6, 4, 4, 4, 4, 4, 4, 2]
      }
    }

    /// The base's weights.
    func weights(seed: UInt64) -> any WeightSource {
      let config = config
      if let encoder = config as? EncoderConfig { return RandomEncoder(encoder, seed: seed) }
      let heads = config.headModules(for: .sequenceClassification(labels: config.labelNames.count))
      return RandomWeights(
        deviation: config.initializerRange, seed: seed, names: (config.modules + heads).map { $0.name + ".weight" })
    }
  }
}
