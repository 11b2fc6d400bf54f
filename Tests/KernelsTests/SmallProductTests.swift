import Kernels
import Testing

@Suite("Small products")
struct SmallProductTests {
  /// Rows, columns and terms around the tiles' edges, and around the depth at which sums are cut.
  static let shapes: [(Int, Int, Int)] = [
    (1, 1, 1), (1, 16, 0), (2, 3, 4), (5, 7, 9), (6, 8, 31), (11, 17, 64), (12, 16, 65), (12, 32, 384), (13, 33, 385),
    (24, 48, 100), (25, 40, 12), (47, 95, 130), (64, 64, 32), (3, 15, 800),
  ]

  @Test(
    "are within 1e-6 of the sum of sizes of a naive loop's, whatever they start from", arguments: shapes,
    [Transpose.no, .yes])
  func matchesNaive(_ shape: (Int, Int, Int), transpose: Transpose) {
    let (m, n, k) = shape
    let (lda, ldb, ldc) = ((transpose == .no ? k : m) + 3, n + 5, n + 2)
    let a = normals((transpose == .no ? m : k) * lda + 1, seed: 81)
    let b = normals(k * ldb + 1, seed: 82)
    let before = normals(m * ldc, seed: 83)
    let row = normals(n, seed: 84)
    row.withUnsafeBufferPointer { rowBuffer in
      guard let rowBase = rowBuffer.baseAddress else { return }
      for start in [SmallProduct.Start.zero, .output, .row(rowBase)] {
        var c = before
        SmallProduct.multiply(m, n, k, a, transpose, lda: lda, b, ldb: ldb, start: start, &c, ldc: ldc)
        var worst = 0.0
        for i in 0..<m {
          for j in 0..<ldc {
            guard j < n else {
              #expect(c[i * ldc + j] == before[i * ldc + j])
              continue
            }
            var sum =
              switch start {
              case .zero: 0.0
              case .output: Double(before[i * ldc + j])
              case .row: Double(row[j])
              }
            var size = abs(sum)
            for p in 0..<k {
              let product = Double(a[transpose == .no ? i * lda + p : p * lda + i]) * Double(b[p * ldb + j])
              sum += product
              size += abs(product)
            }
            worst = max(worst, abs(Double(c[i * ldc + j]) - sum) / max(size, 1e-30))
          }
        }
        #expect(worst < 1e-6)
      }
    }
  }

  @Test("a row's result does not depend on how many others there are")
  func rowsAreIndependent() {
    let (m, n, k) = (29, 40, 70)
    let a = normals(m * k, seed: 85)
    let b = normals(k * n, seed: 86)
    var whole = [Float](repeating: 0, count: m * n)
    SmallProduct.multiply(m, n, k, a, lda: k, b, ldb: n, &whole, ldc: n)
    for i in 0..<m {
      var alone = [Float](repeating: 0, count: n)
      SmallProduct.multiply(1, n, k, Array(a[i * k..<(i + 1) * k]), lda: k, b, ldb: n, &alone, ldc: n)
      #expect(alone == Array(whole[i * n..<(i + 1) * n]))
    }
  }

  @Test("a NaN spoils its row and its column alone")
  func notANumber() {
    var a = normals(20 * 9, seed: 87)
    var b = normals(9 * 20, seed: 88)
    a[5 * 9 + 2] = .nan
    b[3 * 20 + 18] = .infinity
    var c = [Float](repeating: 0, count: 20 * 20)
    SmallProduct.multiply(20, 20, 9, a, lda: 9, b, ldb: 20, &c, ldc: 20)
    for i in 0..<20 {
      for j in 0..<20 { #expect(c[i * 20 + j].isFinite == (i != 5 && j != 18)) }
    }
  }

  @Test("a transpose is exact and padded with 0", arguments: awkwardSizes.filter { $0 < 500 }, [1, 12, 16, 37])
  func transpose(columns: Int, rows: Int) {
    let stride = columns + 3
    let x = normals(rows * stride, seed: 89)
    let padded = SmallProduct.padded(rows)
    var y = [Float](repeating: -7, count: columns * padded + 1)
    SmallProduct.transpose(x, ldx: stride, into: &y, rows: rows, columns: columns)
    for j in 0..<columns {
      for i in 0..<padded { #expect(y[j * padded + i] == (i < rows ? x[i * stride + j] : 0)) }
    }
    #expect(y.last == -7)
  }
}
