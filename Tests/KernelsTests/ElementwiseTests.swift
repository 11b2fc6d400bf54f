import Kernels
import Testing

@Suite("Sums, scalings, copies")
struct ElementwiseTests {
  @Test("add and scale are exact, and write nothing past the count", arguments: awkwardSizes)
  func addAndScale(count: Int) {
    let x = normals(count, seed: 51)
    let y = normals(count + 1, seed: 52)
    var sum = y
    Elementwise.add(&sum, x, count: count)
    #expect(sum == y.indices.map { $0 < count ? y[$0] + x[$0] : y[$0] })
    var scaled = y
    Elementwise.scale(&scaled, by: -0.3, count: count)
    #expect(scaled == y.indices.map { $0 < count ? y[$0] * -0.3 : y[$0] })
  }

  @Test("the sum of squares is within 1e-14 relative, and the same twice", arguments: awkwardSizes)
  func sumOfSquares(count: Int) {
    let x = normals(count, seed: 53, deviation: 1e3)
    let expected = x.reduce(0.0) { $0 + Double($1) * Double($1) }
    let got = Elementwise.sumOfSquares(x, count: count)
    #expect(abs(got - expected) <= 1e-14 * expected)
    #expect(Elementwise.sumOfSquares(x, count: count) == got)
    // In float the first would overflow.
    #expect(Elementwise.sumOfSquares([1e30, 1], count: 2) > 9e59)
    #expect(Elementwise.sumOfSquares([], count: 0) == 0)
  }

  @Test("every row becomes the given one", arguments: awkwardSizes, [1, 4])
  func fillRows(columns: Int, rows: Int) {
    let row = normals(columns, seed: 54)
    var y = [Float](repeating: -7, count: rows * columns + 1)
    Elementwise.fillRows(&y, with: row, rows: rows, columns: columns)
    #expect(y == (0..<rows).flatMap { _ in row } + [-7])
  }

  @Test("column sums are added within 1e-6 of the sum of sizes", arguments: awkwardSizes, [1, 5, 200])
  func columnSums(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 55)
    let start = normals(columns + 1, seed: 56)
    var out = start
    Elementwise.addColumnSums(&out, x, rows: rows, columns: columns)
    let expected = start.indices.map { c in
      (0..<rows).reduce(Double(start[c])) { $0 + (c < columns ? Double(x[$1 * columns + c]) : 0) }
    }
    #expect(largestError(out, expected) < 1e-6 * Double(rows).squareRoot() * 3)
    #expect(out[columns] == start[columns])
  }

  @Test("rows are scaled by their factor, in place as well, or by the scale alone", arguments: awkwardSizes, [1, 5])
  func scaleRows(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 57)
    let factor = normals(rows, seed: 58)
    var out = [Float](repeating: -7, count: rows * columns + 1)
    Elementwise.scaleRows(x, by: factor, scale: 2.7, into: &out, rows: rows, columns: columns)
    let expected = x.indices.map { Double(Float(2.7)) * Double(x[$0]) * Double(factor[$0 / columns]) }
    #expect(largestError(Array(out.dropLast()), expected, relativeAbove: 1e-30) < 2e-7)
    #expect(out.last == -7)
    var same = x
    same.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      Elementwise.scaleRows(base, by: factor, scale: 2.7, into: base, rows: rows, columns: columns)
    }
    #expect(same == Array(out.dropLast()))
    Elementwise.scaleRows(x, by: nil, scale: 2.7, into: &out, rows: rows, columns: columns)
    #expect(out == x.map { 2.7 * $0 } + [-7])
  }

  @Test("scaled rows are added within 2e-7 of the sum of sizes", arguments: awkwardSizes, [1, 5])
  func addScaledRows(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 59)
    let start = normals(rows * columns + 1, seed: 60)
    let factor = normals(rows, seed: 61)
    for factors in [factor, nil] {
      var out = start
      Elementwise.addScaledRows(&out, x, by: factors, scale: 1.3, rows: rows, columns: columns)
      let worst = x.indices.map { i -> Double in
        let term = Double(Float(1.3)) * Double(factors?[i / columns] ?? 1) * Double(x[i])
        return abs(Double(out[i]) - Double(start[i]) - term) / (abs(Double(start[i])) + abs(term))
      }.max()
      #expect(worst ?? 1 < 2e-7)
      #expect(out.last == start.last)
    }
  }

  @Test("row dots are added within 1e-6 of the sum of sizes", arguments: awkwardSizes, [1, 2, 12])
  func rowDots(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 62)
    let y = normals(rows * columns, seed: 63)
    let start = normals(rows + 1, seed: 64)
    var out = start
    Elementwise.addRowDots(&out, x, y, scale: 1.3, rows: rows, columns: columns)
    for r in 0..<rows {
      let products = (r * columns..<(r + 1) * columns).map { Double(x[$0]) * Double(y[$0]) * Double(Float(1.3)) }
      let size = products.reduce(abs(Double(start[r]))) { $0 + abs($1) }
      #expect(abs(Double(out[r]) - products.reduce(Double(start[r]), +)) < 1e-6 * size)
    }
    #expect(out[rows] == start[rows])
  }

  @Test("a NaN in one column stays in it")
  func notANumber() {
    var x = normals(5 * 3, seed: 65)
    x[4] = .nan
    var out: [Float] = [0, 0, 0]
    Elementwise.addColumnSums(&out, x, rows: 5, columns: 3)
    #expect(out.map(\.isNaN) == [false, true, false])
  }
}
