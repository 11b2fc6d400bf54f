// Seeded random numbers, the same on every machine and Swift version.

import Glibc

/// SplitMix64 (Steele, Lea and Flood 2014), with the distributions that training needs.
public struct RandomSource: RandomNumberGenerator, Codable, Sendable, Equatable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// An independent stream for `purpose` of the same seed.
  public init(seed: UInt64, purpose: Int) { state = Dropout.key(seed: seed, step: purpose, site: 0x5EED) }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform in 0..<bound. - Precondition: bound > 0.
  public mutating func index(below bound: Int) -> Int {
    precondition(bound > 0, "a random index below \(bound)")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// N(0, 1), by Box and Muller.
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// Fills `target` with N(0, deviation²).
  public mutating func fillNormal(_ target: MutableFloatPointer, count: Int, deviation: Float) {
    for i in 0..<count { target[i] = Float(normal()) * deviation }
  }

  /// Fisher and Yates, in place.
  public mutating func shuffle<Element>(_ values: inout [Element]) {
    // On the buffer: an array's own swap allocates where it is not specialised.
    values.withUnsafeMutableBufferPointer { values in
      for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, index(below: i + 1)) }
    }
  }
}
