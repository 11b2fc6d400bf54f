// Owned, aligned memory.

import Glibc

public typealias FloatPointer = UnsafePointer<Float>
public typealias MutableFloatPointer = UnsafeMutablePointer<Float>

enum Memory {
  private static let hugePage = 2 << 20

  /// Uninitialised, aligned to a cache line, and in huge pages where it fills some: a pass over many long arrays is
  /// otherwise slowed by looking up their pages.
  static func allocate(floats count: Int) -> UnsafeMutableRawPointer {
    let bytes = count * 4
    let isLarge = bytes >= 2 * hugePage
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isLarge ? hugePage : 64)
    // A refusal does no harm.
    if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
    return raw
  }
}

/// Owns `count` zeroed floats, aligned to a cache line, and in huge pages where they fill some. Freed with its owner.
public struct Buffer: ~Copyable {
  public let base: MutableFloatPointer
  public let count: Int

  /// - Precondition: count ≥ 0.
  public init(count: Int) {
    precondition(count >= 0, "a buffer of \(count) floats")
    let raw = Memory.allocate(floats: max(count, 1))
    base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
    base.initialize(repeating: 0, count: max(count, 1))
    self.count = count
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  /// The contents, for readers outside the hot path.
  public var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
