// A teacher's forward over the batch, before the student's.

import Kernels
import Models

/// Runs a frozen model over every worker's shard.
final class TeacherPhase: ParallelPhase, @unchecked Sendable {
  // Unchecked: set up between runs; each worker uses its own workspace and pass.
  private let model: any SequenceModel
  private let workspaces: [Workspace]
  private let passes: [any ForwardPass]
  private let noGradients = Buffer(count: 0)
  private var batch: PackedBatch?
  /// Called by each worker before its forward, also where its shard is empty.
  var willRun: (_ worker: Int) -> Void = { _ in }
  /// Called by each worker after its forward, with the teacher's logits unless its shard is empty.
  var didRun: (_ worker: Int, PackedBatch, _ shard: Range<Int>, _ logits: FloatPointer?) -> Void = { _, _, _, _ in }

  /// - Parameter taps: one a worker.
  init(_ model: any SequenceModel, taps: [(any ModuleTap)?]) {
    self.model = model
    workspaces = taps.map { [noGradients = noGradients.base] tap in
      let workspace = Workspace(arena: Arena(capacity: 0), gradients: noGradients, slots: 0)
      workspace.tap = tap
      return workspace
    }
    passes = workspaces.map { model.makePass($0) }
  }

  func prepare(_ batch: PackedBatch) {
    self.batch = batch
    for (worker, workspace) in workspaces.enumerated() {
      model.reserve(workspace, for: batch, batch.shards[worker])
    }
  }

  func run(worker: Int) {
    guard let batch else { return }
    willRun(worker)
    let shard = batch.shards[worker]
    let logits = shard.isEmpty ? nil : passes[worker].forward(batch, shard)
    didRun(worker, batch, shard, logits.map { FloatPointer($0) })
  }
}
