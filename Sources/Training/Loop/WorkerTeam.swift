// The workers of a run: threads, their memory, and the phases of a step that they go through together.

import AdaLoRA
import Kernels
import Models

/// One model over several workers. Each runs the whole network on its shard; they share nothing but the weights.
final class WorkerTeam {
  struct Losses {
    var task = 0.0
    /// R; 0 but in a step's last micro-batch.
    var orth = 0.0
  }

  let model: any SequenceModel
  let store: AdapterStore
  let pool: WorkerPool
  private let workers: [ShardWorker]
  private let forwardPhase: ForwardPhase
  private let trainPhase: TrainPhase
  private let reducePhase: ReducePhase
  private let tokenLossPhase: TokenLossPhase

  /// - Parameter recomputes: whether activations are computed again in backward instead of kept.
  init(model: any SequenceModel, store: AdapterStore, pool: WorkerPool, seed: UInt64, recomputes: Bool = false) {
    self.model = model
    self.store = store
    self.pool = pool
    workers = (0..<pool.count).map { i in
      ShardWorker(
        i, model: model, store: store, seed: seed, recomputes: recomputes,
        clock: pool.clocks.isEmpty ? nil : pool.clocks[i])
    }
    forwardPhase = ForwardPhase(workers)
    trainPhase = TrainPhase(workers, store: store)
    reducePhase = ReducePhase(workers, block: store.block)
    tokenLossPhase = TokenLossPhase(workers)
  }

  /// Of the trainer's own thread, which is worker 0; nil unless the pool is timed.
  var clock: OperationClock? { pool.clocks.first }

  /// A worker's outputs of the last forward, nil where its shard was empty: logits, or a language model's states.
  func outputs(_ worker: Int) -> MutableFloatPointer? { workers[worker].outputs }

  /// A worker's memory, to be used between phases.
  func workspace(_ worker: Int) -> Workspace { workers[worker].workspace }

  /// The most memory that any step took from the arenas, in bytes.
  var arenaBytes: Int { workers.reduce(0) { $0 + $1.workspace.arena.highWater * 4 } }

  /// Forward without dropout or taps.
  func forward(_ batch: PackedBatch) {
    reserve(batch)
    forwardPhase.batch = batch
    pool.run(forwardPhase)
  }

  /// Of a language model after `forward`: Σ −log p over the batch's targets.
  func tokenLoss(_ batch: PackedBatch, _ head: TokenHead) -> Double {
    tokenLossPhase.batch = batch
    tokenLossPhase.head = head
    pool.run(tokenLossPhase)
    return workers.reduce(0) { $0 + $1.taskLoss }
  }

  /// Forward and backward of one micro-batch into the workers' gradients.
  /// - Parameters:
  ///   - isFirst: of its step: gradients start from zero.
  ///   - scale: what the micro-batch counts for in its step.
  ///   - regularizer: given with a step's last micro-batch, whose R and its gradient are then added.
  func train(
    _ batch: PackedBatch, objective: any Objective, step: Int, microBatch: Int, scale: Float, isFirst: Bool,
    regularizer: OrthogonalityRegularizer?, orthRegWeight: Float
  ) -> Losses {
    reserve(batch)
    objective.begin(batch)
    if let preparation = objective.preparation { pool.run(preparation) }
    for worker in workers { worker.workspace.step = step &* 1024 &+ microBatch }
    trainPhase.batch = batch
    trainPhase.objective = objective
    trainPhase.scale = scale
    trainPhase.isFirst = isFirst
    trainPhase.regularizer = regularizer
    trainPhase.weight = orthRegWeight
    pool.run(trainPhase)
    var losses = Losses()
    for worker in workers {
      losses.task += worker.taskLoss * Double(scale)
      losses.orth += worker.orth
    }
    return losses
  }

  /// Adds the workers' gradients into the store's, in worker order.
  /// - Returns: the L2 norm of the sum.
  func reduceGradients() -> Double {
    pool.run(reducePhase)
    return workers.reduce(0) { $0 + $1.sumOfSquares }.squareRoot()
  }

  /// Makes room for every worker's shard.
  private func reserve(_ batch: PackedBatch) {
    for worker in workers { model.reserve(worker.workspace, for: batch, batch.shards[worker.index]) }
  }
}

/// What one worker owns. Touched by it alone within a phase.
private final class ShardWorker: @unchecked Sendable {
  // Unchecked: the trainer reads results between phases only.
  let index: Int
  let workspace: Workspace
  let pass: any ForwardPass
  let model: any SequenceModel
  var outputs: MutableFloatPointer?
  var taskLoss = 0.0
  var orth = 0.0
  /// Of this worker's slice of the reduced gradient.
  var sumOfSquares = 0.0
  private let ownGradients: ParameterBlock?

  init(
    _ index: Int, model: any SequenceModel, store: AdapterStore, seed: UInt64, recomputes: Bool, clock: OperationClock?
  ) {
    self.index = index
    // Worker 0 adds to the store's own gradients, the others to theirs.
    if index == 0 {
      ownGradients = nil
    } else {
      let block = ParameterBlock()
      _ = block.reserve(store.block.count)
      block.seal()
      ownGradients = block
    }
    workspace = Workspace(
      arena: Arena(capacity: 0), gradients: ownGradients?.gradients ?? store.block.gradients,
      slots: store.adapters.count, recomputes: recomputes, clock: clock)
    workspace.seed = seed
    pass = model.makePass(workspace)
    self.model = model
  }
}

private final class ForwardPhase: ParallelPhase, @unchecked Sendable {
  // Unchecked: set up between runs; each worker uses its own `ShardWorker` only. So for the phases below.
  private let workers: [ShardWorker]
  var batch: PackedBatch?

  init(_ workers: [ShardWorker]) { self.workers = workers }

  func run(worker index: Int) {
    guard let batch else { return }
    let worker = workers[index]
    let shard = batch.shards[index]
    worker.workspace.isTraining = false
    worker.workspace.tap = nil
    worker.outputs = shard.isEmpty ? nil : worker.pass.forward(batch, shard)
  }
}

private final class TokenLossPhase: ParallelPhase, @unchecked Sendable {
  private let workers: [ShardWorker]
  var batch: PackedBatch?
  var head: TokenHead?

  init(_ workers: [ShardWorker]) { self.workers = workers }

  func run(worker index: Int) {
    guard let batch, let head else { return }
    let worker = workers[index]
    let shard = batch.shards[index]
    worker.taskLoss = 0
    guard let outputs = worker.outputs, !shard.isEmpty else { return }
    worker.taskLoss = head.loss(
      outputs, targets: batch.targets + Int(batch.offsets[shard.lowerBound]), gradient: nil, scale: 1,
      rows: batch.rows(shard), worker.workspace)
  }
}

private final class TrainPhase: ParallelPhase, @unchecked Sendable {
  private let workers: [ShardWorker]
  private let store: AdapterStore
  private let widestRank: Int
  var batch: PackedBatch?
  var objective: (any Objective)?
  var scale: Float = 1
  var isFirst = true
  var regularizer: OrthogonalityRegularizer?
  var weight: Float = 0

  init(_ workers: [ShardWorker], store: AdapterStore) {
    self.workers = workers
    self.store = store
    widestRank = store.adapters.map(\.layout.rank).max() ?? 0
  }

  func run(worker index: Int) {
    guard let batch, let objective else { return }
    let worker = workers[index]
    let workspace = worker.workspace
    let shard = batch.shards[index]
    workspace.clock?.begin(.clearGradients)
    if isFirst { workspace.gradients.update(repeating: 0, count: store.block.count) }
    worker.taskLoss = 0
    worker.orth = 0
    if shard.isEmpty {
      workspace.arena.reset()
    } else {
      runShard(worker, batch, shard, objective)
    }
    guard let regularizer else { return }
    workspace.clock?.begin(.regularizer)
    let mark = workspace.arena.mark
    let scratch = workspace.arena.take(widestRank * widestRank)
    for k in stride(from: index, to: store.adapters.count, by: workers.count) {
      worker.orth += regularizer.addGradient(
        store, adapter: k, weight: weight, to: workspace.gradients, scratch: scratch)
    }
    workspace.arena.release(to: mark)
  }

  private func runShard(
    _ worker: ShardWorker, _ batch: PackedBatch, _ shard: Range<Int>, _ objective: any Objective
  ) {
    let workspace = worker.workspace
    workspace.isTraining = true
    workspace.tap = objective.tap(worker: worker.index)
    let outputs = worker.pass.forward(batch, shard)
    worker.outputs = outputs
    let (rows, columns) = worker.model.outputShape(batch, shard)
    let gradient = workspace.arena.take(rows * columns)
    workspace.clock?.begin(.loss)
    worker.taskLoss = objective.loss(
      batch, shard, outputs: outputs, columns: columns, worker: worker.index, gradient: gradient, scale: scale,
      workspace)
    worker.pass.backward(objective.usesOutputs ? gradient : nil)
  }
}

private final class ReducePhase: ParallelPhase, @unchecked Sendable {
  private let workers: [ShardWorker]
  private let block: ParameterBlock

  init(_ workers: [ShardWorker], block: ParameterBlock) {
    self.workers = workers
    self.block = block
  }

  var operation: OperationClock.Operation { .reduceGradients }

  /// Each worker sums one slice over all workers, and its squares, in pieces that stay in the innermost cache.
  func run(worker index: Int) {
    let slice = (block.count / workers.count + 16) & ~15
    let end = min((index + 1) * slice, block.count)
    var squares = 0.0
    for start in stride(from: min(index * slice, block.count), to: end, by: Self.piece) {
      let count = min(Self.piece, end - start)
      let sum = block.gradients + start
      for other in workers.dropFirst() { Elementwise.add(sum, other.workspace.gradients + start, count: count) }
      squares += Elementwise.sumOfSquares(sum, count: count)
    }
    workers[index].sumOfSquares = squares
  }

  private static let piece = 2048
}
