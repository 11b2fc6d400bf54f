import AdaLoRA
import Foundation
import Kernels
import Models
import Testing

@testable import Training

/// A small BERT with adapters at random values, one worker, and its loss on one batch.
private final class Probe {
  let factory: AdapterFactory
  let model: BertModel
  let batch: PackedBatch
  let team: WorkerTeam
  let objective: any Objective

  init(
    targets: (LinearModule) -> Bool, dropout: Float = 0, adapterDropout: Float = 0, threads: Int = 1,
    parameterization: any Parameterization = SVDParameterization(),
    objective: any Objective = ClassificationObjective()
  ) throws {
    self.objective = objective
    let config = BertConfig(
      vocabularySize: 20, hiddenSize: 8, hiddenLayers: 2, attentionHeads: 2, intermediateSize: 12,
      maxPositionEmbeddings: 16, hiddenDropout: dropout, attentionDropout: dropout, initializerRange: 0.4)
    let plan = AdapterPlan(
      entries: config.modules.filter(targets).map { AdapterPlan.Entry(module: $0, rank: 3, alpha: 4) },
      parameterization: parameterization, dropout: adapterDropout, trainsHead: true, headDeviation: 0.5)
    factory = AdapterFactory(plan, head: config.headModules(for: .sequenceClassification(labels: 3)), seed: 1)
    model = try BertModel(config, weights: RandomBert(config, seed: 2), labels: 3, seed: 3, factory: factory)
    var random = RandomSource(seed: 4)
    for adapter in factory.store.adapters {
      let layout = adapter.layout
      random.fillNormal(factory.store.block.weights + layout.pOffset, count: 3 * adapter.outputSize, deviation: 0.4)
      random.fillNormal(factory.store.block.weights + layout.qOffset, count: 3 * adapter.inputSize, deviation: 0.4)
      if let offset = layout.lambdaOffset {
        random.fillNormal(factory.store.block.weights + offset, count: 3, deviation: 1)
      }
    }
    let batch = PackedBatch(sequenceCapacity: 4, tokenCapacity: 40, workers: threads)
    for (i, length) in [7, 1, 4, 9].enumerated() {
      let ids = (0..<length).map { _ in Int32(random.index(below: 20)) }
      let types = (0..<length).map { Int32($0 > 3 ? 1 : 0) }
      ids.withUnsafeBufferPointer { ids in
        types.withUnsafeBufferPointer { types in
          guard let ids = ids.baseAddress, let types = types.baseAddress else { return }
          batch.append(
            ids, types: types, count: length, label: Int32(i % 3), example: Int32(i), worker: i * threads / 4)
        }
      }
    }
    self.batch = batch
    team = WorkerTeam(model: model, store: factory.store, pool: WorkerPool(count: threads), seed: 9)
  }

  func loss() -> Double {
    let loss = team.train(
      batch, objective: objective, step: 5, microBatch: 0, scale: 1, isFirst: true, regularizer: nil, orthRegWeight: 0
    ).task
    _ = team.reduceGradients()
    return loss
  }

  /// Compares every trainable parameter's gradient with a central difference.
  func checkGradients() {
    _ = loss()
    let block = factory.store.block
    let gradients = (0..<block.count).map { block.gradients[$0] }
    let scale = gradients.map { abs($0) }.max() ?? 0
    #expect(scale > 1e-3)
    var segments: [(Int, Int)] = factory.store.dense.map { ($0.offset, $0.count) }
    for adapter in factory.store.adapters {
      segments += [
        (adapter.layout.pOffset, 3 * adapter.outputSize), (adapter.layout.qOffset, 3 * adapter.inputSize),
      ]
      if let offset = adapter.layout.lambdaOffset { segments.append((offset, 3)) }
    }
    var worst = 0.0
    for (offset, count) in segments {
      for i in offset..<offset + count {
        let w = block.weights[i]
        let h: Float = 4e-3
        block.weights[i] = w + h
        let above = loss()
        block.weights[i] = w - h
        let below = loss()
        block.weights[i] = w
        worst = max(worst, abs((above - below) / Double(2 * h) - Double(gradients[i])))
      }
    }
    #expect(worst < 4e-3 * Double(max(scale, 0.1)), "worst \(worst) of \(scale)")
  }
}

/// Classification under the eyes of a tap, so that every module computes its whole output.
private final class WatchedClassification: Objective {
  private final class Tap: ModuleTap {
    func didForward(_ module: Int, output: FloatPointer, rows: Int) { #expect(rows == 21) }
    func willBackward(_ module: Int, gradient: MutableFloatPointer, rows: Int) { #expect(rows == 21) }
  }

  private let classification = ClassificationObjective()
  var usesLogits: Bool { true }
  func begin(_ batch: PackedBatch) {}
  var preparation: (any ParallelPhase)? { nil }
  func tap(worker: Int) -> (any ModuleTap)? { Tap() }
  func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, logits: FloatPointer, labelCount: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float
  ) -> Double {
    classification.loss(
      batch, sequences, logits: logits, labelCount: labelCount, worker: worker, gradient: gradient, scale: scale)
  }
}

@Suite("BERT's backward")
struct BertGradientTests {
  @Test("equals finite differences with adapters everywhere")
  func everywhere() throws { try Probe(targets: { _ in true }).checkGradients() }

  @Test("equals finite differences with every dropout on")
  func withDropout() throws {
    try Probe(targets: { _ in true }, dropout: 0.3, adapterDropout: 0.4).checkGradients()
  }

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
    "is the same whether the last layer computes every row or first tokens alone", arguments: [0, 0.3] as [Float])
  func firstTokensAlone(dropout: Float) throws {
    let alone = try Probe(targets: { _ in true }, dropout: dropout, adapterDropout: dropout)
    let whole = try Probe(
      targets: { _ in true }, dropout: dropout, adapterDropout: dropout, objective: WatchedClassification())
    #expect(abs(alone.loss() - whole.loss()) < 1e-6)
    let a = alone.factory.store.block
    let b = whole.factory.store.block
    #expect((0..<a.count).allSatisfy { abs(a.gradients[$0] - b.gradients[$0]) < 1e-5 })
  }

  @Test("several workers have the gradient of one", arguments: [2, 3, 4])
  func workers(count: Int) throws {
    let one = try Probe(targets: { _ in true })
    let many = try Probe(targets: { _ in true }, threads: count)
    #expect(abs(one.loss() - many.loss()) < 1e-6)
    let a = one.factory.store.block
    let b = many.factory.store.block
    #expect((0..<a.count).allSatisfy { abs(a.gradients[$0] - b.gradients[$0]) < 1e-5 })
  }

  @Test("the same step gives the same bits again")
  func deterministic() throws {
    let a = try Probe(targets: { _ in true }, dropout: 0.3, threads: 2)
    let b = try Probe(targets: { _ in true }, dropout: 0.3, threads: 2)
    #expect(a.loss() == b.loss())
    let x = a.factory.store.block
    let y = b.factory.store.block
    #expect((0..<x.count).allSatisfy { x.gradients[$0] == y.gradients[$0] })
  }
}
