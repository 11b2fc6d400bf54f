import Kernels
import Testing

@Suite("Root-mean-square norm")
struct RMSNormTests {
  private func forward(
    _ x: [Float], gain: [Float], epsilon: Float, columns: Int
  ) -> (out: [Float], rstd: [Float]) {
    let rows = x.count / columns
    var out = [Float](repeating: .nan, count: x.count)
    var rstd = [Float](repeating: .nan, count: rows)
    RMSNorm.forward(x, gain: gain, epsilon: epsilon, rstd: &rstd, into: &out, rows: rows, columns: columns)
    return (out, rstd)
  }

  /// γ·x/√(mean x² + ε), in double.
  private func naive(_ x: [Double], gain: [Float], epsilon: Float, columns: Int) -> [Double] {
    stride(from: 0, to: x.count, by: columns).flatMap { start in
      let row = x[start..<start + columns]
      let inverse = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(columns) + Double(epsilon)).squareRoot()
      return zip(row, gain).map { $0 * inverse * Double($1) }
    }
  }

  @Test("forward is within 2e-6 of the definition", arguments: awkwardSizes)
  func forwardError(columns: Int) {
    let x = normals(5 * columns, seed: 41)
    let gain = normals(columns, seed: 42)
    let got = forward(x, gain: gain, epsilon: 1e-6, columns: columns)
    #expect(
      largestError(got.out, naive(x.map(Double.init), gain: gain, epsilon: 1e-6, columns: columns), relativeAbove: 1)
        < 2e-6)
  }

  @Test("backward is within 5e-6 of central differences, also in place", arguments: awkwardSizes)
  func backwardError(columns: Int) {
    let rows = columns > 100 ? 1 : 3
    let x = normals(rows * columns, seed: 43, deviation: 2)
    let gain = normals(columns, seed: 44)
    let weights = normals(rows * columns, seed: 45)
    let epsilon: Float = 0.1
    let expected = centralDifferences(at: x) {
      dot(weights, naive($0, gain: gain, epsilon: epsilon, columns: columns))
    }
    let rstd = forward(x, gain: gain, epsilon: epsilon, columns: columns).rstd
    var dx = [Float](repeating: .nan, count: x.count)
    RMSNorm.backward(weights, input: x, rstd: rstd, gain: gain, into: &dx, rows: rows, columns: columns)
    #expect(largestError(dx, expected, relativeAbove: 1) < 5e-6)
    var shared = weights
    shared.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      RMSNorm.backward(base, input: x, rstd: rstd, gain: gain, into: base, rows: rows, columns: columns)
    }
    #expect(shared == dx)
  }
}
