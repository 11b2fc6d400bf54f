// Where a worker's time goes, and how much arithmetic it asks for: present only where a measurement was asked for.

import Glibc

/// One worker's stopwatch: always running for one operation. Used by its worker alone, read when that sleeps.
public final class OperationClock: @unchecked Sendable {
  // Unchecked: see above.

  /// What a worker can be doing. Everything between two `begin`s counts as the first's.
  public enum Operation: Int, Sendable, CaseIterable {
    /// Asleep until a phase begins or the others are done.
    case waiting
    case embedding
    /// x·Wᵀ and dy·W of frozen weights.
    case frozenForward, frozenBackward
    /// Everything of the low-rank paths.
    case adapter
    case attention, activation, layerNorm, dropout
    /// The task head, and the pooler's tanh.
    case head
    case loss
    case regularizer
    case clearGradients
    /// The workers' gradients into one, and its norm.
    case reduceGradients
    /// AdamW, Ī, Ū and scores, in one pass.
    case update
    case mask
    /// Filling batches, and what is between the others.
    case rest
  }

  private struct Entry {
    var nanoseconds: UInt64 = 0
    var flops = 0
    var count = 0
  }

  private let entries: UnsafeMutablePointer<Entry>
  private var current = Operation.waiting
  private var since = OperationClock.now

  init() {
    entries = .allocate(capacity: Operation.allCases.count)
    entries.initialize(repeating: Entry(), count: Operation.allCases.count)
  }

  deinit { entries.deallocate() }

  /// From now on time is `operation`'s.
  /// - Parameter flops: multiplications and additions that it is about to do in matrix products.
  public func begin(_ operation: Operation, flops: Int = 0) {
    let now = Self.now
    entries[current.rawValue].nanoseconds += now - since
    entries[operation.rawValue].flops += flops
    entries[operation.rawValue].count += 1
    current = operation
    since = now
  }

  /// Forgets what was measured so far.
  public func reset() {
    entries.update(repeating: Entry(), count: Operation.allCases.count)
    since = Self.now
  }

  public func seconds(_ operation: Operation) -> Double { Double(entries[operation.rawValue].nanoseconds) * 1e-9 }

  /// Multiplications and additions that were begun with.
  public func flops(_ operation: Operation) -> Int { entries[operation.rawValue].flops }

  /// How often it began.
  public func count(_ operation: Operation) -> Int { entries[operation.rawValue].count }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
