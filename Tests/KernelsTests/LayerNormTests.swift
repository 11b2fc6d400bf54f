import Kernels
import Testing

@Suite("Layer norm")
struct LayerNormTests {
  private struct Output {
    var normalized: [Float]
    var rstd: [Float]
    var out: [Float]
  }

  private func forward(
    _ x: [Float], _ residual: [Float]?, gain: [Float], bias: [Float], epsilon: Float = 1e-5, columns: Int
  ) -> Output {
    let rows = x.count / columns
    var o = Output(
      normalized: [Float](repeating: .nan, count: x.count), rstd: [Float](repeating: .nan, count: rows),
      out: [Float](repeating: .nan, count: x.count))
    LayerNorm.forward(
      x, residual: residual, gain: gain, bias: bias, epsilon: epsilon, normalized: &o.normalized, rstd: &o.rstd,
      into: &o.out, rows: rows, columns: columns)
    return o
  }

  /// x̂, 1/√(variance + ε) and γ·x̂ + β, in double.
  private func naive(
    _ x: [Double], gain: [Float], bias: [Float], epsilon: Float = 1e-5, columns: Int
  ) -> (normalized: [Double], rstd: [Double], out: [Double]) {
    var normalized: [Double] = []
    var rstd: [Double] = []
    for start in stride(from: 0, to: x.count, by: columns) {
      let row = x[start..<start + columns]
      let mean = row.reduce(0, +) / Double(columns)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
      let inverse = 1 / (variance + Double(epsilon)).squareRoot()
      rstd.append(inverse)
      normalized += row.map { ($0 - mean) * inverse }
    }
    let out = normalized.enumerated().map { i, h in Double(gain[i % columns]) * h + Double(bias[i % columns]) }
    return (normalized, rstd, out)
  }

  @Test("x̂ and out are within 2e-6, 1/σ within 1e-6 relative", arguments: awkwardSizes, [true, false])
  func forwardError(columns: Int, hasResidual: Bool) {
    let x = normals(5 * columns, seed: 21)
    let residual = hasResidual ? normals(5 * columns, seed: 22) : nil
    let gain = normals(columns, seed: 23)
    let bias = normals(columns, seed: 24)
    let got = forward(x, residual, gain: gain, bias: bias, columns: columns)
    let sum = x.indices.map { Double(x[$0] + (residual?[$0] ?? 0)) }
    let expected = naive(sum, gain: gain, bias: bias, columns: columns)
    #expect(largestError(got.normalized, expected.normalized, relativeAbove: 1) < 2e-6)
    #expect(largestError(got.out, expected.out, relativeAbove: 1) < 2e-6)
    #expect(largestError(got.rstd, expected.rstd, relativeAbove: 1e-30) < 1e-6)
  }

  @Test("a large mean does not drown the variance")
  func largeMean() {
    let x = normals(4 * 384, seed: 25).map { $0 + 1000 }
    let gain = [Float](repeating: 1, count: 384)
    let bias = [Float](repeating: 0, count: 384)
    let got = forward(x, nil, gain: gain, bias: bias, columns: 384)
    let expected = naive(x.map(Double.init), gain: gain, bias: bias, columns: 384)
    #expect(largestError(got.rstd, expected.rstd, relativeAbove: 1e-30) < 1e-5)
    #expect(largestError(got.normalized, expected.normalized) < 5e-4)
  }

  @Test("a constant row becomes the bias")
  func constantRow() {
    let bias = normals(17, seed: 26)
    let got = forward(
      [Float](repeating: 3, count: 17), nil, gain: normals(17, seed: 27), bias: bias, epsilon: 1e-12, columns: 17)
    #expect(largestError(got.out, bias.map(Double.init)) < 1e-6)
    #expect(largestError(got.rstd, [1e6], relativeAbove: 1) < 1e-5)
  }

  @Test("in place it gives the same, forward and backward", arguments: [17, 384])
  func inPlace(columns: Int) {
    let x = normals(3 * columns, seed: 28)
    let residual = normals(3 * columns, seed: 29)
    let gain = normals(columns, seed: 30)
    let bias = normals(columns, seed: 31)
    let apart = forward(x, residual, gain: gain, bias: bias, columns: columns)
    var shared = x
    var rstd: [Float] = [0, 0, 0]
    var out = x
    var gradient = residual
    shared.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      LayerNorm.forward(
        base, residual: residual, gain: gain, bias: bias, epsilon: 1e-5, normalized: base, rstd: &rstd, into: &out,
        rows: 3, columns: columns)
    }
    #expect(shared == apart.normalized)
    #expect(out == apart.out)
    #expect(rstd == apart.rstd)
    var dx = x
    LayerNorm.backward(residual, normalized: shared, rstd: rstd, gain: gain, into: &dx, rows: 3, columns: columns)
    gradient.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      LayerNorm.backward(base, normalized: shared, rstd: rstd, gain: gain, into: base, rows: 3, columns: columns)
    }
    #expect(gradient == dx)
  }

  @Test("backward is within 5e-6 of central differences", arguments: awkwardSizes)
  func backwardError(columns: Int) {
    let rows = columns > 100 ? 1 : 3
    let x = normals(rows * columns, seed: 32, deviation: 2)
    let gain = normals(columns, seed: 33)
    let bias = normals(columns, seed: 34)
    let weights = normals(rows * columns, seed: 35)
    // An ε that leaves a row of three no steep slope.
    let epsilon: Float = 0.1
    let expected = centralDifferences(at: x) { point in
      dot(weights, naive(point, gain: gain, bias: bias, epsilon: epsilon, columns: columns).out)
    }
    let kept = forward(x, nil, gain: gain, bias: bias, epsilon: epsilon, columns: columns)
    var dx = [Float](repeating: .nan, count: x.count)
    LayerNorm.backward(
      weights, normalized: kept.normalized, rstd: kept.rstd, gain: gain, into: &dx, rows: rows, columns: columns)
    #expect(largestError(dx, expected, relativeAbove: 1) < 5e-6)
  }
}
