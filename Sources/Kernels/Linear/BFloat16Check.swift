// A self-check of products in bfloat16.

/// Compares packed products of awkward sizes with a naive loop over rounded operands, both ways of a weight.
public struct BFloat16Check: Sendable, Equatable {
  /// Relative to the sum of absolute products.
  public let largestError: Double
  /// Of a 1024×384×1536 product on one thread, the rounding of x included.
  public let gigaflops: Double
  /// oneDNN's.
  public let version: String

  public var isRight: Bool { largestError < 1e-5 }

  /// Nil where the CPU has no units for it.
  public static func run() -> BFloat16Check? {
    guard Precision.bfloat16.isSupported else { return nil }
    var random = RandomSource(seed: 8)
    let scratch = BFloat16Scratch()
    var worst = 0.0
    for (rows, k, n) in [(1, 1, 1), (3, 17, 5), (17, 384, 12), (79, 31, 65), (130, 257, 130)] {
      for isTransposed in [false, true] {
        worst = max(worst, error(rows, k, n, isTransposed, scratch, &random))
      }
    }
    return BFloat16Check(largestError: worst, gigaflops: speed(scratch, &random), version: PackedWeight.libraryVersion)
  }

  private static func normals(_ count: Int, _ random: inout RandomSource) -> Buffer {
    let buffer = Buffer(count: count)
    random.fillNormal(buffer.base, count: count, deviation: 1)
    return buffer
  }

  private static func error(
    _ rows: Int, _ k: Int, _ n: Int, _ isTransposed: Bool, _ scratch: BFloat16Scratch, _ random: inout RandomSource
  ) -> Double {
    let x = normals(rows * k, &random)
    let w = normals(k * n, &random)
    let y = normals(rows * n, &random)
    let before = y.values
    let weight = PackedWeight(w.base, inputSize: k, outputSize: n, isTransposed: isTransposed)
    weight.multiply(x.base, into: y.base, rows: rows, accumulate: isTransposed, scratch)
    var worst = 0.0
    for row in 0..<rows {
      for column in 0..<n {
        var sum = isTransposed ? Double(before[row * n + column]) : 0
        var size = abs(sum)
        for i in 0..<k {
          let product = rounded(x.base[row * k + i]) * rounded(w.base[isTransposed ? column * k + i : i * n + column])
          sum += product
          size += abs(product)
        }
        let difference = abs(Double(y.base[row * n + column]) - sum) / max(size, 1e-30)
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
    }
    return worst
  }

  /// To 8 significant bits, ties to even.
  private static func rounded(_ x: Float) -> Double {
    let unit = Double(x.ulp) * 65536
    return (Double(x) / unit).rounded(.toNearestOrEven) * unit
  }

  private static func speed(_ scratch: BFloat16Scratch, _ random: inout RandomSource) -> Double {
    let (rows, k, n) = (1024, 1536, 384)
    let x = normals(rows * k, &random)
    let w = normals(k * n, &random)
    let y = Buffer(count: rows * n)
    let weight = PackedWeight(w.base, inputSize: k, outputSize: n, isTransposed: false)
    var best = Duration.seconds(1000)
    for _ in 0..<8 {
      let start = ContinuousClock.now
      weight.multiply(x.base, into: y.base, rows: rows, accumulate: false, scratch)
      best = min(best, start.duration(to: .now))
    }
    let seconds = Double(best.components.seconds) + Double(best.components.attoseconds) * 1e-18
    return 2 * Double(rows * k * n) / seconds / 1e9
  }
}
