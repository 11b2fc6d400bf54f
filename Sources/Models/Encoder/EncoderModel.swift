// An encoder for sequence classification, as HuggingFace's `…ForSequenceClassification`: frozen but for adapters and head.

import Kernels

public final class EncoderModel: SequenceModel {
  public let config: EncoderConfig
  public let modules: [LinearModule]
  public let labelCount: Int

  let embeddings: Embeddings
  /// Projected by every layer, [2·span, d]; nil where attention does not look at relative positions.
  let relativeTable: TensorData?
  let convolution: EncoderConvolution?
  let layers: [Layer]
  /// In the order of `modules`.
  let linears: [any LinearLayer]
  /// Those of them that have a low-rank path.
  private let adapters: [LowRankLinear]
  /// What a first token passes before the logits: a frozen pooler, perhaps with an adapter, or the head's own.
  let pooler: any LinearLayer
  let head: any LinearLayer
  let attention: Attention
  /// The lowest place with something to train.
  let lowestTrainable: Depth

  struct Embeddings: Sendable {
    let word: TensorData
    let position, tokenType: TensorData?
    let norm: Norm
  }

  struct Norm: Sendable {
    let gain, bias: TensorData
  }

  struct Layer: Sendable {
    let places: EncoderConfig.LayerPlaces
    let attentionNorm, outputNorm: Norm
    /// Whether anything in the attention block (but its output projection) trains.
    let trainsProjections: Bool
    let trainsAttentionOutput: Bool
  }

  /// How far down a gradient has to go.
  enum Depth: Sendable, Equatable {
    case projection
    case layer(Int)
    case pooler
    case head

    var isBelowPooler: Bool { self != .pooler && self != .head }
  }

  /// - Parameters:
  ///   - weights: with names as the family's classifier or its bare model (no prefix) saves them. A missing pooler or
  ///     head is left to chance and to `factory`.
  ///   - seed: of a missing pooler's N(0, initializer_range²).
  ///   - precision: of the layers' frozen weights; pooler and head stay in float32.
  /// - Throws: for a missing, misshapen or unexpected tensor.
  public init(
    _ config: EncoderConfig, weights: any WeightSource, labels: Int, seed: UInt64, factory: any LinearFactory,
    precision: Precision = .float32
  ) throws(InputError) {
    self.config = config
    labelCount = labels
    modules = config.modules
    attention = Attention(
      heads: config.attentionHeads, headSize: config.hiddenSize / config.attentionHeads, terms: config.scoreTerms)
    let reader = EncoderReader(config, weights)
    try reader.refuseUnexpected()
    embeddings = try reader.embeddings()
    relativeTable = try reader.relativeTable()
    convolution = try reader.convolution()
    var linears: [any LinearLayer] = []
    for module in modules {
      linears.append(
        factory.linear(module, base: try reader.linear(module, seed: seed, module.layer == nil ? .float32 : precision)))
    }
    var layers: [Layer] = []
    for (l, places) in config.places.enumerated() {
      let prefix = config.layerName(l)
      let output = places.attentionOutput
      layers.append(
        Layer(
          places: places, attentionNorm: try reader.norm(prefix + config.family.layer.attentionNorm),
          outputNorm: try reader.norm(prefix + config.family.layer.outputNorm),
          trainsProjections: linears[places.query..<output].contains { $0.isTrainable },
          trainsAttentionOutput: linears[output].isTrainable))
    }
    self.layers = layers
    self.linears = linears
    adapters = linears.compactMap { $0 as? LowRankLinear }
    var head: [any LinearLayer] = []
    for module in config.headModules(for: .sequenceClassification(labels: labels)) {
      head.append(factory.head(module, pretrained: try reader.head(module)))
    }
    pooler = config.family.pooler == nil ? head[0] : linears[linears.count - 1]
    self.head = head[head.count - 1]
    lowestTrainable = Self.lowest(layers, linears, hasProjection: config.projection != nil, pooler: pooler)
  }

  private static func lowest(
    _ layers: [Layer], _ linears: [any LinearLayer], hasProjection: Bool, pooler: any LinearLayer
  ) -> Depth {
    if hasProjection && linears[0].isTrainable { return .projection }
    let lowest = layers.indices.first { l in
      linears[layers[l].places.query...layers[l].places.output].contains { $0.isTrainable }
    }
    if let lowest { return .layer(lowest) }
    return pooler.isTrainable ? .pooler : .head
  }

  public var maximumLength: Int { config.maximumLength }
  public var vocabularySize: Int { config.vocabularySize }

  public func makePass(_ workspace: Workspace) -> any ForwardPass { EncoderPass(self, workspace) }

  /// The rows of the relative table that sequences of at most `length` tokens use; none where attention looks at none.
  func relativeRows(length: Int) -> Range<Int> {
    guard relativeTable != nil, let relative = config.relative else { return 0..<0 }
    return relative.positions.rows(length: length)
  }

  public func arenaFloats(tokens: Int, squaredLengths: Int, sequences: Int, recomputes: Bool) -> Int {
    let d = config.hiddenSize
    let f = config.intermediateSize
    let longest = min(tokens, maximumLength)
    // Relative embeddings ride behind the rows of a layer's input, queries and keys.
    let positions = relativeRows(length: longest).count
    // Each piece is rounded up to 16 floats, and keys to whole vectors.
    let pieces = 64
    let layer =
      tokens * (8 * d + 2 * f + 2) + config.attentionHeads * (squaredLengths + 15 * tokens) + 5 * positions * d
      + 16 * pieces
    let saved = adapters.reduce(0) { $0 + $1.savedFloats(rows: tokens + positions) + 16 }
    let scratch = adapters.reduce(0) { max($0, $1.scratchFloats(rows: tokens + positions)) }
    let backward = tokens * (7 * d + f) + 5 * positions * d + 16 * pieces
    let embedding = tokens * (2 * d + 2 * config.embeddingSize + 2) + positions * d
    let convolution = convolution == nil ? 0 : tokens * (5 * d + 1) + positions * d
    let scores =
      attention.scratchFloats(length: longest)
      + (positions == 0 ? 0 : attention.positionScratchFloats(length: longest))
    let kept = (tokens + positions) * d + 16
    let layers = recomputes ? config.hiddenLayers * kept + layer : config.hiddenLayers * layer
    return layers + embedding + convolution + saved + sequences * 10 * (d + labelCount + 16)
      + backward + max(scratch, scores)
  }
}
