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

  @Test("columns are scaled by their factor, in place as well", arguments: awkwardSizes, [1, 5])
  func scaleColumns(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 57)
    let factor = normals(columns, seed: 58)
    var out = [Float](repeating: -7, count: rows * columns + 1)
    Elementwise.scaleColumns(x, by: factor, scale: 2.7, into: &out, rows: rows, columns: columns)
    let expected = x.indices.map { Double(Float(2.7)) * Double(x[$0]) * Double(factor[$0 % columns]) }
    #expect(largestError(Array(out.dropLast()), expected, relativeAbove: 1e-30) < 2e-7)
    #expect(out.last == -7)
    var same = x
    same.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      Elementwise.scaleColumns(base, by: factor, scale: 2.7, into: base, rows: rows, columns: columns)
    }
    #expect(same == Array(out.dropLast()))
  }

  @Test(
    "column dots are added within 1e-6 of the sum of sizes, at a rank's widths too",
    arguments: awkwardSizes + [2, 6, 12, 31], [1, 2, 5, 200])
  func columnDots(columns: Int, rows: Int) {
    let x = normals(rows * columns, seed: 59)
    let y = normals(rows * columns, seed: 60)
    let start = normals(columns + 1, seed: 61)
    var out = start
    Elementwise.addColumnDots(&out, x, y, scale: 1.3, rows: rows, columns: columns)
    var worst = 0.0
    for c in 0..<columns {
      let products = (0..<rows).map { Double(x[$0 * columns + c]) * Double(y[$0 * columns + c]) * Double(Float(1.3)) }
      let error = abs(Double(out[c]) - products.reduce(Double(start[c]), +))
      worst = max(worst, error / (abs(Double(start[c])) + products.reduce(0) { $0 + abs($1) }))
    }
    #expect(worst < 1e-6)
    #expect(out[columns] == start[columns])
  }

  @Test("a NaN in one column stays in it")
  func notANumber() {
    var x = normals(5 * 3, seed: 62)
    x[4] = .nan
    var out: [Float] = [0, 0, 0]
    Elementwise.addColumnDots(&out, x, x, scale: 1, rows: 5, columns: 3)
    #expect(out.map(\.isNaN) == [false, true, false])
    out = [0, 0, 0]
    Elementwise.addColumnSums(&out, x, rows: 5, columns: 3)
    #expect(out.map(\.isNaN) == [false, true, false])
  }
}
