// What a BERT's `config.json` says.

import Kernels

/// The sizes and settings of a BERT; each has HuggingFace's default where it is left out.
public struct BertConfig: Sendable, Equatable {
  /// `vocab_size`.
  public var vocabularySize: Int
  /// `hidden_size`, d.
  public var hiddenSize: Int
  /// `num_hidden_layers`.
  public var hiddenLayers: Int
  /// `num_attention_heads`; divides `hiddenSize`.
  public var attentionHeads: Int
  /// `intermediate_size`, the feed-forward block's width.
  public var intermediateSize: Int
  /// `max_position_embeddings`, in tokens.
  public var maxPositionEmbeddings: Int
  /// `type_vocab_size`.
  public var typeVocabularySize: Int
  /// `hidden_act`.
  public var activation: Activation
  /// `layer_norm_eps`.
  public var layerNormEpsilon: Float
  /// `hidden_dropout_prob`.
  public var hiddenDropout: Float
  /// `attention_probs_dropout_prob`.
  public var attentionDropout: Float
  /// `classifier_dropout`, which is `hiddenDropout` where the file has none.
  public var classifierDropout: Float
  /// `initializer_range`, the standard deviation of fresh weights.
  public var initializerRange: Double
  /// `pad_token_id`.
  public var padTokenID: Int?
  /// `id2label` by id; `LABEL_0` and so on where the file has none.
  public var labelNames: [String]

  /// `num_labels`.
  public var labelCount: Int { labelNames.count }

  /// - Precondition: the sizes are at least 1 and `attentionHeads` divides `hiddenSize`.
  public init(
    vocabularySize: Int = 30522, hiddenSize: Int = 768, hiddenLayers: Int = 12, attentionHeads: Int = 12,
    intermediateSize: Int = 3072, maxPositionEmbeddings: Int = 512, typeVocabularySize: Int = 2,
    activation: Activation = .gelu, layerNormEpsilon: Float = 1e-12, hiddenDropout: Float = 0.1,
    attentionDropout: Float = 0.1, classifierDropout: Float? = nil, initializerRange: Double = 0.02,
    padTokenID: Int? = 0, labelNames: [String] = ["LABEL_0", "LABEL_1"]
  ) {
    precondition(
      hiddenSize > 0 && attentionHeads > 0 && hiddenSize % attentionHeads == 0,
      "\(attentionHeads) heads for a hidden size of \(hiddenSize)")
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.hiddenLayers = hiddenLayers
    self.attentionHeads = attentionHeads
    self.intermediateSize = intermediateSize
    self.maxPositionEmbeddings = maxPositionEmbeddings
    self.typeVocabularySize = typeVocabularySize
    self.activation = activation
    self.layerNormEpsilon = layerNormEpsilon
    self.hiddenDropout = hiddenDropout
    self.attentionDropout = attentionDropout
    self.classifierDropout = classifierDropout ?? hiddenDropout
    self.initializerRange = initializerRange
    self.padTokenID = padTokenID
    self.labelNames = labelNames
  }

  /// The same with every dropout off.
  public func withoutDropout() -> BertConfig {
    var copy = self
    copy.hiddenDropout = 0
    copy.attentionDropout = 0
    copy.classifierDropout = 0
    return copy
  }
}

// MARK: - Building

extension BertConfig: ModelBlueprint {
  public var modelType: String { ModelFamily.bert.rawValue }
  public var maximumLength: Int { maxPositionEmbeddings }

  /// Six a layer, then the pooler.
  public var modules: [LinearModule] {
    let d = hiddenSize
    let f = intermediateSize
    var modules: [LinearModule] = []
    for layer in 0..<hiddenLayers {
      let prefix = "bert.encoder.layer.\(layer)."
      for (name, out, input) in [
        ("attention.self.query", d, d), ("attention.self.key", d, d), ("attention.self.value", d, d),
        ("attention.output.dense", d, d), ("intermediate.dense", f, d), ("output.dense", d, f),
      ] {
        modules.append(LinearModule(name: prefix + name, outputSize: out, inputSize: input, layer: layer))
      }
    }
    modules.append(LinearModule(name: "bert.pooler.dense", outputSize: d, inputSize: d, layer: nil))
    return modules
  }

  func head(labels: Int) -> LinearModule {
    LinearModule(name: "classifier", outputSize: labels, inputSize: hiddenSize, layer: nil)
  }

  public func headModules(for task: ModelTask) -> [LinearModule] {
    switch task {
    case .sequenceClassification(let labels): [head(labels: labels)]
    case .causalLanguageModel: []
    }
  }

  public func build(
    _ weights: any WeightSource, task: ModelTask, seed: UInt64, factory: any LinearFactory, precision: Precision
  ) throws(InputError) -> any SequenceModel {
    try BertModel(
      self, weights: weights, labels: try task.labels(of: modelType, weights), seed: seed, factory: factory,
      precision: precision)
  }
}

// MARK: - Reading

extension BertConfig {
  /// - Parameter file: the path of `config.json`, for errors.
  /// - Throws: for a value of the wrong type or out of range, or a variant of BERT that is not supported.
  public init(_ config: JSON, file: String) throws(InputError) {
    let family = try ModelFamily(config, file: file)
    let reader = ConfigReader(config: config, file: file)
    guard family == .bert else { throw reader.error("model_type", "\(family.rawValue), expected bert") }
    try Self.refuseVariants(reader)
    let vocabulary = try reader.size("vocab_size", 30522, atMost: 1 << 24)
    let hidden = try reader.size("hidden_size", 768, atMost: 1 << 16)
    let heads = try reader.size("num_attention_heads", 12, atMost: hidden)
    guard hidden % heads == 0 else {
      throw reader.error("num_attention_heads", "\(heads), expected a divisor of hidden_size, which is \(hidden)")
    }
    let dropout = try reader.number("hidden_dropout_prob", 0.1, in: ConfigReader.probabilities)
    self.init(
      vocabularySize: vocabulary, hiddenSize: hidden,
      hiddenLayers: try reader.size("num_hidden_layers", 12, atMost: 1024), attentionHeads: heads,
      intermediateSize: try reader.size("intermediate_size", 3072, atMost: 1 << 20),
      maxPositionEmbeddings: try reader.size("max_position_embeddings", 512, atMost: 1 << 20),
      typeVocabularySize: try reader.size("type_vocab_size", 2, atMost: 1 << 16), activation: try reader.activation(),
      layerNormEpsilon: Float(try reader.number("layer_norm_eps", 1e-12, in: 1e-20...1)),
      hiddenDropout: Float(dropout),
      attentionDropout: Float(try reader.number("attention_probs_dropout_prob", 0.1, in: ConfigReader.probabilities)),
      classifierDropout: Float(try reader.number("classifier_dropout", dropout, in: ConfigReader.probabilities)),
      initializerRange: try reader.number("initializer_range", 0.02, in: 0...100),
      padTokenID: try reader.padding(vocabularySize: vocabulary), labelNames: try reader.labels())
  }

  private static func refuseVariants(_ reader: ConfigReader) throws(InputError) {
    for key in ["is_decoder", "add_cross_attention"]
    where try reader.value(key)?.bool(file: reader.file, at: key) == true {
      throw reader.error(key, "true is not supported; expected false")
    }
    let key = "position_embedding_type"
    if let type = try reader.value(key)?.string(file: reader.file, at: key), type != "absolute" {
      throw reader.error(key, "\(JSON.quoted(type.excerpt)) is not supported; expected \"absolute\"")
    }
  }
}
