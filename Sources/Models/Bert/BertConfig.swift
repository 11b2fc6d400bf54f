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

// MARK: - Reading

extension BertConfig {
  /// - Parameter file: the path of `config.json`, for errors.
  /// - Throws: for a value of the wrong type or out of range, or a variant of BERT that is not supported.
  public init(_ config: JSON, file: String) throws(InputError) {
    let family = try ModelFamily(config, file: file)
    let reader = Reader(config: config, file: file)
    guard family == .bert else { throw reader.error("model_type", "\(family.rawValue), expected bert") }
    try reader.refuseVariants()
    let vocabulary = try reader.size("vocab_size", 30522, atMost: 1 << 24)
    let hidden = try reader.size("hidden_size", 768, atMost: 1 << 16)
    let heads = try reader.size("num_attention_heads", 12, atMost: hidden)
    guard hidden % heads == 0 else {
      throw reader.error("num_attention_heads", "\(heads), expected a divisor of hidden_size, which is \(hidden)")
    }
    let dropout = try reader.number("hidden_dropout_prob", 0.1, in: Reader.probabilities)
    self.init(
      vocabularySize: vocabulary, hiddenSize: hidden,
      hiddenLayers: try reader.size("num_hidden_layers", 12, atMost: 1024), attentionHeads: heads,
      intermediateSize: try reader.size("intermediate_size", 3072, atMost: 1 << 20),
      maxPositionEmbeddings: try reader.size("max_position_embeddings", 512, atMost: 1 << 20),
      typeVocabularySize: try reader.size("type_vocab_size", 2, atMost: 1 << 16), activation: try reader.activation(),
      layerNormEpsilon: Float(try reader.number("layer_norm_eps", 1e-12, in: 1e-20...1)),
      hiddenDropout: Float(dropout),
      attentionDropout: Float(try reader.number("attention_probs_dropout_prob", 0.1, in: Reader.probabilities)),
      classifierDropout: Float(try reader.number("classifier_dropout", dropout, in: Reader.probabilities)),
      initializerRange: try reader.number("initializer_range", 0.02, in: 0...100),
      padTokenID: try reader.padding(vocabularySize: vocabulary), labelNames: try reader.labels())
  }

  /// Takes values out of a `config.json`. A null is as good as a key left out, as in HuggingFace's own reader.
  private struct Reader {
    /// A dropout of 1 would divide by 0.
    static let probabilities = 0...0.99

    let config: JSON
    let file: String

    func value(_ key: String) -> JSON? { config[key] == .null ? nil : config[key] }

    func error(_ key: String, _ message: String) -> InputError { InputError(file: file, place: key, message) }

    func size(_ key: String, _ standard: Int, atMost limit: Int) throws(InputError) -> Int {
      guard let size = try value(key)?.integer(file: file, at: key) else { return standard }
      guard (1...limit).contains(size) else { throw error(key, "\(size), expected 1 to \(limit)") }
      return size
    }

    func number(_ key: String, _ standard: Double, in range: ClosedRange<Double>) throws(InputError) -> Double {
      guard let number = try value(key)?.double(file: file, at: key) else { return standard }
      guard range.contains(number) else {
        throw error(key, "\(number), expected \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }

    func activation() throws(InputError) -> Activation {
      guard let name = try value("hidden_act")?.string(file: file, at: "hidden_act") else { return .gelu }
      guard let activation = Activation(named: name) else {
        throw error(
          "hidden_act",
          "\(JSON.quoted(name.excerpt)) is not supported; expected gelu, gelu_new, gelu_pytorch_tanh or relu")
      }
      return activation
    }

    /// Left out is 0, null is none.
    func padding(vocabularySize: Int) throws(InputError) -> Int? {
      guard let value = config["pad_token_id"] else { return 0 }
      guard value != .null else { return nil }
      let id = try value.integer(file: file, at: "pad_token_id")
      guard (0..<vocabularySize).contains(id) else {
        throw error("pad_token_id", "\(id), expected below vocab_size, which is \(vocabularySize)")
      }
      return id
    }

    func labels() throws(InputError) -> [String] {
      let limit = 1 << 16
      let count = try value("num_labels") == nil ? nil : size("num_labels", 2, atMost: limit)
      guard let map = try value("id2label")?.object(file: file, at: "id2label") else {
        return (0..<(count ?? 2)).map { "LABEL_\($0)" }
      }
      guard (1...limit).contains(map.count) else {
        throw error("id2label", "\(map.count) labels, expected 1 to \(limit)")
      }
      if let count, count != map.count {
        throw error("num_labels", "\(count), but id2label has \(map.count) labels")
      }
      var names: [String] = []
      for id in 0..<map.count {
        guard let name = map[String(id)] else {
          throw error("id2label", "no label \(id), expected ids 0 to \(map.count - 1)")
        }
        names.append(try name.string(file: file, at: "id2label.\(id)"))
      }
      return names
    }

    func refuseVariants() throws(InputError) {
      for key in ["is_decoder", "add_cross_attention"] where try value(key)?.bool(file: file, at: key) == true {
        throw error(key, "true is not supported; expected false")
      }
      let key = "position_embedding_type"
      if let type = try value(key)?.string(file: file, at: key), type != "absolute" {
        throw error(key, "\(JSON.quoted(type.excerpt)) is not supported; expected \"absolute\"")
      }
    }
  }
}
