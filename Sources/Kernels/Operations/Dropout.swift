// Dropout whose mask is a function of its place, so that none is stored.

import CKernels

/// Which rows of the whole batch some rows are. Masks go by it, so that a part of the batch draws what the whole would.
public struct BatchRows {
  private enum Place {
    case run(from: Int)
    case each(UnsafePointer<Int32>)
  }

  private let place: Place
  /// How many there are of the batch's, and the number of the first that comes after them.
  private var appended: (after: Int, from: Int)?

  /// Consecutive ones.
  public static func run(from first: Int) -> BatchRows { BatchRows(place: .run(from: first)) }

  /// Row i is the batch's row numbered by the i-th value.
  public static func each(_ numbers: UnsafePointer<Int32>) -> BatchRows { BatchRows(place: .each(numbers)) }

  /// After so many of these, rows that are no token's, numbered from `first`.
  public func appending(after count: Int, from first: Int) -> BatchRows {
    var rows = self
    rows.appended = (count, first)
    return rows
  }

  private init(place: Place) { self.place = place }

  /// Calls `body` with each run of rows [start, start + count), the first of which has the number `first`.
  func forEachRun(of rows: Int, _ body: (_ start: Int, _ first: Int, _ count: Int) -> Void) {
    let own = min(appended?.after ?? rows, rows)
    switch place {
    case .run(let first): body(0, first, own)
    case .each(let numbers): for i in 0..<own { body(i, Int(numbers[i]), 1) }
    }
    if let appended, rows > own { body(own, appended.from, rows - own) }
  }
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
    place.forEachRun(of: rows) { start, first, count in
      apply(x + start * columns, into: y + start * columns, firstRow: first, rows: count, columns: columns)
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
