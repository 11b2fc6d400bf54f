// One training step after another, in the order that the reference computes it.

import AdaLoRA
import Foundation
import Kernels
import Models

/// A number that is not finite, found before it could do harm.
public struct NonFiniteNumber: Error, CustomStringConvertible, Sendable {
  public let step: Int
  /// "the task loss", "R", "the gradient", "a score".
  public let what: String
  /// The first module concerned, where one can be named.
  public let module: String?
  public var description: String {
    "step \(step): \(what) is not finite" + (module.map { " (first in \($0))" } ?? "")
  }
}

/// The fixed settings of a training run.
public struct TrainerOptions: Sendable {
  public var totalSteps: Int
  public var learningRate: Double
  public var schedule: LearningRateSchedule
  public var warmupRatio: Double
  public var weightDecay: Double
  /// 0 = no clipping.
  public var maxGradNorm: Double
  public var accumulation: Int
  /// γ; 0 where there is no λ (LoRA).
  public var orthRegWeight: Double
  public var dialect: Dialect
  /// Whether activations are computed again in backward instead of kept: less memory, the same bits.
  public var recomputes: Bool
  public var seed: UInt64

  public init(
    totalSteps: Int, learningRate: Double, schedule: LearningRateSchedule = .constant, warmupRatio: Double = 0,
    weightDecay: Double = 0.01, maxGradNorm: Double = 0, accumulation: Int = 1, orthRegWeight: Double = 0,
    dialect: Dialect = .peft, recomputes: Bool = false, seed: UInt64 = 0
  ) {
    self.totalSteps = totalSteps
    self.learningRate = learningRate
    self.schedule = schedule
    self.warmupRatio = warmupRatio
    self.weightDecay = weightDecay
    self.maxGradNorm = maxGradNorm
    self.accumulation = accumulation
    self.orthRegWeight = orthRegWeight
    self.dialect = dialect
    self.recomputes = recomputes
    self.seed = seed
  }
}

/// Trains the adapters of a model, a step a call. Used from one thread.
public final class Trainer {
  public let store: AdapterStore
  /// Nil where rank is fixed.
  public let allocator: RankAllocator?
  /// What other rules would keep; the run's bits do not depend on them.
  var shadows: [ShadowAllocator] = []
  /// η and γ may be changed between steps; β₁, β₂ and the schedule are the allocator's.
  public var options: TrainerOptions
  /// Steps done.
  public private(set) var stepsDone = 0
  /// Whether steps score and mask; without, only to measure what that costs.
  var allocates = true
  let team: WorkerTeam
  private let source: any BatchSource
  private let objective: any Objective
  private let batch: PackedBatch
  private let regularizer: OrthogonalityRegularizer?

  /// - Parameter allocator: over `store`, or nil where rank is fixed. P and Q are regularised where there is a λ.
  public init(
    model: any SequenceModel, store: AdapterStore, allocator: RankAllocator?, source: any BatchSource,
    objective: any Objective, pool: WorkerPool, options: TrainerOptions
  ) {
    self.store = store
    self.allocator = allocator
    self.source = source
    self.objective = objective
    self.options = options
    team = WorkerTeam(
      model: model, store: store, pool: pool, seed: options.seed, recomputes: options.recomputes)
    batch = PackedBatch(
      sequenceCapacity: source.capacity.sequences, tokenCapacity: source.capacity.tokens, workers: pool.count)
    let hasLambda = store.adapters.contains { $0.layout.lambdaOffset != nil }
    regularizer = hasLambda ? OrthogonalityRegularizer(dialect: options.dialect) : nil
  }

  /// Whether γ has a meaning.
  var isRegularized: Bool { regularizer != nil }

  /// Where batches come from, if the run can be gone on with from the middle.
  var resumableSource: (any ResumableBatchSource)? { source as? any ResumableBatchSource }

  /// Sets the step to go on from; everything else of that moment is the caller's to set.
  func setStepsDone(_ steps: Int) { stepsDone = steps }

  /// η times the schedule's factor, as the next step will use it.
  public var learningRate: Double {
    options.learningRate
      * options.schedule.factor(
        step: stepsDone, totalSteps: options.totalSteps, warmupRatio: options.warmupRatio)
  }

  /// One step: forward, backward, clip, optimizer, sensitivities, mask.
  /// - Throws: `NonFiniteNumber`. A bad loss, R or gradient is caught before the optimizer, which then does not run; a
  ///   bad score before the mask, and that step counts as done.
  public func step() throws(NonFiniteNumber) -> StepRecord {
    let step = stepsDone
    let start = ContinuousClock.now
    let lr = learningRate
    allocator?.prepareStep(clips: options.maxGradNorm > 0)
    var losses = WorkerTeam.Losses()
    var tokens = 0
    for micro in 0..<options.accumulation {
      team.clock?.begin(.rest)
      source.fill(batch)
      tokens += batch.tokens
      let isLast = micro == options.accumulation - 1
      let part = team.train(
        batch, objective: objective, step: step, microBatch: micro, scale: 1 / Float(options.accumulation),
        isFirst: micro == 0, regularizer: isLast ? regularizer : nil, orthRegWeight: Float(options.orthRegWeight))
      losses.task += part.task
      losses.orth += part.orth
    }
    let norm = team.reduceGradients()
    try check(losses, norm, step: step)
    // torch's clip_grad_norm_.
    let clipping = options.maxGradNorm > 0 ? min(options.maxGradNorm / (norm + 1e-6), 1) : 1
    store.update(
      AdamW(learningRate: Float(lr), weightDecay: Float(options.weightDecay)), count: step + 1,
      gradientScale: Float(clipping), allocator: allocates ? allocator : nil, shadows: shadows, on: team.pool)
    stepsDone += 1
    let allocation = try mask(step: step)
    let modules = Double(max(store.adapters.count, 1))
    let all = store.adapters.reduce(0) { $0 + $1.layout.rank }
    let elapsed = start.duration(to: .now)
    return StepRecord(
      step: step, loss: losses.task + options.orthRegWeight * losses.orth, taskLoss: losses.task, orth: losses.orth,
      gradNorm: norm, lr: lr, beta1: allocator?.beta1 ?? 0, beta2: allocator?.beta2 ?? 0,
      orthRegWeight: options.orthRegWeight, deltaT: allocator?.schedule.maskInterval ?? 0,
      targetR: Double(allocator?.schedule.targetBudget ?? all) / modules, budget: allocation?.budget ?? all,
      kept: allocator?.keptCount ?? all,
      nonzero: allocator?.nonzeroCount ?? all,
      threshold: allocator?.threshold.map(Double.init), tokens: tokens,
      stepMs: Double(elapsed.components.attoseconds) * 1e-15 + Double(elapsed.components.seconds) * 1e3, eval: nil)
  }

  private func mask(step: Int) throws(NonFiniteNumber) -> RankAllocator.Allocation? {
    guard allocates, let allocator else { return nil }
    team.clock?.begin(.mask)
    for shadow in shadows { shadow.mask(step: step) }
    defer { team.clock?.begin(.rest) }
    do {
      return try allocator.mask(step: step)
    } catch {
      throw NonFiniteNumber(step: step, what: "the score of triplet \(error.triplet)", module: error.module)
    }
  }

  private func check(_ losses: WorkerTeam.Losses, _ norm: Double, step: Int) throws(NonFiniteNumber) {
    guard !(losses.task.isFinite && losses.orth.isFinite && norm.isFinite) else { return }
    let what = !losses.task.isFinite ? "the task loss" : !losses.orth.isFinite ? "R" : "the gradient's norm"
    throw NonFiniteNumber(step: step, what: what, module: firstNonFiniteModule())
  }

  /// The first adapter or head tensor whose weights, else whose gradients, are not finite.
  private func firstNonFiniteModule() -> String? {
    for values in [store.block.weights, store.block.gradients] {
      func isBad(_ offset: Int, _ count: Int) -> Bool { (0..<count).contains { !values[offset + $0].isFinite } }
      for adapter in store.adapters {
        let layout = adapter.layout
        if isBad(layout.pOffset, layout.rank * adapter.outputSize)
          || isBad(layout.qOffset, layout.rank * adapter.inputSize)
          || layout.lambdaOffset.map({ isBad($0, layout.rank) }) == true
        {
          return adapter.name
        }
      }
      if let tensor = store.dense.first(where: { isBad($0.offset, $0.count) }) { return tensor.name }
    }
    return nil
  }
}
