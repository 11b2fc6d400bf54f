// Owned, aligned memory.

public typealias FloatPointer = UnsafePointer<Float>
public typealias MutableFloatPointer = UnsafeMutablePointer<Float>

/// Owns `count` zeroed floats, aligned to a cache line. Freed with its owner.
public struct Buffer: ~Copyable {
  public let base: MutableFloatPointer
  public let count: Int

  /// - Precondition: count ≥ 0.
  public init(count: Int) {
    precondition(count >= 0, "a buffer of \(count) floats")
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
    base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
    base.initialize(repeating: 0, count: max(count, 1))
    self.count = count
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }

  /// The contents, for readers outside the hot path.
  public var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
