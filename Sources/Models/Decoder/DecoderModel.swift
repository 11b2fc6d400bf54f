// Llama and its relatives, and GPT-2, as HuggingFace's classes of these names: frozen but for adapters and head.

import Kernels

public final class DecoderModel: SequenceModel {
  public let config: DecoderConfig
  public let modules: [LinearModule]
  /// 0 of a language model.
  public let labelCount: Int
  public let tokenHead: TokenHead?

  let tokenTable: FrozenMatrix
  /// GPT-2's learned positions.
  let positionTable: TensorData?
  let rotaryTable: RotaryTable?
  let layers: [Layer]
  let finalNorm: Norm
  /// In the order of `modules`.
  let linears: [any LinearLayer]
  /// Those of them that have a low-rank path.
  private let adapters: [LowRankLinear]
  /// A classifier's.
  let head: (any LinearLayer)?
  let attention: CausalAttention
  /// The lowest layer with something to train; nil where no layer has.
  let lowestTrainable: Int?

  /// A frozen normalisation: layer norm where it has a bias, else root mean square.
  struct Norm: Sendable {
    let gain: TensorData
    let bias: TensorData?
    let epsilon: Float
  }

  struct Layer: Sendable {
    let attentionNorm, feedForwardNorm: Norm
    let queryNorm, keyNorm: Norm?
    /// Whether a projection of queries, keys or values trains, and whether that of the attention's output does.
    let trainsProjections, trainsAttentionOutput: Bool
  }

  /// - Parameters:
  ///   - weights: with names as the family's classes with a head save them, or its model without (no prefix).
  ///   - precision: of the layers' frozen weights and the head over the vocabulary; a classifier's stays in float32.
  /// - Throws: for a missing, misshapen or unexpected tensor.
  public init(
    _ config: DecoderConfig, weights: any WeightSource, task: ModelTask, factory: any LinearFactory,
    precision: Precision = .float32
  ) throws(InputError) {
    self.config = config
    modules = config.modules
    attention = CausalAttention(
      heads: config.attentionHeads, keyValueHeads: config.keyValueHeads, headSize: config.headSize)
    let reader = DecoderReader(config, weights)
    try reader.refuseUnexpected()
    let names =
      config.isGPT2
      ? ("wte", "ln_f", "ln_1", "ln_2") : ("embed_tokens", "norm", "input_layernorm", "post_attention_layernorm")
    let table = config.prefix + names.0 + ".weight"
    tokenTable = try reader.table(table)
    positionTable =
      config.isGPT2
      ? try reader.tensor(config.prefix + "wpe.weight", [config.maximumLength, config.hiddenSize]) : nil
    rotaryTable = config.rotary?.table(headSize: config.headSize, length: config.maximumLength)
    finalNorm = try reader.norm(config.prefix + names.1)
    var linears: [any LinearLayer] = []
    for module in modules { linears.append(factory.linear(module, base: try reader.linear(module, precision))) }
    let perLayer = config.modulesPerLayer
    let projections = config.projectionsPerLayer
    var layers: [Layer] = []
    for l in 0..<config.hiddenLayers {
      let prefix = "\(config.layerPrefix)\(l)."
      let own = linears[perLayer * l..<perLayer * (l + 1)]
      layers.append(
        Layer(
          attentionNorm: try reader.norm(prefix + names.2), feedForwardNorm: try reader.norm(prefix + names.3),
          queryNorm: config.hasQueryKeyNorm
            ? try reader.norm(prefix + "self_attn.q_norm", size: config.headSize) : nil,
          keyNorm: config.hasQueryKeyNorm ? try reader.norm(prefix + "self_attn.k_norm", size: config.headSize) : nil,
          trainsProjections: own.prefix(projections).contains { $0.isTrainable },
          trainsAttentionOutput: own[own.startIndex + projections].isTrainable))
    }
    self.layers = layers
    self.linears = linears
    adapters = linears.compactMap { $0 as? LowRankLinear }
    lowestTrainable = layers.indices.first { l in
      linears[perLayer * l..<perLayer * (l + 1)].contains { $0.isTrainable }
    }
    switch task {
    case .sequenceClassification(let labels):
      labelCount = labels
      tokenHead = nil
      var head: (any LinearLayer)?
      for module in config.headModules(for: task) {
        head = factory.head(module, pretrained: try reader.head(module))
      }
      self.head = head
    case .causalLanguageModel:
      labelCount = 0
      head = nil
      tokenHead = try reader.tokenHead(table, precision)
    }
  }

  public var maximumLength: Int { config.maximumLength }
  public var vocabularySize: Int { config.vocabularySize }

  public func makePass(_ workspace: Workspace) -> any ForwardPass { DecoderPass(self, workspace) }

  public func arenaFloats(tokens: Int, squaredLengths: Int, sequences: Int, recomputes: Bool) -> Int {
    let (d, f) = (config.hiddenSize, config.intermediateSize)
    let (q, kv) = (config.queryWidth, config.keyValueWidth)
    // Each piece is rounded up to 16 floats.
    let pieces = 32 * 16
    let heads = config.attentionHeads + config.keyValueHeads
    let layer =
      tokens * (4 * d + 2 * q + 2 * kv + (config.isGPT2 ? 2 * d + 2 * f : 3 * f) + 2)
      + (config.hasQueryKeyNorm ? tokens * (q + kv + heads) : 0) + pieces
    let saved = adapters.reduce(0) { $0 + $1.savedFloats(rows: tokens) + 16 }
    let scratch = adapters.reduce(0) { max($0, $1.scratchFloats(rows: tokens)) }
    let ends = tokens * (4 * d + 1) + sequences * (4 * d + 2 * labelCount) + 2 * pieces
    let backward =
      tokens * (3 * d + 2 * q + 2 * kv + 2 * f) + pieces
      + max(scratch, attention.scratchFloats(length: min(tokens, maximumLength)))
    let layers = recomputes ? config.hiddenLayers * (tokens * d + 16) + layer : config.hiddenLayers * layer
    return layers + saved + ends
      + max(backward, tokenHead?.scratchFloats(rows: tokens) ?? 0)
  }
}

/// Finds a decoder's tensors under either way of naming them.
struct DecoderReader {
  let config: DecoderConfig
  let weights: any WeightSource
  private let names: Set<String>
  /// Whether the file's names have the family's prefix.
  private let hasPrefix: Bool

  init(_ config: DecoderConfig, _ weights: any WeightSource) {
    self.config = config
    self.weights = weights
    names = Set(weights.names)
    hasPrefix = names.contains { $0.hasPrefix(config.prefix) }
  }

  /// The file's name for one of ours, which always begins with the prefix.
  private func fileName(_ name: String) -> String { hasPrefix ? name : String(name.dropFirst(config.prefix.count)) }

  func tensor(_ name: String, _ shape: [Int]) throws(InputError) -> TensorData {
    try weights.floats(fileName(name), shape: shape)
  }

  /// - Parameter size: nil for the hidden size.
  func norm(_ name: String, size: Int? = nil) throws(InputError) -> DecoderModel.Norm {
    let shape = [size ?? config.hiddenSize]
    return DecoderModel.Norm(
      gain: try tensor(name + ".weight", shape), bias: config.isGPT2 ? try tensor(name + ".bias", shape) : nil,
      epsilon: config.normEpsilon)
  }

  func linear(_ module: LinearModule, _ precision: Precision) throws(InputError) -> FrozenLinear {
    try weights.linear(module, name: fileName(module.name), precision)
  }

  /// The file's own classifier, if it has one of this shape.
  func head(_ module: LinearModule) throws(InputError) -> FrozenLinear? {
    guard names.contains(module.name + ".weight"), config.labelNames.count == module.outputSize else { return nil }
    return try weights.linear(module, name: module.name, .float32)
  }

  /// Of embeddings, for looking up rows.
  func table(_ name: String) throws(InputError) -> FrozenMatrix {
    try weights.matrix(
      fileName(name), outputSize: config.vocabularySize, inputSize: config.hiddenSize, .float32)
  }

  /// The head over the vocabulary: the embedding table's weight where they are tied.
  func tokenHead(_ table: String, _ precision: Precision) throws(InputError) -> TokenHead {
    TokenHead(
      try weights.matrix(
        config.tiesEmbeddings ? fileName(table) : "lm_head.weight", outputSize: config.vocabularySize,
        inputSize: config.hiddenSize, precision))
  }

  /// Tensors that no decoder of this configuration has mean that the file is of something else.
  func refuseUnexpected() throws(InputError) {
    var expected: Set<String> = ["lm_head.weight", "score.weight"]
    func add(_ name: String) { expected.insert(fileName(name)) }
    for module in config.modules {
      add(module.name + ".weight")
      if module.hasBias { add(module.name + ".bias") }
    }
    let tables = config.isGPT2 ? ["wte", "wpe", "ln_f"] : ["embed_tokens", "norm"]
    for table in tables { add(config.prefix + table + ".weight") }
    if config.isGPT2 { add(config.prefix + "ln_f.bias") }
    for l in 0..<config.hiddenLayers {
      let prefix = "\(config.layerPrefix)\(l)."
      let parts =
        config.isGPT2
        // The last two are buffers of old files: the causal mask.
        ? ["ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias", "attn.bias", "attn.masked_bias"]
        : ["input_layernorm.weight", "post_attention_layernorm.weight", "self_attn.rotary_emb.inv_freq"]
          + (config.hasQueryKeyNorm ? ["self_attn.q_norm.weight", "self_attn.k_norm.weight"] : [])
      for part in parts { add(prefix + part) }
    }
    for name in weights.names where !expected.contains(name) {
      throw InputError(
        file: weights.path, place: "tensor \(name)",
        "unexpected: a \(config.modelType) of \(config.hiddenLayers) layers has no such tensor")
    }
  }
}
