import Kernels
import Testing

@Suite("Matrix products")
struct BLASTests {
  /// α·op(A)·op(B) + β·C by three loops in double, and the sum of the terms' sizes.
  private func naive(
    _ m: Int, _ n: Int, _ k: Int, alpha: Float, _ a: [Float], _ ta: Transpose, _ lda: Int, _ b: [Float],
    _ tb: Transpose, _ ldb: Int, beta: Float, _ c: [Float], _ ldc: Int
  ) -> (values: [Double], sizes: [Double]) {
    var values = c.map(Double.init)
    var sizes = [Double](repeating: 0, count: c.count)
    for row in 0..<m {
      for column in 0..<n {
        let place = row * ldc + column
        var sum = beta == 0 ? 0 : Double(beta) * Double(c[place])
        var size = abs(sum)
        for i in 0..<k {
          let x = ta == .no ? a[row * lda + i] : a[i * lda + row]
          let y = tb == .no ? b[i * ldb + column] : b[column * ldb + i]
          let product = Double(alpha) * Double(x) * Double(y)
          sum += product
          size += abs(product)
        }
        values[place] = sum
        sizes[place] = size
      }
    }
    return (values, sizes)
  }

  @Test(
    "all transpositions, scales and strides are within 1e-6 of the terms' sizes",
    arguments: [(1, 1, 1), (3, 15, 16), (17, 12, 384), (33, 16, 3), (5, 1, 1000), (64, 70, 31)], [0, 3])
  func products(shape: (Int, Int, Int), padding: Int) {
    let (m, n, k) = shape
    for ta in [Transpose.no, .yes] {
      for tb in [Transpose.no, .yes] {
        let lda = (ta == .no ? k : m) + padding
        let ldb = (tb == .no ? n : k) + padding
        let ldc = n + padding
        let a = normals((ta == .no ? m : k) * lda, seed: 101)
        let b = normals((tb == .no ? k : n) * ldb, seed: 102)
        let start = normals(m * ldc, seed: 103)
        for (alpha, beta) in [(Float(1), Float(0)), (1, 1), (-0.7, 0.4)] {
          var c = start
          BLAS.multiply(
            m, n, k, alpha: alpha, a, ta, lda: lda, b, tb, ldb: ldb, beta: beta, &c, ldc: ldc)
          let (values, sizes) = naive(m, n, k, alpha: alpha, a, ta, lda, b, tb, ldb, beta: beta, start, ldc)
          // Places of size 0 lie between the rows: untouched.
          let isRight = c.indices.allSatisfy { abs(Double(c[$0]) - values[$0]) <= 1e-6 * sizes[$0] }
          #expect(isRight, "\(m)×\(n)×\(k), \(ta), \(tb), α \(alpha), β \(beta)")
        }
      }
    }
  }

  @Test("β = 0 overwrites what was there, even NaN; empty products are allowed")
  func overwrites() {
    var c: [Float] = [.nan, .nan]
    BLAS.multiply(1, 2, 1, [3], .no, lda: 1, [4, 5], .no, ldb: 2, &c, ldc: 2)
    #expect(c == [12, 15])
    BLAS.multiply(0, 2, 1, [3], .no, lda: 1, [4, 5], .no, ldb: 2, &c, ldc: 2)
    BLAS.multiply(1, 0, 1, [3], .no, lda: 1, [4, 5], .no, ldb: 2, &c, ldc: 2)
    #expect(c == [12, 15])
  }

  @Test("the self-check finds the installed BLAS right")
  func selfCheck() {
    let check = BLASCheck.run()
    #expect(check.isRight)
    #expect(check.gigaflops > 0)
  }
}
