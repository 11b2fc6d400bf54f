// An encoder made on the spot, for experiments that need no download.

import Kernels

/// The weights of a random encoder, as HuggingFace initialises one: N(0, σ²) for matrices and tables, 0 for biases and the
/// padding token, 1 and 0 for norms.
public final class RandomEncoder: WeightSource {
  public let path = "the embedded model"
  private var tensors: [String: TensorData] = [:]
  public private(set) var names: [String] = []

  public init(_ config: EncoderConfig, seed: UInt64) {
    var random = RandomSource(seed: seed, purpose: 5)
    let (d, width) = (config.hiddenSize, config.embeddingSize)
    let prefix = config.family.prefix

    func add(_ name: String, _ shape: [Int], _ value: (Int) -> Float) {
      names.append(name)
      tensors[name] = TensorData((0..<shape.reduce(1, *)).map(value), shape: shape)
    }
    func normal(_ name: String, _ shape: [Int], zeroRows: Int = 0) {
      add(name, shape) { i in
        let value = Float(random.normal() * config.initializerRange)
        return i < zeroRows * shape[1] ? 0 : value
      }
    }
    func norm(_ name: String, _ size: Int? = nil) {
      add(name + ".weight", [size ?? d]) { _ in 1 }
      add(name + ".bias", [size ?? d]) { _ in 0 }
    }
    func linear(_ module: LinearModule) {
      normal(module.name + ".weight", [module.outputSize, module.inputSize])
      if module.hasBias { add(module.name + ".bias", [module.outputSize]) { _ in 0 } }
    }

    normal(prefix + "embeddings.word_embeddings.weight", [config.vocabularySize, width], zeroRows: 1)
    if config.hasPositionTable {
      normal(prefix + "embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, width])
    }
    if config.typeVocabularySize > 0 {
      normal(prefix + "embeddings.token_type_embeddings.weight", [config.typeVocabularySize, width])
    }
    norm(prefix + "embeddings.LayerNorm", config.projection?.precedesNorm == false ? width : d)
    if let relative = config.relative {
      normal(prefix + "encoder.rel_embeddings.weight", [2 * relative.positions.span, d])
      if relative.isNormalized { norm(prefix + "encoder.LayerNorm") }
    }
    if let convolution = config.convolution {
      normal(prefix + "encoder.conv.conv.weight", [d, d, convolution.width])
      add(prefix + "encoder.conv.conv.bias", [d]) { _ in 0 }
      norm(prefix + "encoder.conv.LayerNorm")
    }
    for module in config.modules { linear(module) }
    for l in 0..<config.hiddenLayers {
      norm(config.layerName(l) + config.family.layer.attentionNorm)
      norm(config.layerName(l) + config.family.layer.outputNorm)
    }
    for module in config.headModules(for: .sequenceClassification(labels: config.labelCount)) { linear(module) }
  }

  public func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw InputError(file: path, place: "tensor \(name)", "missing")
    }
    try check(tensor.shape, of: name, asked: shape)
    return StoredTensor(tensor)
  }
}
