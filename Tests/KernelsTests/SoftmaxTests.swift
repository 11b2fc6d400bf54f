import Glibc
import Kernels
import Testing

@Suite("Softmax")
struct SoftmaxTests {
  /// softmax(scale·x) of each row, in double.
  private func naive(_ x: [Double], scale: Double, columns: Int) -> [Double] {
    stride(from: 0, to: x.count, by: columns).flatMap { start in
      let row = x[start..<start + columns].map { scale * $0 }
      let largest = row.max() ?? 0
      let powers = row.map { exp($0 - largest) }
      let sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    }
  }

  private func forward(_ x: [Float], scale: Float = 1, columns: Int) -> [Float] {
    var y = x
    Softmax.forward(&y, scale: scale, rows: x.count / columns, columns: columns)
    return y
  }

  @Test("rows of any length are within 2e-6 of the definition, relatively", arguments: awkwardSizes, [1, 5, 300])
  func forwardError(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 11, deviation: 6)
    let expected = naive(x.map(Double.init), scale: Double(Float(0.177)), columns: columns)
    #expect(largestError(forward(x, scale: 0.177, columns: columns), expected, relativeAbove: 1e-30) < 2e-6)
  }

  @Test("the exponential is within 4e-7 relative down to the smallest normal float")
  func exponential() {
    // One row of [0, t] for each t: the second probability over the first is e^t.
    let exponents = stride(from: Float(-87.3), through: 0, by: 0.001).map { $0 }
    let y = forward(exponents.flatMap { [0, $0] }, columns: 2)
    var worst = 0.0
    for (i, t) in exponents.enumerated() {
      let power = exp(Double(t))
      worst = max(worst, abs(Double(y[2 * i + 1]) * (1 + power) / power - 1))
    }
    #expect(worst < 4e-7)
  }

  @Test("huge scores neither overflow nor vanish; minus infinity is masked out; NaN spoils its own row alone")
  func extremes() {
    let inf = Float.infinity
    let x: [Float] = [3e38, 1e38, -3e38, -inf, -1, -inf, .nan, 0, 0, 0, 0, 0, -1000, -1001, -2000, -3e38, -3e38, -3e38]
    let y = forward(x, columns: 3)
    #expect(y[0..<3] == [1, 0, 0])
    #expect(y[3..<6] == [0, 1, 0])
    #expect(y[6..<9].allSatisfy { $0.isNaN })
    #expect(largestError(Array(y[9..<12]), [1.0 / 3, 1.0 / 3, 1.0 / 3]) < 1e-7)
    #expect(largestError(Array(y[12..<15]), [1 / (1 + exp(-1)), exp(-1) / (1 + exp(-1)), 0]) < 1e-6)
    #expect(largestError(Array(y[15..<18]), [1.0 / 3, 1.0 / 3, 1.0 / 3]) < 1e-7)
    for sign in [Float(1), -1] {
      #expect(forward([0, 1, sign * .nan, 2], columns: 4).allSatisfy { $0.isNaN })
    }
    #expect(forward([-5], columns: 1) == [1])
  }

  @Test("a row's result does not depend on its neighbours")
  func rowsAreIndependent() {
    for columns in [1, 17, 384, 1000] {
      let x = normals(7 * columns, seed: 12, deviation: 3)
      let whole = forward(x, columns: columns)
      for row in 0..<7 {
        let part = row * columns..<(row + 1) * columns
        let alone = forward(Array(x[part]), columns: columns)
        #expect(largestError(alone, whole[part].map(Double.init), relativeAbove: 1e-30) < 2e-7)
      }
    }
  }

  @Test("backward is within 1e-6 of central differences", arguments: awkwardSizes)
  func backwardError(columns: Int) {
    let rows = columns > 100 ? 1 : 3
    let scale: Float = 0.6
    let x = normals(rows * columns, seed: 13, deviation: 2)
    let weights = normals(rows * columns, seed: 14)
    let expected = centralDifferences(at: x) { point in
      dot(weights, naive(point, scale: Double(scale), columns: columns))
    }
    var gradient = weights
    Softmax.backward(
      forward(x, scale: scale, columns: columns), &gradient, scale: scale, rows: rows, columns: columns)
    #expect(largestError(gradient, expected) < 1e-6)
  }

  @Test("the exponentials of a row and their sum are within 2e-6, over many blocks", arguments: [1, 17, 2048, 50_000])
  func exponentials(count: Int) {
    let x = normals(count, seed: 19, deviation: 4)
    var row = x
    let (largest, sum) = Softmax.exponentials(&row, count: count)
    let top = Double(x.max() ?? 0)
    let expected = x.map { exp(Double($0) - top) }
    #expect(Double(largest) == top)
    #expect(abs(sum / expected.reduce(0, +) - 1) < 2e-6)
    #expect(largestError(row, expected) < 1e-6)
  }

  @Test("a NaN in a row makes its sum NaN")
  func exponentialsOfNaN() {
    var row: [Float] = [1, .nan, 3]
    #expect(Softmax.exponentials(&row, count: 3).sum.isNaN)
  }
}
