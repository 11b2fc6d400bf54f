// BERT for sequence classification, as HuggingFace's `BertForSequenceClassification`: frozen but for adapters and head.

import Kernels

public final class BertModel: SequenceModel {
  public let config: BertConfig
  public let modules: [LinearModule]
  public let labelCount: Int

  let embeddings: Embeddings
  let layers: [Layer]
  /// In the order of `modules`.
  let linears: [any LinearLayer]
  /// Those of them that have a low-rank path.
  private let adapters: [LowRankLinear]
  let head: any LinearLayer
  let attention: Attention
  /// The lowest layer with something to train; nil where no layer has.
  let lowestTrainable: Int?

  struct Embeddings: Sendable {
    let word, position, tokenType: TensorData
    let norm: Norm
  }

  struct Norm: Sendable {
    let gain, bias: TensorData
  }

  struct Layer: Sendable {
    let attentionNorm, outputNorm: Norm
    /// Whether anything in the attention block (but its output projection) trains.
    let trainsProjections: Bool
    let trainsAttentionOutput: Bool
  }

  /// - Parameters:
  ///   - weights: with names as `BertForSequenceClassification` or `BertModel` (no `bert.` prefix) saves them. A missing
  ///     pooler or classifier is left to chance and to `factory`.
  ///   - seed: of a missing pooler's N(0, initializer_range²).
  ///   - precision: of the layers' frozen weights; pooler and classifier stay in float32.
  /// - Throws: for a missing, misshapen or unexpected tensor.
  public init(
    _ config: BertConfig, weights: any WeightSource, labels: Int, seed: UInt64, factory: any LinearFactory,
    precision: Precision = .float32
  ) throws(InputError) {
    self.config = config
    labelCount = labels
    modules = config.modules
    attention = Attention(heads: config.attentionHeads, headSize: config.hiddenSize / config.attentionHeads)
    let reader = BertReader(config, weights)
    try reader.refuseUnexpected(labels: labels)
    embeddings = try reader.embeddings()
    var linears: [any LinearLayer] = []
    for module in modules {
      linears.append(
        factory.linear(module, base: try reader.linear(module, seed: seed, module.layer == nil ? .float32 : precision)))
    }
    var layers: [Layer] = []
    for l in 0..<config.hiddenLayers {
      let prefix = "bert.encoder.layer.\(l)."
      layers.append(
        Layer(
          attentionNorm: try reader.norm(prefix + "attention.output.LayerNorm"),
          outputNorm: try reader.norm(prefix + "output.LayerNorm"),
          trainsProjections: linears[6 * l..<6 * l + 3].contains { $0.isTrainable },
          trainsAttentionOutput: linears[6 * l + 3].isTrainable))
    }
    self.layers = layers
    self.linears = linears
    adapters = linears.compactMap { $0 as? LowRankLinear }
    lowestTrainable = layers.indices.first { l in linears[6 * l..<6 * l + 6].contains { $0.isTrainable } }
    head = factory.head(config.head(labels: labels), pretrained: try reader.head(labels: labels))
  }

  public var maximumLength: Int { config.maxPositionEmbeddings }
  public var vocabularySize: Int { config.vocabularySize }

  public func makePass(_ workspace: Workspace) -> any ForwardPass { BertPass(self, workspace) }

  public func arenaFloats(tokens: Int, squaredLengths: Int, sequences: Int) -> Int {
    let d = config.hiddenSize
    let f = config.intermediateSize
    // Each piece is rounded up to 16 floats, and keys to whole vectors.
    let pieces = 64
    let layer =
      tokens * (8 * d + 2 * f + 2) + config.attentionHeads * (squaredLengths + 15 * tokens) + 16 * pieces
    let saved = adapters.reduce(0) { $0 + $1.savedFloats(rows: tokens) + 16 }
    let scratch = adapters.reduce(0) { max($0, $1.scratchFloats(rows: tokens)) }
    let backward = tokens * (7 * d + f) + 16 * pieces
    return config.hiddenLayers * layer + tokens * (2 * d + 1) + saved + sequences * 8 * (d + labelCount + 16)
      + backward + max(scratch, attention.scratchFloats(length: min(tokens, maximumLength)))
  }
}

/// Finds a BERT's tensors under either way of naming them.
struct BertReader {
  let config: BertConfig
  let weights: any WeightSource
  /// "bert." where the file's names begin so.
  let prefix: String
  private let names: Set<String>

  init(_ config: BertConfig, _ weights: any WeightSource) {
    self.config = config
    self.weights = weights
    names = Set(weights.names)
    prefix = names.contains { $0.hasPrefix("bert.") } ? "bert." : ""
  }

  /// The file's name for one of ours, which always begins with `bert.`.
  func fileName(_ name: String) -> String { prefix + name.dropFirst("bert.".count) }

  func tensor(_ name: String, _ shape: [Int]) throws(InputError) -> TensorData {
    try weights.floats(fileName(name), shape: shape)
  }

  func norm(_ name: String) throws(InputError) -> BertModel.Norm {
    // Checkpoints converted from TensorFlow call them gamma and beta.
    let isOld = names.contains(fileName(name) + ".gamma")
    return BertModel.Norm(
      gain: try tensor(name + (isOld ? ".gamma" : ".weight"), [config.hiddenSize]),
      bias: try tensor(name + (isOld ? ".beta" : ".bias"), [config.hiddenSize]))
  }

  func embeddings() throws(InputError) -> BertModel.Embeddings {
    let d = config.hiddenSize
    return BertModel.Embeddings(
      word: try tensor("bert.embeddings.word_embeddings.weight", [config.vocabularySize, d]),
      position: try tensor("bert.embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, d]),
      tokenType: try tensor("bert.embeddings.token_type_embeddings.weight", [config.typeVocabularySize, d]),
      norm: try norm("bert.embeddings.LayerNorm"))
  }

  func linear(_ module: LinearModule, seed: UInt64, _ precision: Precision) throws(InputError) -> FrozenLinear {
    if module.name == "bert.pooler.dense" && !names.contains(fileName(module.name) + ".weight") {
      return randomPooler(module, seed: seed)
    }
    return try frozen(module, file: fileName(module.name), precision)
  }

  /// The file's own classifier, if it has one of this shape.
  func head(labels: Int) throws(InputError) -> FrozenLinear? {
    guard names.contains("classifier.weight"), config.labelCount == labels else { return nil }
    return try frozen(config.head(labels: labels), file: "classifier", .float32)
  }

  private func frozen(
    _ module: LinearModule, file: String, _ precision: Precision
  ) throws(InputError) -> FrozenLinear {
    let bias = try weights.floats(file + ".bias", shape: [module.outputSize])
    return FrozenLinear(
      name: module.name,
      weight: try weights.matrix(
        file + ".weight", rows: module.outputSize, columns: module.inputSize, precision),
      bias: SharedBuffer(Array(UnsafeBufferPointer(start: bias.base, count: bias.count))))
  }

  private func randomPooler(_ module: LinearModule, seed: UInt64) -> FrozenLinear {
    var random = RandomSource(seed: seed, purpose: 3)
    let values = (0..<module.outputSize * module.inputSize).map { _ in
      Float(random.normal() * config.initializerRange)
    }
    return FrozenLinear(
      name: module.name,
      weight: FrozenMatrix(values, outputSize: module.outputSize, inputSize: module.inputSize),
      bias: SharedBuffer(Array(repeating: 0, count: module.outputSize)))
  }

  /// Tensors that no BERT classifier has mean that the file is of something else.
  func refuseUnexpected(labels: Int) throws(InputError) {
    var expected: Set<String> = ["classifier.weight", "classifier.bias"]
    for module in config.modules {
      expected.formUnion([fileName(module.name) + ".weight", fileName(module.name) + ".bias"])
    }
    var norms = ["bert.embeddings.LayerNorm"]
    for l in 0..<config.hiddenLayers {
      norms += ["attention.output.LayerNorm", "output.LayerNorm"].map { "bert.encoder.layer.\(l).\($0)" }
    }
    for norm in norms {
      for part in ["weight", "bias", "gamma", "beta"] { expected.insert("\(fileName(norm)).\(part)") }
    }
    for table in ["word", "position", "token_type"] {
      expected.insert(fileName("bert.embeddings.\(table)_embeddings.weight"))
    }
    // Buffers and pre-training heads that other classes save along.
    expected.insert(fileName("bert.embeddings.position_ids"))
    expected.insert(fileName("bert.embeddings.token_type_ids"))
    for name in weights.names where !expected.contains(name) && !name.hasPrefix("cls.") {
      throw InputError(
        file: weights.path, place: "tensor \(name)",
        "unexpected: a BERT of \(config.hiddenLayers) layers with a classifier has no such tensor")
    }
  }
}
