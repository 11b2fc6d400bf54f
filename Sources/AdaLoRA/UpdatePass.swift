// The one pass of a step over P, λ, Q and the head.

import Kernels

/// Updates every triplet's row of Pᵀ, λ and row of Q, then the dense tensors. Workers take contiguous runs of triplets
/// of about the same number of floats; a triplet is one worker's, so that its sums do not depend on their number.
final class UpdatePass: ParallelPhase, @unchecked Sendable {
  // Unchecked: set up between runs; workers touch disjoint triplets and slices.
  var adapterUpdate = ParameterUpdate(nil)
  var denseUpdate = ParameterUpdate(nil)
  /// Where the triplets' sums go; nil where they are not asked for.
  var scores: TripletScores?
  /// Where Ī and Ū are; nil: in the store.
  var memory: SensitivityMemory?
  var workers = 1
  private unowned let store: AdapterStore
  /// Floats before each adapter, and in all.
  private let starts: [Int]

  var operation: OperationClock.Operation { .update }

  init(_ store: AdapterStore) {
    self.store = store
    var starts = [0]
    for adapter in store.adapters { starts.append(starts[starts.count - 1] + adapter.parameterCount) }
    self.starts = starts
  }

  func run(worker: Int) {
    let rows = Rows(store, memory ?? store.memory)
    let all = starts[starts.count - 1]
    let share = all * worker / workers..<all * (worker + 1) / workers
    for k in store.adapters.indices where starts[k] < share.upperBound && starts[k + 1] > share.lowerBound {
      update(k, share, rows)
    }
    for tensor in store.dense {
      let start = tensor.count * worker / workers
      let end = tensor.count * (worker + 1) / workers
      _ = rows.update(denseUpdate, tensor.offset + start, end - start)
    }
  }

  /// The triplets of adapter `k` that begin within `share`.
  private func update(_ k: Int, _ share: Range<Int>, _ rows: Rows) {
    let update = adapterUpdate
    let scores = scores
    let adapter = store.adapters[k]
    let (layout, d1, d2) = (adapter.layout, adapter.outputSize, adapter.inputSize)
    let size = adapter.parameterCount / layout.rank
    func triplet(from position: Int) -> Int { min(max((position - starts[k] + size - 1) / size, 0), layout.rank) }
    for i in triplet(from: share.lowerBound)..<triplet(from: share.upperBound) {
      let p = rows.update(update, layout.pOffset + i * d1, d1)
      var lambda = Sensitivity.Sums()
      if let offset = layout.lambdaOffset { lambda = rows.update(update, offset + i, 1) }
      let q = rows.update(update, layout.qOffset + i * d2, d2)
      scores?.set(k * layout.rank + i, lambda: lambda, p: p, outputSize: d1, q: q, inputSize: d2)
    }
  }

  /// The store's arrays, which are all laid out alike.
  private struct Rows {
    let weights, gradients, firstMoment, secondMoment, smoothed, uncertainty: MutableFloatPointer

    init(_ store: AdapterStore, _ memory: SensitivityMemory) {
      weights = store.block.weights
      gradients = store.block.gradients
      (firstMoment, secondMoment) = store.moments
      smoothed = memory.smoothed.base
      uncertainty = memory.uncertainty.base
    }

    @inline(__always)
    func update(_ update: ParameterUpdate, _ offset: Int, _ count: Int) -> Sensitivity.Sums {
      update(
        weights + offset, gradient: gradients + offset, m: firstMoment + offset, v: secondMoment + offset,
        smoothed: smoothed + offset, uncertainty: uncertainty + offset, count: count)
    }
  }
}
