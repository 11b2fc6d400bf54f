// What an encoder's `config.json` says.

import Kernels

/// The sizes and settings of an encoder; each has HuggingFace's default where it is left out.
public struct EncoderConfig: Sendable, Equatable {
  public var family: EncoderFamily
  /// `vocab_size`.
  public var vocabularySize: Int
  /// `embedding_size`, the width of the tables of words, positions and types; they are projected where it is not
  /// `hiddenSize`.
  public var embeddingSize: Int
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
  /// `type_vocab_size`; 0 where there is no table.
  public var typeVocabularySize: Int
  /// `hidden_act`.
  public var activation: Activation
  /// `layer_norm_eps`.
  public var layerNormEpsilon: Float
  /// `hidden_dropout_prob`.
  public var hiddenDropout: Float
  /// `attention_probs_dropout_prob`.
  public var attentionDropout: Float
  /// Of a first token before its first dense layer.
  public var poolerDropout: Float
  /// After that layer.
  public var poolerActivation: Activation
  /// `classifier_dropout`, which is `hiddenDropout` where the file has none.
  public var classifierDropout: Float
  /// `initializer_range`, the standard deviation of fresh weights.
  public var initializerRange: Double
  /// `pad_token_id`.
  public var padTokenID: Int?
  /// `id2label` by id; `LABEL_0` and so on where the file has none.
  public var labelNames: [String]
  /// `position_biased_input`: whether a table of positions is added to the words.
  public var hasPositionTable = true
  /// How many products an attention score is the sum of.
  public var scoreTerms = 1
  /// Nil where attention knows no relative positions.
  public var relative: RelativeAttention?
  /// What is added to the first layer's output, if anything.
  public var convolution: Convolution?

  /// DeBERTa's relative positions.
  public struct RelativeAttention: Sendable, Equatable {
    public var positions: RelativePositions
    /// `c2p` in `pos_att_type`: queries look at positions.
    public var hasPositionKeys: Bool
    /// `p2c`: keys do.
    public var hasPositionQueries: Bool
    /// `share_att_key`: positions pass the projections of the content.
    public var sharesProjections: Bool
    /// `layer_norm` in `norm_rel_ebd`.
    public var isNormalized: Bool

    public init(
      positions: RelativePositions, hasPositionKeys: Bool = true, hasPositionQueries: Bool = true,
      sharesProjections: Bool = true, isNormalized: Bool = true
    ) {
      self.positions = positions
      self.hasPositionKeys = hasPositionKeys
      self.hasPositionQueries = hasPositionQueries
      self.sharesProjections = sharesProjections
      self.isNormalized = isNormalized
    }
  }

  /// DeBERTa's convolution of the embeddings.
  public struct Convolution: Sendable, Equatable {
    /// `conv_kernel_size`, odd.
    public var width: Int
    /// `conv_act`.
    public var activation: Activation

    public init(width: Int, activation: Activation) {
      self.width = width
      self.activation = activation
    }
  }

  /// `num_labels`.
  public var labelCount: Int { labelNames.count }

  /// - Precondition: the sizes are at least 1 and `attentionHeads` divides `hiddenSize`.
  public init(
    _ family: EncoderFamily = .bert, vocabularySize: Int = 30522, embeddingSize: Int? = nil, hiddenSize: Int = 768,
    hiddenLayers: Int = 12, attentionHeads: Int = 12, intermediateSize: Int = 3072, maxPositionEmbeddings: Int = 512,
    typeVocabularySize: Int = 2, activation: Activation = .gelu, layerNormEpsilon: Float = 1e-12,
    hiddenDropout: Float = 0.1, attentionDropout: Float = 0.1, poolerDropout: Float? = nil,
    poolerActivation: Activation? = nil, classifierDropout: Float? = nil, initializerRange: Double = 0.02,
    padTokenID: Int? = 0, labelNames: [String] = ["LABEL_0", "LABEL_1"]
  ) {
    precondition(
      hiddenSize > 0 && attentionHeads > 0 && hiddenSize % attentionHeads == 0,
      "\(attentionHeads) heads for a hidden size of \(hiddenSize)")
    let classifierDropout = classifierDropout ?? hiddenDropout
    self.family = family
    self.vocabularySize = vocabularySize
    self.embeddingSize = embeddingSize ?? hiddenSize
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
    self.poolerDropout = poolerDropout ?? (family.dropsPoolerInput ? classifierDropout : 0)
    self.poolerActivation = poolerActivation ?? family.poolerActivation
    self.classifierDropout = classifierDropout
    self.initializerRange = initializerRange
    self.padTokenID = padTokenID
    self.labelNames = labelNames
  }

  /// The position of a sequence's first token.
  var firstPosition: Int { family.countsFromPadding ? (padTokenID ?? 0) + 1 : 0 }

  /// What projects the embeddings, where they are narrow.
  var projection: EncoderFamily.Projection? { embeddingSize == hiddenSize ? nil : family.projection }
}

// MARK: - Building

extension EncoderConfig: ModelBlueprint {
  public var modelType: String { family.modelType }
  public var maximumLength: Int { maxPositionEmbeddings - firstPosition }

  /// Where in `modules` a layer's are.
  struct LayerPlaces: Sendable {
    var query, key, value: Int
    /// Positions' own projections.
    var positionKey, positionQuery: Int?
    var attentionOutput, intermediate, output: Int
  }

  /// The projection of narrow embeddings, six a layer and positions' own, then the pooler.
  public var modules: [LinearModule] {
    let d = hiddenSize
    let f = intermediateSize
    var modules: [LinearModule] = []
    if let projection {
      modules.append(
        LinearModule(
          name: projection.name, outputSize: d, inputSize: embeddingSize, layer: nil, hasBias: projection.hasBias))
    }
    let names = family.layer
    let own = relative.flatMap { $0.sharesProjections ? nil : $0 }
    for layer in 0..<hiddenLayers {
      var linears = [(names.query, d, d), (names.key, d, d), (names.value, d, d)]
      if own?.hasPositionKeys == true { linears.append((names.positionKey, d, d)) }
      if own?.hasPositionQueries == true { linears.append((names.positionQuery, d, d)) }
      linears += [(names.attentionOutput, d, d), (names.intermediate, f, d), (names.output, d, f)]
      for (name, out, input) in linears {
        modules.append(LinearModule(name: layerName(layer) + name, outputSize: out, inputSize: input, layer: layer))
      }
    }
    if let pooler = family.pooler {
      modules.append(LinearModule(name: pooler, outputSize: d, inputSize: d, layer: nil))
    }
    return modules
  }

  /// What the names in a layer begin with.
  func layerName(_ layer: Int) -> String { family.prefix + family.stack + "\(layer)." }

  /// One a layer.
  var places: [LayerPlaces] {
    let own = relative.flatMap { $0.sharesProjections ? nil : $0 }
    var next = projection == nil ? 0 : 1
    func take() -> Int {
      defer { next += 1 }
      return next
    }
    return (0..<hiddenLayers).map { _ in
      LayerPlaces(
        query: take(), key: take(), value: take(), positionKey: own?.hasPositionKeys == true ? take() : nil,
        positionQuery: own?.hasPositionQueries == true ? take() : nil, attentionOutput: take(), intermediate: take(),
        output: take())
    }
  }

  public func headModules(for task: ModelTask) -> [LinearModule] {
    guard case .sequenceClassification(let labels) = task else { return [] }
    return family.head.enumerated().map { i, name in
      LinearModule(
        name: name, outputSize: i == family.head.count - 1 ? labels : hiddenSize, inputSize: hiddenSize, layer: nil)
    }
  }

  public func build(
    _ weights: any WeightSource, task: ModelTask, seed: UInt64, factory: any LinearFactory, precision: Precision
  ) throws(InputError) -> any SequenceModel {
    try EncoderModel(
      self, weights: weights, labels: try task.labels(of: modelType, weights), seed: seed, factory: factory,
      precision: precision)
  }

  /// The same with every dropout off.
  public func withoutDropout() -> EncoderConfig {
    var copy = self
    copy.hiddenDropout = 0
    copy.attentionDropout = 0
    copy.poolerDropout = 0
    copy.classifierDropout = 0
    return copy
  }
}
