// What the `config.json` of a decoder says: Llama and its relatives, and GPT-2.

import Kernels

/// The sizes and settings of a stack of pre-norm blocks with causal attention.
public struct DecoderConfig: Sendable, Equatable {
  public var family: ModelFamily
  /// `vocab_size`.
  public var vocabularySize: Int
  /// `hidden_size`, d.
  public var hiddenSize: Int
  /// `num_hidden_layers`.
  public var hiddenLayers: Int
  /// `num_attention_heads`.
  public var attentionHeads: Int
  /// `num_key_value_heads`, a divisor of `attentionHeads`.
  public var keyValueHeads: Int
  /// `head_dim`, d_h.
  public var headSize: Int
  /// `intermediate_size`, the feed-forward block's width.
  public var intermediateSize: Int
  /// In tokens: `max_position_embeddings`, or the width of a sliding window, within which it makes no difference.
  public var maximumLength: Int
  public var normEpsilon: Float
  /// Of GPT-2's feed-forward block; the others' is SiLU, gated.
  public var activation: Activation
  /// Nil where positions are learned (GPT-2).
  public var rotary: RotaryEmbedding?
  /// Whether the projections of queries, keys and values have a bias, that of the attention's output, and the
  /// feed-forward block's.
  public var hasProjectionBias, hasOutputBias, hasFeedForwardBias: Bool
  /// Whether the head over the vocabulary is the embedding table.
  public var tiesEmbeddings: Bool
  public var embeddingDropout, attentionDropout, residualDropout: Float
  /// `initializer_range`, the standard deviation of fresh weights.
  public var initializerRange: Double
  /// `pad_token_id`.
  public var padTokenID: Int?
  /// `id2label` by id; `LABEL_0` and so on where the file has none.
  public var labelNames: [String]

  public init(
    family: ModelFamily = .llama, vocabularySize: Int, hiddenSize: Int, hiddenLayers: Int, attentionHeads: Int,
    keyValueHeads: Int? = nil, headSize: Int? = nil, intermediateSize: Int, maximumLength: Int,
    normEpsilon: Float = 1e-6, activation: Activation = .geluTanh, rotary: RotaryEmbedding? = RotaryEmbedding(),
    hasProjectionBias: Bool = false, hasOutputBias: Bool = false, hasFeedForwardBias: Bool = false,
    tiesEmbeddings: Bool = false, embeddingDropout: Float = 0, attentionDropout: Float = 0,
    residualDropout: Float = 0, initializerRange: Double = 0.02, padTokenID: Int? = nil,
    labelNames: [String] = ["LABEL_0", "LABEL_1"]
  ) {
    self.family = family
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.hiddenLayers = hiddenLayers
    self.attentionHeads = attentionHeads
    self.keyValueHeads = keyValueHeads ?? attentionHeads
    self.headSize = headSize ?? hiddenSize / attentionHeads
    self.intermediateSize = intermediateSize
    self.maximumLength = maximumLength
    self.normEpsilon = normEpsilon
    self.activation = activation
    self.rotary = rotary
    self.hasProjectionBias = hasProjectionBias
    self.hasOutputBias = hasOutputBias
    self.hasFeedForwardBias = hasFeedForwardBias
    self.tiesEmbeddings = tiesEmbeddings
    self.embeddingDropout = embeddingDropout
    self.attentionDropout = attentionDropout
    self.residualDropout = residualDropout
    self.initializerRange = initializerRange
    self.padTokenID = padTokenID
    self.labelNames = labelNames
  }

  /// Whether layers are GPT-2's: one projection for queries, keys and values, layer norms, no gate.
  var isGPT2: Bool { family == .gpt2 }
  /// Whether queries and keys are normalised, head by head.
  var hasQueryKeyNorm: Bool { family == .qwen3 }
  /// What names begin with in a model with a head.
  var prefix: String { isGPT2 ? "transformer." : "model." }
  var layerPrefix: String { prefix + (isGPT2 ? "h." : "layers.") }
  var queryWidth: Int { attentionHeads * headSize }
  var keyValueWidth: Int { keyValueHeads * headSize }
}

// MARK: - Building

extension DecoderConfig: ModelBlueprint {
  public var modelType: String { family.rawValue }
  public var predictsTokens: Bool { true }

  /// Linear modules of a layer, and how many of them, the first, make queries, keys and values.
  var modulesPerLayer: Int { isGPT2 ? 4 : 7 }
  var projectionsPerLayer: Int { isGPT2 ? 1 : 3 }

  public var modules: [LinearModule] {
    let (d, f) = (hiddenSize, intermediateSize)
    var modules: [LinearModule] = []
    for layer in 0..<hiddenLayers {
      func add(_ name: String, _ output: Int, _ input: Int, bias: Bool) {
        modules.append(
          LinearModule(
            name: "\(layerPrefix)\(layer).\(name)", outputSize: output, inputSize: input, layer: layer, hasBias: bias,
            isTransposed: isGPT2))
      }
      if isGPT2 {
        add("attn.c_attn", 3 * d, d, bias: true)
        add("attn.c_proj", d, d, bias: true)
        add("mlp.c_fc", f, d, bias: true)
        add("mlp.c_proj", d, f, bias: true)
      } else {
        add("self_attn.q_proj", queryWidth, d, bias: hasProjectionBias)
        add("self_attn.k_proj", keyValueWidth, d, bias: hasProjectionBias)
        add("self_attn.v_proj", keyValueWidth, d, bias: hasProjectionBias)
        add("self_attn.o_proj", d, queryWidth, bias: hasOutputBias)
        add("mlp.gate_proj", f, d, bias: hasFeedForwardBias)
        add("mlp.up_proj", f, d, bias: hasFeedForwardBias)
        add("mlp.down_proj", d, f, bias: hasFeedForwardBias)
      }
    }
    return modules
  }

  public func headModules(for task: ModelTask) -> [LinearModule] {
    switch task {
    case .sequenceClassification(let labels):
      [LinearModule(name: "score", outputSize: labels, inputSize: hiddenSize, layer: nil, hasBias: false)]
    case .causalLanguageModel: []
    }
  }

  public func withoutDropout() -> DecoderConfig {
    var copy = self
    copy.embeddingDropout = 0
    copy.attentionDropout = 0
    copy.residualDropout = 0
    return copy
  }

  public func build(
    _ weights: any WeightSource, task: ModelTask, seed: UInt64, factory: any LinearFactory, precision: Precision
  ) throws(InputError) -> any SequenceModel {
    try DecoderModel(self, weights: weights, task: task, factory: factory, precision: precision)
  }
}

// MARK: - Reading

extension DecoderConfig {
  /// - Parameter file: the path of `config.json`, for errors.
  /// - Throws: for a value of the wrong type or out of range, or a variant that is not supported.
  init(_ config: JSON, _ family: ModelFamily, file: String) throws(InputError) {
    let reader = ConfigReader(config: config, file: file)
    self = family == .gpt2 ? try Self.gpt2(reader) : try Self.llama(reader, family)
  }

  /// Defaults by family: hidden layers, heads, keys and values' heads, width of the feed-forward block, positions.
  private static func llama(_ reader: ConfigReader, _ family: ModelFamily) throws(InputError) -> DecoderConfig {
    let isQwen = family == .qwen2 || family == .qwen3
    let isMistral = family == .mistral
    let vocabulary = try reader.size("vocab_size", isQwen ? 151_936 : 32_000, atMost: 1 << 24)
    let hidden = try reader.size("hidden_size", 4096, atMost: 1 << 16)
    let headsDivideHidden = reader.value("head_dim") == nil && family != .qwen3
    let heads =
      headsDivideHidden
      ? try reader.divisor("num_attention_heads", 32, of: hidden, "hidden_size")
      : try reader.size("num_attention_heads", 32, atMost: hidden)
    let headSize = try reader.size("head_dim", family == .qwen3 ? 128 : hidden / heads, atMost: 1 << 12)
    guard headSize % 2 == 0 else { throw reader.error("head_dim", "\(headSize), expected an even number") }
    let act = try reader.string("hidden_act", "silu")
    guard act == "silu" else {
      throw reader.error("hidden_act", "\(JSON.quoted(act.excerpt)) is not supported; expected \"silu\"")
    }
    let positions = try reader.size(
      "max_position_embeddings", isQwen ? 32_768 : isMistral ? 131_072 : 2048, atMost: 1 << 24)
    let bias = isMistral || family == .qwen2 ? false : try reader.flag("attention_bias", false)
    return DecoderConfig(
      family: family, vocabularySize: vocabulary, hiddenSize: hidden,
      hiddenLayers: try reader.size("num_hidden_layers", 32, atMost: 1024), attentionHeads: heads,
      keyValueHeads: try reader.divisor(
        "num_key_value_heads", isMistral ? 8 : heads, of: heads, "num_attention_heads"),
      headSize: headSize,
      intermediateSize: try reader.size(
        "intermediate_size", isQwen ? 22_016 : isMistral ? 14_336 : 11_008, atMost: 1 << 20),
      maximumLength: try length(reader, family, positions: positions),
      normEpsilon: Float(try reader.number("rms_norm_eps", 1e-6, in: 1e-20...1)),
      rotary: try RotaryEmbedding(reader, maximumLength: positions), hasProjectionBias: bias || family == .qwen2,
      hasOutputBias: bias, hasFeedForwardBias: family == .llama ? try reader.flag("mlp_bias", false) : false,
      tiesEmbeddings: try reader.flag("tie_word_embeddings", false),
      attentionDropout: try reader.dropout("attention_dropout", 0),
      initializerRange: try reader.number("initializer_range", 0.02, in: 0...100),
      padTokenID: try reader.padding(nil, vocabularySize: vocabulary), labelNames: try reader.labels())
  }

  /// Positions, or a window within which sliding attention is whole.
  private static func length(
    _ reader: ConfigReader, _ family: ModelFamily, positions: Int
  ) throws(InputError) -> Int {
    switch family {
    case .mistral:
      // Left out it is 4096, null is none.
      if reader.config["sliding_window"] == .null { return positions }
      return min(positions, try reader.size("sliding_window", 4096, atMost: 1 << 24))
    case .qwen2, .qwen3:
      guard try reader.flag("use_sliding_window", false) else { return positions }
      return min(positions, try reader.size("sliding_window", 4096, atMost: 1 << 24))
    default: return positions
    }
  }

  private static func gpt2(_ reader: ConfigReader) throws(InputError) -> DecoderConfig {
    try reader.require("scale_attn_weights", true)
    try reader.require("scale_attn_by_inverse_layer_idx", false)
    try reader.require("add_cross_attention", false)
    let vocabulary = try reader.size("vocab_size", 50_257, atMost: 1 << 24)
    let hidden = try reader.size("n_embd", 768, atMost: 1 << 16)
    return DecoderConfig(
      family: .gpt2, vocabularySize: vocabulary, hiddenSize: hidden,
      hiddenLayers: try reader.size("n_layer", 12, atMost: 1024),
      attentionHeads: try reader.divisor("n_head", 12, of: hidden, "n_embd"),
      intermediateSize: try reader.size("n_inner", 4 * hidden, atMost: 1 << 20),
      maximumLength: try reader.size("n_positions", 1024, atMost: 1 << 20),
      normEpsilon: Float(try reader.number("layer_norm_epsilon", 1e-5, in: 1e-20...1)),
      activation: try reader.activation("activation_function", .geluTanh), rotary: nil, hasProjectionBias: true,
      hasOutputBias: true, hasFeedForwardBias: true, tiesEmbeddings: try reader.flag("tie_word_embeddings", true),
      embeddingDropout: try reader.dropout("embd_pdrop", 0.1),
      attentionDropout: try reader.dropout("attn_pdrop", 0.1),
      residualDropout: try reader.dropout("resid_pdrop", 0.1),
      initializerRange: try reader.number("initializer_range", 0.02, in: 0...100),
      padTokenID: try reader.padding(nil, vocabularySize: vocabulary), labelNames: try reader.labels())
  }
}
