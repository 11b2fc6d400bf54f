// One block of memory from which a worker takes all that a step needs.

/// A bump allocator over one lazily committed block. Nothing is freed but everything at once (`reset`) or everything
/// since a mark (`release`). Not shared between threads.
public final class Arena: @unchecked Sendable {
  // Unchecked: owned by one worker; handed over only between steps.
  private var base: UnsafeMutableRawPointer
  private var used = 0
  /// In floats.
  public private(set) var capacity: Int
  /// The most that was ever taken, in floats.
  public private(set) var highWater = 0

  /// - Parameter capacity: in floats; pages are committed by the operating system when first touched.
  public init(capacity: Int) {
    self.capacity = capacity
    base = Memory.allocate(floats: max(capacity, 16))
  }

  deinit { base.deallocate() }

  /// Uninitialised room for `count` floats, aligned to a cache line. O(1), no allocation.
  /// - Precondition: the arena was sized for it.
  @inline(__always)
  public func take(_ count: Int) -> MutableFloatPointer {
    let start = used
    used += (count + 15) & ~15
    precondition(used <= capacity, "an arena of \(capacity) floats was asked for \(used)")
    if used > highWater { highWater = used }
    return (base + start * 4).assumingMemoryBound(to: Float.self)
  }

  /// Everything taken is given back.
  public func reset() { used = 0 }

  /// Where the arena stands, for `release(to:)`.
  public var mark: Int { used }

  /// Gives back all that was taken since `mark`.
  public func release(to mark: Int) { used = mark }

  /// Makes room for at least `capacity` floats; what was taken before is lost. Does nothing where there is room.
  public func reserve(_ capacity: Int) {
    used = 0
    guard capacity > self.capacity else { return }
    base.deallocate()
    base = Memory.allocate(floats: capacity)
    self.capacity = capacity
  }
}
