// A tensor's values as float32.

import Kernels

/// Values of a tensor, row-major: in a mapped file or in memory of its own. Never written after init.
public final class TensorData: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  /// Valid as long as this object lives.
  public let base: UnsafePointer<Float>
  public let count: Int
  public let shape: [Int]
  /// Keeps `base` alive.
  private let owner: AnyObject

  private final class Memory {
    let buffer: Buffer
    init(count: Int) { buffer = Buffer(count: count) }
  }

  /// Points into memory that `owner` keeps alive.
  init(_ base: UnsafePointer<Float>, shape: [Int], owner: AnyObject) {
    self.base = base
    count = shape.reduce(1, *)
    self.shape = shape
    self.owner = owner
  }

  /// Memory of its own, which `fill` sets; zeroed before.
  convenience init(shape: [Int], _ fill: (UnsafeMutablePointer<Float>) -> Void) {
    let memory = Memory(count: shape.reduce(1, *))
    fill(memory.buffer.base)
    self.init(memory.buffer.base, shape: shape, owner: memory)
  }

  /// Copies `values`.
  /// - Precondition: as many as the product of `shape`.
  public convenience init(_ values: [Float], shape: [Int]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for \(shape)")
    self.init(shape: shape) { base in
      for (i, value) in values.enumerated() { base[i] = value }
    }
  }

  /// A copy of the values.
  public var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}
