// The optimizer's pass with scores, and the allocator, at the shapes of models that need not exist here.

import AdaLoRA
import Foundation
import Kernels

/// Updates and masks adapters over nothing.
public struct UpdateBenchmark: Sendable {
  public var rank = 12
  public var threads = 1
  public var repetitions = 9

  public init() {}

  /// Times of one step, in seconds: medians.
  public struct Report: Sendable {
    public var modules: Int
    public var triplets: Int
    public var parameters: Int
    /// AdamW, Ī, Ū and scores; the same without scores; the selection and mask.
    public var update, updateAlone, mask: Double
    /// What the pass reads and writes at the least, in bytes.
    public var bytes: Int
    /// Of all workers adding one long array to another, in bytes/s.
    public var memoryRate: Double
    public var smallestTime: Double { memoryRate > 0 ? Double(bytes) / memoryRate : 0 }
  }

  /// - Parameter modules: d₁ and d₂ of each.
  public func run(_ modules: [(outputSize: Int, inputSize: Int)]) -> Report {
    let store = AdapterStore()
    for (i, module) in modules.enumerated() {
      _ = store.addAdapter(
        name: "module \(i)", outputSize: module.outputSize, inputSize: module.inputSize, rank: rank, alpha: 16)
    }
    store.markTrainable(seed: 1)
    var random = RandomSource(seed: 11)
    for i in 0..<store.block.count { store.block.gradients[i] = Float(random.uniform() - 0.5) }
    let allocator = RankAllocator(
      store, initialRank: rank, targetRank: max(1, rank * 2 / 3), initialWarmup: 1, finalWarmup: 1, maskInterval: 1,
      totalSteps: 100 + 2 * repetitions)
    let pool = WorkerPool(count: threads)
    let optimizer = AdamW(learningRate: 1e-3)
    var update: [Double] = []
    var alone: [Double] = []
    var mask: [Double] = []
    for step in 2..<4 + repetitions {
      alone.append(Stopwatch.seconds { store.update(optimizer, count: step, on: pool) })
      update.append(Stopwatch.seconds { store.update(optimizer, count: step, allocator: allocator, on: pool) })
      mask.append(Stopwatch.seconds { _ = try? allocator.mask(step: step) })
    }
    let floats = store.parameterCount
    return Report(
      modules: modules.count, triplets: modules.count * rank, parameters: floats,
      update: Array(update.dropFirst(2)).median, updateAlone: Array(alone.dropFirst(2)).median,
      mask: Array(mask.dropFirst(2)).median, bytes: floats * Self.bytesPerParameter,
      memoryRate: Self.memoryRate(floats: floats, pool))
  }

  /// Of the mask alone, which depends on nothing but the number of triplets, in seconds: adapters of 1×1.
  public func mask(triplets: Int) -> (triplets: Int, seconds: Double) {
    let report = run(Array(repeating: (1, 1), count: max(1, triplets / rank)))
    return (report.triplets, report.mask)
  }

  /// w, m, v, Ī and Ū are read and written, g is read.
  static let bytesPerParameter = 11 * 4

  private static func memoryRate(floats: Int, _ pool: WorkerPool) -> Double {
    let phase = MovePhase(floats: floats, workers: pool.count)
    return Double(floats * 3 * 4) / Stopwatch.fastest(of: 5) { pool.run(phase) }
  }
}

private final class MovePhase: ParallelPhase, @unchecked Sendable {
  // Unchecked: each worker has a slice of its own.
  private let x, y: Buffer
  private let workers: Int

  init(floats: Int, workers: Int) {
    x = Buffer(count: floats)
    y = Buffer(count: floats)
    self.workers = workers
  }

  func run(worker: Int) {
    let start = x.count * worker / workers
    let end = x.count * (worker + 1) / workers
    Elementwise.add(y.base + start, x.base + start, count: end - start)
  }
}
