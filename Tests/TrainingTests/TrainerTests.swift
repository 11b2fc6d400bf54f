import AdaLoRA
import Foundation
import Kernels
import Models
import Testing

@testable import Training

/// Gives the same few sequences over and over, `perBatch` at a time.
private final class CyclingBatches: BatchSource {
  let capacity: (sequences: Int, tokens: Int)
  private let dataset: TokenizedDataset
  private var position = 0

  init(_ dataset: TokenizedDataset, perBatch: Int) {
    self.dataset = dataset
    capacity = (perBatch, dataset.mostTokens(in: perBatch))
  }

  func fill(_ batch: PackedBatch) {
    batch.clear()
    for _ in 0..<capacity.sequences {
      batch.append(dataset, example: position % dataset.count, worker: 0)
      position += 1
    }
  }
}

@Suite("A training step")
struct TrainerTests {
  private static let config = EncoderConfig(
    vocabularySize: 20, hiddenSize: 8, hiddenLayers: 1, attentionHeads: 2, intermediateSize: 12,
    maxPositionEmbeddings: 16, hiddenDropout: 0, attentionDropout: 0, initializerRange: 0.4)

  private func dataset() -> TokenizedDataset {
    var random = RandomSource(seed: 40)
    var dataset = TokenizedDataset()
    for i in 0..<8 {
      let length = 2 + random.index(below: 8)
      dataset.append(
        ids: (0..<length).map { _ in Int32(random.index(below: 20)) }, types: Array(repeating: 0, count: length),
        label: Int32(i % 2))
    }
    return dataset
  }

  private func trainer(
    perBatch: Int, precision: Precision = .float32, _ change: (inout TrainerOptions) -> Void
  ) throws -> Trainer {
    var options = TrainerOptions(totalSteps: 20, learningRate: 1e-2, orthRegWeight: 0.3)
    change(&options)
    let plan = AdapterPlan(
      entries: Self.config.modules.filter { $0.layer != nil }
        .map { AdapterPlan.Entry(module: $0, rank: 3, alpha: 4) },
      parameterization: SVDParameterization(), trainsHead: true, headDeviation: 0.5)
    let factory = AdapterFactory(plan, head: Self.config.headModules(for: .sequenceClassification(labels: 2)), seed: 1)
    let model = try EncoderModel(
      Self.config, weights: RandomEncoder(Self.config, seed: 2), labels: 2, seed: 3, factory: factory,
      precision: precision)
    let allocator = RankAllocator(
      factory.store, initialRank: 3, targetRank: 2, initialWarmup: 2, finalWarmup: 5, maskInterval: 1, totalSteps: 20,
      dialect: options.dialect)
    return Trainer(
      model: model, store: factory.store, allocator: allocator,
      source: CyclingBatches(dataset(), perBatch: perBatch), objective: ClassificationObjective(),
      pool: WorkerPool(count: 1), options: options)
  }

  private func weights(_ trainer: Trainer) -> [Float] {
    (0..<trainer.store.block.count).map { trainer.store.block.weights[$0] }
  }

  @Test("accumulating four micro-batches is one batch of all their sequences")
  func accumulation() throws {
    let whole = try trainer(perBatch: 8) { _ in }
    let parts = try trainer(perBatch: 2) { $0.accumulation = 4 }
    for _ in 0..<6 {
      let a = try whole.step()
      let b = try parts.step()
      #expect(abs(a.loss - b.loss) < 1e-5)
      #expect(abs(a.gradNorm - b.gradNorm) < 1e-4 * a.gradNorm)
      #expect(a.tokens == b.tokens)
      #expect(a.kept == b.kept)
    }
    #expect(zip(weights(whole), weights(parts)).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test("clipping reports the norm from before and steps by one of at most max_grad_norm")
  func clipping() throws {
    let free = try trainer(perBatch: 4) { _ in }
    let clipped = try trainer(perBatch: 4) { $0.maxGradNorm = 1e-3 }
    let a = try free.step()
    let b = try clipped.step()
    #expect(a.gradNorm == b.gradNorm)
    #expect(a.gradNorm > 0.01)
    // After one step Adam's first moment is a tenth of the gradient.
    func norm(_ trainer: Trainer) -> Double {
      10 * Elementwise.sumOfSquares(trainer.store.moments.first, count: trainer.store.block.count).squareRoot()
    }
    #expect(abs(norm(free) - a.gradNorm) < 1e-5 * a.gradNorm)
    #expect(abs(norm(clipped) - 1e-3) < 1e-7)
  }

  @Test(
    "with frozen weights in bfloat16 the loss is float32's to within 0.02, and not to the bit",
    .enabled(if: Precision.bfloat16.isSupported))
  func bfloat16() throws {
    let exact = try trainer(perBatch: 4) { _ in }
    let rounded = try trainer(perBatch: 4, precision: .bfloat16) { _ in }
    var differs = false
    for _ in 0..<20 {
      let a = try exact.step()
      let b = try rounded.step()
      #expect(abs(a.loss - b.loss) < 0.02)
      differs = differs || a.loss != b.loss
    }
    #expect(differs)
  }

  @Test("leaving out what was pruned for good changes nothing but the norm", arguments: [Dialect.peft, .paper])
  func dropsPruned(dialect: Dialect) throws {
    let dropping = try trainer(perBatch: 4) { $0.dialect = dialect }
    // A bound that is never met.
    let whole = try trainer(perBatch: 4) {
      $0.dialect = dialect
      $0.maxGradNorm = 1e9
    }
    var smallerNorms = 0
    for step in 0..<20 {
      let a = try dropping.step()
      let b = try whole.step()
      #expect(abs(a.loss - b.loss) < 1e-4)
      #expect(a.kept == b.kept && a.nonzero == b.nonzero)
      if step > 15 { #expect(a.gradNorm < b.gradNorm * 1.0001) } else { #expect(a.gradNorm == b.gradNorm) }
      if a.gradNorm < b.gradNorm { smallerNorms += 1 }
      #expect(dropping.allocator?.leavesOutPruned == (step > 15))
    }
    #expect(whole.allocator?.leavesOutPruned == false)
    #expect(smallerNorms > 0)
    #expect(dropping.allocator?.kept == whole.allocator?.kept)
    #expect(zip(weights(dropping), weights(whole)).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test("sensitivities see the weight after the step, in the paper's dialect the one before")
  func whichWeight() throws {
    for (dialect, isAfter) in [(Dialect.peft, true), (.loralib, true), (.paper, false)] {
      let trainer = try trainer(perBatch: 4) { $0.dialect = dialect }
      let before = weights(trainer)
      _ = try trainer.step()
      let after = weights(trainer)
      let block = trainer.store.block
      let offset = trainer.store.adapters[0].layout.qOffset
      for i in offset..<offset + 8 {
        let weight = isAfter ? after[i] : before[i]
        let expected = 0.15 * abs(weight * block.gradients[i])
        #expect(abs(trainer.store.smoothedSensitivity[i] - expected) <= 1e-6 * max(expected, 1e-6))
      }
    }
  }

  @Test("the loss is the task's plus γ·R")
  func loss() throws {
    let trainer = try trainer(perBatch: 4) { _ in }
    let record = try trainer.step()
    #expect(record.orth > 1)
    #expect(abs(record.loss - (record.taskLoss + 0.3 * record.orth)) < 1e-12)
  }
}
