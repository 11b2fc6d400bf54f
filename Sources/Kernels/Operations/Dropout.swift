// Dropout whose mask is a function of its place, so that none is stored.

import CKernels

/// Which rows of the whole batch some rows are. Masks go by it, so that a part of the batch draws what the whole would.
public enum BatchRows {
  /// Consecutive ones.
  case run(from: Int)
  /// Row i is the batch's row numbered by the i-th value.
  case each(UnsafePointer<Int32>)
}

/// One dropout site of one step.
public struct Dropout: Sendable {
  /// The probability of being dropped; 0 leaves everything as it is.
  public var probability: Float
  /// Names the site and the step.
  public var key: UInt64

  public init(probability: Float, key: UInt64) {
    self.probability = probability
    self.key = key
  }

  /// y = x·keep/(1 − p) over [rows, columns]; `keep` depends on the key, `firstRow` + row and the column. The same call
  /// on a gradient is the backward pass. `y` may be `x`.
  public func apply(_ x: FloatPointer, into y: MutableFloatPointer, firstRow: Int, rows: Int, columns: Int) {
    rt_dropout(x, y, probability, key, UInt64(firstRow), rows, columns)
  }

  /// The same, for rows wherever they lie in the batch.
  public func apply(_ x: FloatPointer, into y: MutableFloatPointer, at place: BatchRows, rows: Int, columns: Int) {
    switch place {
    case .run(let first): apply(x, into: y, firstRow: first, rows: rows, columns: columns)
    case .each(let numbers):
      for i in 0..<rows {
        apply(x + i * columns, into: y + i * columns, firstRow: Int(numbers[i]), rows: 1, columns: columns)
      }
    }
  }

  /// Mixes a seed, a step and a site's number into a key (the finaliser of SplitMix64, twice).
  public static func key(seed: UInt64, step: Int, site: Int) -> UInt64 {
    mix(mix(seed ^ UInt64(bitPattern: Int64(step)) &* 0x9E37_79B9_7F4A_7C15) ^ UInt64(site) &* 0xD1B5_4A32_D192_ED03)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
