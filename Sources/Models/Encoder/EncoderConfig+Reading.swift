// Reading an encoder's `config.json`.

import Kernels

extension EncoderConfig {
  /// What HuggingFace's configuration of the family has where the file says nothing.
  static func standard(_ family: EncoderFamily) -> EncoderConfig {
    switch family {
    case .roberta: EncoderConfig(family, vocabularySize: 50265, padTokenID: 1)
    case .xlmRoberta, .camembert: EncoderConfig(family, padTokenID: 1)
    case .electra:
      EncoderConfig(family, embeddingSize: 128, hiddenSize: 256, attentionHeads: 4, intermediateSize: 1024)
    case .distilbert: EncoderConfig(family, hiddenLayers: 6, typeVocabularySize: 0, classifierDropout: 0.2)
    case .debertaV2:
      EncoderConfig(
        family, vocabularySize: 128100, hiddenSize: 1536, hiddenLayers: 24, attentionHeads: 24, intermediateSize: 6144,
        typeVocabularySize: 0, layerNormEpsilon: 1e-7)
    default: EncoderConfig(family)
    }
  }

  /// - Parameter file: the path of `config.json`, for errors.
  /// - Throws: for a value of the wrong type or out of range, or a variant that is not supported.
  init(_ config: JSON, _ family: EncoderFamily, file: String) throws(InputError) {
    let reader = ConfigReader(config: config, file: file)
    let standard = Self.standard(family)
    let keys = family.keys
    try Self.refuseVariants(reader)
    let vocabulary = try reader.size("vocab_size", standard.vocabularySize, atMost: 1 << 24)
    let hidden = try reader.size(keys.hidden, standard.hiddenSize, atMost: 1 << 16)
    let heads = try reader.divisor(keys.heads, standard.attentionHeads, of: hidden, keys.hidden)
    let hiddenDropout = try reader.dropout(keys.hiddenDropout, standard.hiddenDropout)
    let isDistilled = family == .distilbert
    self.init(
      family, vocabularySize: vocabulary, embeddingSize: hidden, hiddenSize: hidden,
      hiddenLayers: try reader.size(keys.layers, standard.hiddenLayers, atMost: 1024), attentionHeads: heads,
      intermediateSize: try reader.size(keys.intermediate, standard.intermediateSize, atMost: 1 << 20),
      maxPositionEmbeddings: try reader.size("max_position_embeddings", 512, atMost: 1 << 20),
      typeVocabularySize: isDistilled
        ? 0
        : try reader.size(
          "type_vocab_size", standard.typeVocabularySize, atLeast: min(1, standard.typeVocabularySize), atMost: 1 << 16),
      activation: try reader.activation(keys.activation),
      layerNormEpsilon: isDistilled
        ? standard.layerNormEpsilon
        : Float(try reader.number("layer_norm_eps", Double(standard.layerNormEpsilon), in: 1e-20...1)),
      hiddenDropout: hiddenDropout,
      attentionDropout: try reader.dropout(keys.attentionDropout, standard.attentionDropout),
      classifierDropout: try reader.dropout(
        keys.classifierDropout, isDistilled ? standard.classifierDropout : hiddenDropout),
      initializerRange: try reader.number("initializer_range", 0.02, in: 0...100),
      padTokenID: try reader.padding(standard.padTokenID, vocabularySize: vocabulary),
      labelNames: try reader.labels())
    if family.projection != nil {
      embeddingSize = try reader.size(
        "embedding_size", family == .electra ? standard.embeddingSize : hidden, atMost: 1 << 16)
    }
    if family.countsFromPadding {
      guard let padTokenID else { throw reader.error("pad_token_id", "null, expected an id: positions count from it") }
      guard maxPositionEmbeddings > padTokenID + 1 else {
        throw reader.error(
          "max_position_embeddings",
          "\(maxPositionEmbeddings), expected more than pad_token_id + 1: positions begin there")
      }
    }
    if family == .debertaV2 { try readDisentangled(reader) }
  }

  private static func refuseVariants(_ reader: ConfigReader) throws(InputError) {
    try reader.require("is_decoder", false)
    try reader.require("add_cross_attention", false)
    let key = "position_embedding_type"
    let type = try reader.string(key, "absolute")
    guard type == "absolute" else {
      throw reader.error(key, "\(JSON.quoted(type.excerpt)) is not supported; expected \"absolute\"")
    }
  }

  // MARK: DeBERTa's own

  private mutating func readDisentangled(_ reader: ConfigReader) throws(InputError) {
    poolerDropout = try reader.dropout("pooler_dropout", 0)
    poolerActivation = try reader.activation("pooler_hidden_act")
    try expect("pooler_hidden_size", hiddenSize, reader)
    try expect("attention_head_size", hiddenSize / attentionHeads, reader)
    hasPositionTable = try reader.flag("position_biased_input", true)
    let kinds = try positionKinds(reader)
    scoreTerms = 1 + kinds.count
    if try reader.flag("relative_attention", false) {
      let norms = try reader.string("norm_rel_ebd", "none")
      relative = RelativeAttention(
        positions: try relativePositions(reader), hasPositionKeys: kinds.contains("c2p"),
        hasPositionQueries: kinds.contains("p2c"), sharesProjections: try reader.flag("share_att_key", false),
        isNormalized: Self.parts(norms).contains("layer_norm"))
    }
    convolution = try convolution(reader)
  }

  /// A size that HuggingFace lets a file choose, but that every model has alike.
  private func expect(_ key: String, _ size: Int, _ reader: ConfigReader) throws(InputError) {
    let found = try reader.size(key, size, atMost: 1 << 16)
    guard found == size else { throw reader.error(key, "\(found) is not supported; expected \(size)") }
  }

  private static func parts(_ text: String) -> [String] {
    text.lowercased().split { $0 == "|" || $0 == " " }.map(String.init)
  }

  /// `pos_att_type`, a list or one text with bars.
  private func positionKinds(_ reader: ConfigReader) throws(InputError) -> Set<String> {
    let key = "pos_att_type"
    var kinds: [String] = []
    switch reader.value(key) {
    case nil: break
    case .string(let text)?: kinds = Self.parts(text)
    case let value?:
      for item in try value.array(file: reader.file, at: key) {
        kinds.append(try item.string(file: reader.file, at: key))
      }
    }
    for kind in kinds where kind != "c2p" && kind != "p2c" {
      throw reader.error(key, "\(JSON.quoted(kind.excerpt)) is not supported; expected c2p or p2c")
    }
    return Set(kinds)
  }

  private func relativePositions(_ reader: ConfigReader) throws(InputError) -> RelativePositions {
    func optional(_ key: String) throws(InputError) -> Int {
      let value = try reader.value(key)?.integer(file: reader.file, at: key) ?? -1
      guard value <= 1 << 20 else { throw reader.error(key, "\(value), expected at most \(1 << 20)") }
      return max(value, 0)
    }
    let asked = try optional("max_relative_positions")
    let reach = asked == 0 ? maxPositionEmbeddings : asked
    let buckets = try optional("position_buckets")
    guard buckets == 0 || buckets > 1 && reach - 1 > buckets / 2 else {
      throw reader.error(
        "position_buckets", "\(buckets), expected -1, or at least 2 and at most twice the \(reach) relative positions")
    }
    return RelativePositions(reach: reach, buckets: buckets)
  }

  private func convolution(_ reader: ConfigReader) throws(InputError) -> Convolution? {
    let width = try reader.size("conv_kernel_size", 0, atLeast: 0, atMost: 1 << 10)
    guard width > 0 else { return nil }
    guard width % 2 == 1 else { throw reader.error("conv_kernel_size", "\(width), expected an odd number") }
    guard try reader.size("conv_groups", 1, atMost: 1 << 16) == 1 else {
      throw reader.error("conv_groups", "more than one is not supported; expected 1")
    }
    return Convolution(width: width, activation: try reader.activation("conv_act", .tanh))
  }
}
