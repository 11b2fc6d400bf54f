import AdaLoRA
import Foundation
import Kernels
import Models
import Testing

@testable import Training

/// Small encoders of every kind.
enum Kind: CaseIterable {
  case bert, roberta, electra, distilbert
  /// As version 3 has it; and with all that it has not.
  case deberta, debertaOwnKeys
  case debertaKeysOnly, debertaQueriesOnly

  func config(dropout: Float = 0) -> EncoderConfig {
    let family: EncoderFamily =
      switch self {
      case .bert: .bert
      case .roberta: .roberta
      case .electra: .electra
      case .distilbert: .distilbert
      default: .debertaV2
      }
    var config = EncoderConfig(
      family, vocabularySize: 20, embeddingSize: self == .electra || self == .debertaOwnKeys ? 6 : 8, hiddenSize: 8,
      hiddenLayers: 2, attentionHeads: 2, intermediateSize: 12, maxPositionEmbeddings: 16,
      typeVocabularySize: self == .distilbert || self == .deberta ? 0 : 2, hiddenDropout: dropout,
      attentionDropout: dropout, initializerRange: 0.4, padTokenID: self == .roberta ? 1 : 0)
    let buckets = RelativePositions(reach: 9, buckets: 6)
    let plain = RelativePositions(reach: 5, buckets: 0)
    switch self {
    case .deberta:
      config.hasPositionTable = false
      config.poolerDropout = dropout
      config.scoreTerms = 3
      config.relative = EncoderConfig.RelativeAttention(positions: buckets)
    case .debertaOwnKeys:
      config.scoreTerms = 3
      config.relative = EncoderConfig.RelativeAttention(
        positions: plain, sharesProjections: false, isNormalized: false)
      config.convolution = EncoderConfig.Convolution(width: 3, activation: .tanh)
    case .debertaKeysOnly, .debertaQueriesOnly:
      config.scoreTerms = 2
      config.relative = EncoderConfig.RelativeAttention(
        positions: buckets, hasPositionKeys: self == .debertaKeysOnly, hasPositionQueries: self == .debertaQueriesOnly)
    // A kink is no place for differences; the recorded runs have DistilBERT's ReLU.
    case .distilbert: config.poolerActivation = .gelu
    default: break
    }
    return config
  }
}

/// A small encoder with adapters at random values, one worker, and its loss on one batch.
private final class Probe {
  let factory: AdapterFactory
  let model: EncoderModel
  let batch: PackedBatch
  let team: WorkerTeam
  let objective: any Objective

  init(
    _ kind: Kind = .bert, targets: (LinearModule) -> Bool = { _ in true }, dropout: Float = 0,
    adapterDropout: Float = 0, threads: Int = 1,
    parameterization: any Parameterization = SVDParameterization(),
    objective: any Objective = ClassificationObjective(), recomputes: Bool = false
  ) throws {
    self.objective = objective
    let config = kind.config(dropout: dropout)
    let plan = AdapterPlan(
      entries: config.modules.filter(targets).map { AdapterPlan.Entry(module: $0, rank: 3, alpha: 4) },
      parameterization: parameterization, dropout: adapterDropout, trainsHead: true, headDeviation: 0.5)
    factory = AdapterFactory(plan, head: config.headModules(for: .sequenceClassification(labels: 3)), seed: 1)
    model = try EncoderModel(config, weights: RandomEncoder(config, seed: 2), labels: 3, seed: 3, factory: factory)
    var random = RandomSource(seed: 4)
    factory.store.fillRandomly(&random)
    var dataset = TokenizedDataset()
    for (i, length) in [7, 1, 4, 9].enumerated() {
      let ids = (0..<length).map { _ in Int32(random.index(below: 20)) }
      dataset.append(ids: ids, types: ids.indices.map { $0 > 3 ? 1 : 0 }, label: Int32(i % 3))
    }
    batch = PackedBatch(sequenceCapacity: 4, tokenCapacity: 40, workers: threads)
    for i in 0..<4 { batch.append(dataset, example: i, worker: i * threads / 4) }
    team = WorkerTeam(
      model: model, store: factory.store, pool: WorkerPool(count: threads), seed: 9, recomputes: recomputes)
  }

  func loss() -> Double {
    let loss = team.train(
      batch, objective: objective, step: 5, microBatch: 0, scale: 1, isFirst: true, regularizer: nil, orthRegWeight: 0
    ).task
    _ = team.reduceGradients()
    return loss
  }

  /// Every trainable parameter's gradient is a difference of the loss.
  func checkGradients() { GradientCheck(store: factory.store, loss: loss).expectExact() }
}

/// Classification under the eyes of a tap, so that every module computes its whole output.
private final class WatchedClassification: Objective {
  private final class Tap: ModuleTap {
    /// Every token's, or every relative position's where these have projections of their own.
    func didForward(_ module: Int, output: FloatPointer, rows: Int) { #expect(rows == 21 || rows == 10) }
    func willBackward(_ module: Int, gradient: MutableFloatPointer, rows: Int) { #expect(rows == 21 || rows == 10) }
  }

  private let classification = ClassificationObjective()
  var usesOutputs: Bool { true }
  func tap(worker: Int) -> (any ModuleTap)? { Tap() }
  func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, outputs: FloatPointer, columns: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float, _ workspace: Workspace
  ) -> Double {
    classification.loss(
      batch, sequences, outputs: outputs, columns: columns, worker: worker, gradient: gradient, scale: scale, workspace)
  }
}

@Suite("An encoder's backward")
struct EncoderGradientTests {
  @Test("equals finite differences with adapters everywhere", arguments: Kind.allCases)
  func everywhere(kind: Kind) throws { try Probe(kind).checkGradients() }

  @Test("equals finite differences with every dropout on", arguments: Kind.allCases)
  func withDropout(kind: Kind) throws { try Probe(kind, dropout: 0.3, adapterDropout: 0.4).checkGradients() }

  @Test("equals finite differences for LoRA")
  func lora() throws {
    try Probe(targets: { $0.layer != nil }, adapterDropout: 0.2, parameterization: LoRAParameterization())
      .checkGradients()
  }

  @Test(
    "equals finite differences where it stops early",
    arguments: [
      "layer.0.attention.self.query", "layer.0.attention.output", "layer.0.intermediate", "layer.0.output.dense",
      "layer.1.attention.self.value", "layer.1.output.dense", "pooler",
    ])
  func stopsEarly(place: String) throws { try Probe(targets: { $0.name.contains(place) }).checkGradients() }

  @Test(
    "equals finite differences where one module of its own kind trains",
    arguments: [
      (Kind.electra, "embeddings_project"), (.debertaOwnKeys, "embed_proj"), (.deberta, "layer.0.attention.self.key"),
      (.deberta, "layer.1.attention.self.query"), (.deberta, "pooler"),
      (.debertaOwnKeys, "layer.0.attention.self.pos_key"), (.debertaOwnKeys, "layer.1.attention.self.pos_query"),
      (.debertaOwnKeys, "layer.0.output"), (.roberta, "none"),
    ])
  func oneModule(kind: Kind, place: String) throws {
    try Probe(kind, targets: { $0.name.contains(place) }, dropout: 0.2).checkGradients()
  }

  @Test(
    "is the same whether the last layer computes every row or first tokens alone", arguments: Kind.allCases,
    [0, 0.3] as [Float])
  func firstTokensAlone(kind: Kind, dropout: Float) throws {
    let alone = try Probe(kind, dropout: dropout, adapterDropout: dropout)
    let whole = try Probe(kind, dropout: dropout, adapterDropout: dropout, objective: WatchedClassification())
    #expect(abs(alone.loss() - whole.loss()) < 1e-6)
    let a = alone.factory.store.block
    let b = whole.factory.store.block
    #expect((0..<a.count).allSatisfy { abs(a.gradients[$0] - b.gradients[$0]) < 1e-5 })
  }

  @Test("several workers have the gradient of one, dropout included", arguments: Kind.allCases, [2, 3, 4])
  func workers(kind: Kind, count: Int) throws {
    // A pooler's rows are numbered from its shard's first.
    let targets = { (module: LinearModule) in !module.name.contains("pooler") }
    let one = try Probe(kind, targets: targets, dropout: 0.2, adapterDropout: 0.2)
    let many = try Probe(kind, targets: targets, dropout: 0.2, adapterDropout: 0.2, threads: count)
    #expect(abs(one.loss() - many.loss()) < 1e-6)
    let a = one.factory.store.block
    let b = many.factory.store.block
    #expect((0..<a.count).allSatisfy { abs(a.gradients[$0] - b.gradients[$0]) < 1e-5 })
  }

  @Test("has the same bits where layers are computed again, dropout and taps included", arguments: Kind.allCases)
  func recomputation(kind: Kind) throws {
    for objective in [ClassificationObjective(), WatchedClassification()] as [any Objective] {
      let kept = try Probe(kind, dropout: 0.3, adapterDropout: 0.2, objective: objective)
      let again = try Probe(kind, dropout: 0.3, adapterDropout: 0.2, objective: objective, recomputes: true)
      #expect(kept.loss() == again.loss())
      let a = kept.factory.store.block
      let b = again.factory.store.block
      #expect((0..<a.count).allSatisfy { a.gradients[$0] == b.gradients[$0] })
    }
  }

  @Test("the same step gives the same bits again", arguments: [Kind.bert, .deberta])
  func deterministic(kind: Kind) throws {
    let a = try Probe(kind, dropout: 0.3, threads: 2)
    let b = try Probe(kind, dropout: 0.3, threads: 2)
    #expect(a.loss() == b.loss())
    let x = a.factory.store.block
    let y = b.factory.store.block
    #expect((0..<x.count).allSatisfy { x.gradients[$0] == y.gradients[$0] })
  }
}
