// Rotary position embedding: element i of a head turns with element i + d_h/2 by an angle that grows with the position.

import CKernels

/// Rows of several heads side by side, which may lie within longer rows.
public struct HeadRows {
  public var base: MutableFloatPointer
  /// From one row to the next, in floats.
  public var stride: Int

  public init(_ base: MutableFloatPointer, stride: Int) {
    self.base = base
    self.stride = stride
  }

  /// From a later row on.
  func from(row: Int) -> HeadRows { HeadRows(base + row * stride, stride: stride) }
}

/// cos and sin of every position's angles, [positions, d_h/2] each, and where they are applied.
public final class RotaryTable: @unchecked Sendable {
  // Unchecked: never written after init.
  /// d_h/2.
  public let half: Int
  private let cosines: SharedBuffer
  private let sines: SharedBuffer

  /// - Parameters:
  ///   - cosines: row-major, a row a position from 0 on; `sines` likewise.
  public init(cosines: [Float], sines: [Float], half: Int) {
    precondition(cosines.count == sines.count, "\(cosines.count) cosines, \(sines.count) sines")
    self.half = half
    self.cosines = SharedBuffer(cosines)
    self.sines = SharedBuffer(sines)
  }

  /// Turns every head of each packed sequence in place; its first row is position 0.
  /// - Parameters:
  ///   - offsets: [sequences + 1], the batch's rows at which sequences begin; `x` begins at the first's.
  ///   - isInverse: turns back, which takes a gradient of the turned to that of what was turned.
  public func rotate(
    _ x: HeadRows, heads: Int, offsets: UnsafePointer<Int32>, sequences: Int, isInverse: Bool = false
  ) {
    for s in 0..<sequences {
      rt_rotate(
        x.from(row: Int(offsets[s] - offsets[0])).base, x.stride, cosines.base, sines.base, isInverse ? -1 : 1,
        Int(offsets[s + 1] - offsets[s]), heads, half)
    }
  }
}
