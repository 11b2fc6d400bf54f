// A BERT made on the spot, for experiments that need no download.

import Kernels

/// The weights of a random BERT, as HuggingFace initialises one: N(0, σ²) for matrices and tables, 0 for biases and the
/// padding token, 1 and 0 for norms.
public final class RandomBert: WeightSource {
  public let path = "the embedded model"
  private var tensors: [String: TensorData]
  public private(set) var names: [String]

  public init(_ config: BertConfig, seed: UInt64) {
    var random = RandomSource(seed: seed, purpose: 5)
    var tensors: [String: TensorData] = [:]
    var names: [String] = []

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
    func norm(_ name: String) {
      add(name + ".weight", [config.hiddenSize]) { _ in 1 }
      add(name + ".bias", [config.hiddenSize]) { _ in 0 }
    }

    normal("bert.embeddings.word_embeddings.weight", [config.vocabularySize, config.hiddenSize], zeroRows: 1)
    normal("bert.embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, config.hiddenSize])
    normal("bert.embeddings.token_type_embeddings.weight", [config.typeVocabularySize, config.hiddenSize])
    norm("bert.embeddings.LayerNorm")
    for module in config.modules {
      normal(module.name + ".weight", [module.outputSize, module.inputSize])
      add(module.name + ".bias", [module.outputSize]) { _ in 0 }
    }
    for l in 0..<config.hiddenLayers {
      norm("bert.encoder.layer.\(l).attention.output.LayerNorm")
      norm("bert.encoder.layer.\(l).output.LayerNorm")
    }
    let head = config.head(labels: config.labelCount)
    normal(head.name + ".weight", [head.outputSize, head.inputSize])
    add(head.name + ".bias", [head.outputSize]) { _ in 0 }
    self.tensors = tensors
    self.names = names
  }

  private init(_ other: RandomBert) {
    tensors = other.tensors
    names = other.names
  }

  /// A copy in which each named weight is replaced.
  public func replacing(_ weights: [String: [Float]]) -> RandomBert {
    let copy = RandomBert(self)
    for (name, values) in weights {
      guard let old = tensors[name] else { preconditionFailure("the model has no \(name)") }
      precondition(values.count == old.count, "\(name): \(values.count) values for \(old.count)")
      copy.tensors[name] = TensorData(values, shape: old.shape)
    }
    return copy
  }

  public func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw InputError(file: path, place: "tensor \(name)", "missing")
    }
    guard shape == nil || shape == tensor.shape else {
      throw InputError(file: path, place: "tensor \(name)", "shape \(tensor.shape), expected \(shape ?? [])")
    }
    return StoredTensor(tensor)
  }
}
