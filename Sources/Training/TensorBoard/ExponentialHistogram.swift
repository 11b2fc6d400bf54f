// A histogram in the buckets that TensorBoard's own writers use.

/// Counts numbers in buckets that grow by a tenth away from 0, so that every size is told to 10 %.
struct ExponentialHistogram {
  private(set) var minimum = Double.infinity
  private(set) var maximum = -Double.infinity
  private(set) var count = 0
  private(set) var sum = 0.0
  private(set) var sumOfSquares = 0.0
  /// From the first that holds a number to the last, a run of empty ones joined into one. A bucket reaches from the
  /// limit before it, included, to its own, excluded.
  private(set) var buckets: [(limit: Double, count: Int)] = []

  /// O(n·log n). Numbers that are not finite have no bucket and are left out.
  init(_ values: some Sequence<Float>) {
    let sorted = values.filter(\.isFinite).map(Double.init).sorted()
    guard let first = sorted.first, let last = sorted.last else { return }
    minimum = first
    maximum = last
    count = sorted.count
    for value in sorted {
      sum += value
      sumOfSquares += value * value
    }
    var bucket = -1
    for value in sorted {
      let place = Self.place(of: value)
      if place == bucket {
        buckets[buckets.count - 1].count += 1
        continue
      }
      if bucket >= 0 && place > bucket + 1 { buckets.append((Self.limits[place - 1], 0)) }
      buckets.append((Self.limits[place], 1))
      bucket = place
    }
  }

  /// The number of the first limit above `value`.
  private static func place(of value: Double) -> Int {
    var low = 0
    var high = limits.count - 1
    while low < high {
      let middle = (low + high) / 2
      if limits[middle] > value { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// ±10⁻¹²·1.1ᵏ up to 10²⁰ as TensorFlow has them, with 0 and the largest numbers at the ends; and down to 10⁻⁴⁰ by
  /// the same ratio, since a product of two sensitivities is easily below 10⁻¹².
  static let limits: [Double] = {
    let above = Array(sequence(first: 1e-12) { $0 * 1.1 < 1e20 ? $0 * 1.1 : nil })
    let below = Array(sequence(first: 1e-12 / 1.1) { $0 / 1.1 > 1e-40 ? $0 / 1.1 : nil })
    let positive = below.reversed() + above + [Double.greatestFiniteMagnitude]
    return positive.reversed().map { -$0 } + [0] + positive
  }()
}
