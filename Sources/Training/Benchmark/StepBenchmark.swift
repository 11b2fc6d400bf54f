// A training step, taken apart: where its time goes, how near it is to what the machine can multiply, what it holds.

import AdaLoRA
import Foundation
import Kernels
import Models

/// Trains on random tokens at one shape and measures.
public struct StepBenchmark: Sendable {
  public var batch = 32
  /// In tokens, of every sequence.
  public var length = 64
  public var rank = 12
  public var threads = 1
  public var steps = 20
  public var precision = Precision.float32
  /// Whether the model's own dropout acts.
  public var hasDropout = false
  /// Whether activations are computed again in backward instead of kept.
  public var recomputes = false
  static let warmUp = 4

  public init() {}

  /// What was measured. Times are of one step, in seconds.
  public struct Report: Sendable {
    public struct Part: Sendable {
      public var operation: OperationClock.Operation
      /// The mean over workers and steps.
      public var seconds: Double
      /// Of matrix products, all workers together.
      public var flops: Int
    }

    public var tokens: Int
    public var parameters: Int
    /// Medians; `without` neither scores nor masks, which is all that differs.
    public var step, withoutAllocation: Double
    public var fastestStep: Double
    /// Medians of the optimizer's pass and of the mask within the step, and of the pass in the steps without scores.
    public var update, mask, updateAlone: Double
    /// Those that take any time, in the order of the clock's list.
    public var parts: [Part]
    /// Of x·Wᵀ and dy·W of every frozen module and every token.
    public var wholeFlops: Int
    /// What this machine multiplies at these shapes, in FLOP/s.
    public var machineRate: Double
    /// Of the process, in bytes.
    public var peakResident: Int
    public var arenaBytes: Int

    /// FLOP of frozen products that were done.
    public var frozenFlops: Int {
      parts.reduce(0) { [.frozenForward, .frozenBackward].contains($1.operation) ? $0 + $1.flops : $0 }
    }
    /// The share of a step that the machine would need for `flops` alone.
    public func share(of flops: Int) -> Double { machineRate > 0 ? Double(flops) / machineRate / step : 0 }
    /// What scores and masks add, as a share of a step without them: the pass and the mask as they stand in the step.
    public var allocationCost: Double { step > 0 ? (update + mask - updateAlone) / withoutAllocation : 0 }
  }

  /// - Throws: for weights that do not fit the configuration.
  public func run(_ blueprint: any ModelBlueprint, weights: any WeightSource) throws(InputError) -> Report {
    let blueprint = hasDropout ? blueprint : blueprint.withoutDropout()
    let modules = blueprint.modules.filter { $0.layer != nil }
    let plan = AdapterPlan(
      entries: modules.map { AdapterPlan.Entry(module: $0, rank: rank, alpha: 16) },
      parameterization: SVDParameterization(), trainsHead: true)
    let task: ModelTask =
      blueprint.predictsTokens ? .causalLanguageModel : .sequenceClassification(labels: blueprint.labelNames.count)
    let (model, store) = try blueprint.build(weights, plan, task: task, seed: 1, precision: precision)
    let total = Self.warmUp + 2 * steps
    let allocator = RankAllocator(
      store, initialRank: rank, targetRank: max(1, rank * 2 / 3), initialWarmup: 1, finalWarmup: 1,
      maskInterval: 1, totalSteps: total + 2)
    let pool = WorkerPool(count: threads, isTimed: true)
    let trainer = Trainer(
      model: model, store: store, allocator: allocator,
      source: RandomBatches(self, vocabulary: blueprint.vocabularySize, task: task), objective: model.objective,
      pool: pool,
      options: TrainerOptions(
        totalSteps: total + 2, learningRate: 1e-3, orthRegWeight: 0.1, recomputes: recomputes))
    var report = try measure(trainer, pool)
    report.wholeFlops = modules.reduce(0) { $0 + 4 * report.tokens * $1.outputSize * $1.inputSize }
    report.machineRate = MultiplicationRate.measure(modules, rows: report.tokens, precision: precision, pool: pool)
    return report
  }

  private func measure(_ trainer: Trainer, _ pool: WorkerPool) throws(InputError) -> Report {
    var with: [Double] = []
    var without: [Double] = []
    var update: [Double] = []
    var updateAlone: [Double] = []
    var mask: [Double] = []
    let operations = OperationClock.Operation.allCases
    var seconds = [Double](repeating: 0, count: operations.count)
    var flops = [Int](repeating: 0, count: operations.count)
    for step in 0..<Self.warmUp + 2 * steps {
      trainer.allocates = step % 2 == 0
      for clock in pool.clocks { clock.reset() }
      let record: StepRecord
      do {
        record = try trainer.step()
      } catch {
        throw InputError(file: "the model", "\(error)")
      }
      guard step >= Self.warmUp else { continue }
      let pass = pool.clocks.map { $0.seconds(.update) }.max() ?? 0
      guard trainer.allocates else {
        without.append(record.stepMs / 1000)
        updateAlone.append(pass)
        continue
      }
      with.append(record.stepMs / 1000)
      update.append(pass)
      mask.append(pool.clocks.first?.seconds(.mask) ?? 0)
      for (i, operation) in operations.enumerated() {
        for clock in pool.clocks {
          seconds[i] += clock.seconds(operation) / Double(pool.count * steps)
          flops[i] += clock.flops(operation)
        }
      }
    }
    let parts = operations.enumerated().map { i, operation in
      Report.Part(operation: operation, seconds: seconds[i], flops: flops[i] / max(steps, 1))
    }
    return Report(
      tokens: batch * length, parameters: trainer.store.parameterCount, step: with.median,
      withoutAllocation: without.median, fastestStep: with.min() ?? 0, update: update.median, mask: mask.median,
      updateAlone: updateAlone.median, parts: parts.filter { $0.seconds > 0 }, wholeFlops: 0, machineRate: 0,
      peakResident: Machine.peakResidentBytes, arenaBytes: trainer.team.arenaBytes)
  }
}

/// The same sequences of random tokens in every batch.
final class RandomBatches: BatchSource {
  let capacity: (sequences: Int, tokens: Int)
  private let dataset: TokenizedDataset
  private let workers: Int

  init(_ benchmark: StepBenchmark, vocabulary: Int, task: ModelTask) {
    capacity = (benchmark.batch, benchmark.batch * benchmark.length)
    workers = benchmark.threads
    var random = RandomSource(seed: 10)
    var dataset = TokenizedDataset()
    for i in 0..<benchmark.batch {
      let ids = (0..<benchmark.length).map { _ in Int32(random.index(below: vocabulary)) }
      switch task {
      case .sequenceClassification(let labels):
        dataset.append(ids: ids, types: Array(repeating: 0, count: ids.count), label: Int32(i % labels))
      case .causalLanguageModel: dataset.append(ids: ids, counted: Array(repeating: true, count: ids.count))
      }
    }
    self.dataset = dataset
  }

  func fill(_ batch: PackedBatch) {
    batch.clear()
    for i in 0..<dataset.count {
      batch.append(dataset, example: i, worker: i * workers / dataset.count)
    }
  }
}
