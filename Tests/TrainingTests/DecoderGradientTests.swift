import AdaLoRA
import Foundation
import Kernels
import Models
import Testing

@testable import Training

/// Small decoders of every kind.
enum DecoderKind: CaseIterable {
  case llama, qwen2, qwen3, gpt2

  func config(dropout: Float) -> DecoderConfig {
    switch self {
    case .gpt2:
      DecoderConfig(
        family: .gpt2, vocabularySize: 20, hiddenSize: 8, hiddenLayers: 2, attentionHeads: 2, intermediateSize: 12,
        maximumLength: 16, rotary: nil, hasProjectionBias: true, hasOutputBias: true, hasFeedForwardBias: true,
        tiesEmbeddings: true, embeddingDropout: dropout, attentionDropout: dropout, residualDropout: dropout)
    case .llama, .qwen2, .qwen3:
      DecoderConfig(
        family: self == .llama ? .llama : self == .qwen2 ? .qwen2 : .qwen3, vocabularySize: 20, hiddenSize: 8,
        hiddenLayers: 2, attentionHeads: 4, keyValueHeads: 2, headSize: self == .qwen3 ? 4 : 2, intermediateSize: 12,
        maximumLength: 16, normEpsilon: 1e-2, hasProjectionBias: self == .qwen2, attentionDropout: dropout)
    }
  }
}

/// A small decoder with adapters at random values and its loss on one batch: of a class, or of the next tokens.
private final class DecoderProbe {
  let store: AdapterStore
  let model: any SequenceModel
  let batch: PackedBatch
  let team: WorkerTeam

  init(
    _ kind: DecoderKind, _ task: ModelTask, targets: (LinearModule) -> Bool = { _ in true }, dropout: Float = 0,
    threads: Int = 1, recomputes: Bool = false
  ) throws {
    let config = kind.config(dropout: dropout)
    let plan = AdapterPlan(
      entries: config.modules.filter(targets).map { AdapterPlan.Entry(module: $0, rank: 2, alpha: 4) },
      parameterization: SVDParameterization(), dropout: dropout, trainsHead: true, headDeviation: 0.5)
    (model, store) = try config.build(RandomWeights(deviation: 0.4, seed: 2), plan, task: task, seed: 1)
    var random = RandomSource(seed: 4)
    store.fillRandomly(&random)
    var dataset = TokenizedDataset()
    for (i, length) in [7, 1, 4, 9].enumerated() {
      let ids = (0..<length).map { _ in Int32(random.index(below: 20)) }
      if case .causalLanguageModel = task {
        // Of the last sequence the first half does not count.
        dataset.append(ids: ids, counted: ids.indices.map { i < 3 || $0 > 4 })
      } else {
        dataset.append(ids: ids, types: ids.map { _ in 0 }, label: Int32(i % 3))
      }
    }
    batch = PackedBatch(sequenceCapacity: 4, tokenCapacity: 40, workers: threads)
    for i in 0..<4 { batch.append(dataset, example: i, worker: i * threads / 4) }
    team = WorkerTeam(
      model: model, store: store, pool: WorkerPool(count: threads), seed: 9, recomputes: recomputes)
  }

  func loss() -> Double {
    let loss = team.train(
      batch, objective: model.objective, step: 5, microBatch: 0, scale: 1, isFirst: true, regularizer: nil,
      orthRegWeight: 0
    ).task
    _ = team.reduceGradients()
    return loss
  }

  /// Every trainable parameter's gradient is a difference of the loss.
  func checkGradients() { GradientCheck(store: store, loss: loss).expectExact() }
}

@Suite("A decoder's backward")
struct DecoderGradientTests {
  private static let classification = ModelTask.sequenceClassification(labels: 3)

  @Test("equals finite differences with adapters everywhere", arguments: DecoderKind.allCases)
  func everywhere(kind: DecoderKind) throws {
    try DecoderProbe(kind, .causalLanguageModel).checkGradients()
    try DecoderProbe(kind, Self.classification).checkGradients()
  }

  @Test("equals finite differences with every dropout on", arguments: DecoderKind.allCases)
  func withDropout(kind: DecoderKind) throws {
    try DecoderProbe(kind, .causalLanguageModel, dropout: 0.3).checkGradients()
  }

  @Test(
    "equals finite differences where it stops early",
    arguments: [
      (DecoderKind.llama, "layers.0.self_attn.k_proj"), (.llama, "layers.0.self_attn.o_proj"),
      (.llama, "layers.0.mlp.up"), (.llama, "layers.1.mlp.down"), (.qwen3, "layers.1.self_attn.q_proj"),
      (.gpt2, "h.0.attn.c_attn"), (.gpt2, "h.0.attn.c_proj"), (.gpt2, "h.0.mlp.c_fc"), (.gpt2, "h.1.mlp.c_proj"),
    ])
  func stopsEarly(kind: DecoderKind, place: String) throws {
    try DecoderProbe(kind, .causalLanguageModel, targets: { $0.name.contains(place) }).checkGradients()
  }

  @Test("the head alone trains where no module is adapted")
  func headAlone() throws { try DecoderProbe(.llama, Self.classification, targets: { _ in false }).checkGradients() }

  @Test("several workers have the loss and the gradient of one", arguments: [2, 3])
  func workers(count: Int) throws {
    let one = try DecoderProbe(.qwen3, .causalLanguageModel, dropout: 0.3)
    let many = try DecoderProbe(.qwen3, .causalLanguageModel, dropout: 0.3, threads: count)
    #expect(abs(one.loss() - many.loss()) < 1e-6)
    let (a, b) = (one.store.block, many.store.block)
    #expect((0..<a.count).allSatisfy { abs(a.gradients[$0] - b.gradients[$0]) < 1e-5 })
  }

  @Test("has the same bits where layers are computed again, in less memory", arguments: DecoderKind.allCases)
  func recomputation(kind: DecoderKind) throws {
    for task in [.causalLanguageModel, Self.classification] {
      let kept = try DecoderProbe(kind, task, dropout: 0.3)
      let again = try DecoderProbe(kind, task, dropout: 0.3, recomputes: true)
      #expect(kept.loss() == again.loss())
      let (a, b) = (kept.store.block, again.store.block)
      #expect((0..<a.count).allSatisfy { a.gradients[$0] == b.gradients[$0] })
      #expect(again.team.arenaBytes < kept.team.arenaBytes)
    }
  }

  @Test("the same step gives the same bits again")
  func deterministic() throws {
    let a = try DecoderProbe(.llama, .causalLanguageModel, dropout: 0.3, threads: 2)
    let b = try DecoderProbe(.llama, .causalLanguageModel, dropout: 0.3, threads: 2)
    #expect(a.loss() == b.loss())
    let (x, y) = (a.store.block, b.store.block)
    #expect((0..<x.count).allSatisfy { x.gradients[$0] == y.gradients[$0] })
  }

  @Test("an evaluation without backward has the training loss, to the bit")
  func evaluation() throws {
    let probe = try DecoderProbe(.qwen2, .causalLanguageModel, threads: 2)
    let head = try #require(probe.model.tokenHead)
    let trained = probe.loss()
    probe.team.forward(probe.batch)
    let evaluated = probe.team.tokenLoss(probe.batch, head) / Double(probe.batch.targetCount)
    #expect(abs(trained - evaluated) < 1e-12)
  }

  @Test("a batch in which nothing counts has no loss and no gradient")
  func nothingCounts() throws {
    let probe = try DecoderProbe(.llama, .causalLanguageModel)
    probe.batch.clear()
    var dataset = TokenizedDataset()
    dataset.append(ids: [1, 2, 3], counted: [true, false, false])
    probe.batch.append(dataset, example: 0, worker: 0)
    #expect(probe.loss() == 0)
    #expect((0..<probe.store.block.count).allSatisfy { probe.store.block.gradients[$0] == 0 })
  }
}
