// A self-check of the installed BLAS: old builds have been wrong on new CPUs.

/// Compares matrix products of awkward sizes with a naive loop, in all four transpositions.
public struct BLASCheck: Sendable, Equatable {
  /// Relative to the sum of absolute products.
  public let largestError: Double
  /// of a 1024×384×1536 product, one thread.
  public let gigaflops: Double

  public var isRight: Bool { largestError < 1e-5 }

  public static func run() -> BLASCheck {
    BLAS.useOneThread()
    var random = RandomSource(seed: 7)
    var worst = 0.0
    for (m, n, k) in [(1, 1, 1), (3, 17, 5), (33, 12, 384), (48, 65, 31), (96, 130, 257)] {
      for ta in [Transpose.no, .yes] {
        for tb in [Transpose.no, .yes] { worst = max(worst, error(m, n, k, ta, tb, &random)) }
      }
    }
    return BLASCheck(largestError: worst, gigaflops: speed(&random))
  }

  private static func error(
    _ m: Int, _ n: Int, _ k: Int, _ ta: Transpose, _ tb: Transpose, _ random: inout RandomSource
  ) -> Double {
    let a = Buffer(count: m * k)
    let b = Buffer(count: k * n)
    let c = Buffer(count: m * n)
    random.fillNormal(a.base, count: m * k, deviation: 1)
    random.fillNormal(b.base, count: k * n, deviation: 1)
    BLAS.multiply(
      m, n, k, a.base, ta, lda: ta == .no ? k : m, b.base, tb, ldb: tb == .no ? n : k, c.base, ldc: n)
    var worst = 0.0
    for row in 0..<m {
      for column in 0..<n {
        var sum = 0.0
        var size = 0.0
        for i in 0..<k {
          let x = Double(ta == .no ? a.base[row * k + i] : a.base[i * m + row])
          let y = Double(tb == .no ? b.base[i * n + column] : b.base[column * k + i])
          sum += x * y
          size += abs(x * y)
        }
        let difference = abs(Double(c.base[row * n + column]) - sum) / max(size, 1e-30)
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
    }
    return worst
  }

  private static func speed(_ random: inout RandomSource) -> Double {
    let (m, n, k) = (1024, 384, 1536)
    let a = Buffer(count: m * k)
    let b = Buffer(count: k * n)
    let c = Buffer(count: m * n)
    random.fillNormal(a.base, count: m * k, deviation: 1)
    random.fillNormal(b.base, count: k * n, deviation: 1)
    var best = Duration.seconds(1000)
    for _ in 0..<8 {
      let start = ContinuousClock.now
      BLAS.multiply(m, n, k, a.base, .no, lda: k, b.base, .no, ldb: n, c.base, ldc: n)
      best = min(best, start.duration(to: .now))
    }
    let seconds = Double(best.components.seconds) + Double(best.components.attoseconds) * 1e-18
    return 2 * Double(m * n * k) / seconds / 1e9
  }
}
