import Kernels
import Testing

@Suite("Dropout")
struct DropoutTests {
  private func mask(_ dropout: Dropout, firstRow: Int = 0, rows: Int, columns: Int) -> [Bool] {
    var y = [Float](repeating: .nan, count: rows * columns)
    dropout.apply(
      [Float](repeating: 1, count: rows * columns), into: &y, firstRow: firstRow, rows: rows, columns: columns)
    return y.map { $0 != 0 }
  }

  /// Whether `hits` of `trials` lie within five standard deviations of the probability.
  private func agrees(_ hits: Int, of trials: Int, with probability: Double) -> Bool {
    let deviation = (Double(trials) * probability * (1 - probability)).squareRoot()
    return abs(Double(hits) - Double(trials) * probability) < 5 * deviation
  }

  @Test("the share kept is 1 − p, and neighbours are independent", arguments: [0.05, 0.1, 0.5, 0.9])
  func statistics(p: Float) {
    let (rows, columns) = (1000, 999)
    let keep = 1 - Double(p)
    for key in [0, 1, 2, Dropout.key(seed: 0, step: 5, site: 3), .max] {
      let kept = mask(Dropout(probability: p, key: key), rows: rows, columns: columns)
      #expect(agrees(kept.count { $0 }, of: kept.count, with: keep))
      for lag in [1, 2, 16, columns, columns + 1] {
        let pairs = zip(kept, kept.dropFirst(lag))
        #expect(agrees(pairs.reduce(0) { $0 + ($1.0 && $1.1 ? 1 : 0) }, of: kept.count - lag, with: keep * keep))
      }
      // Each row and each column keeps its share, and their counts spread as binomial ones do.
      for (count, length, stride, step) in [(rows, columns, columns, 1), (columns, rows, 1, columns)] {
        let variance = Double(length) * keep * (1 - keep)
        var chiSquare = 0.0
        for line in 0..<count {
          let hits = (0..<length).reduce(0) { $0 + (kept[line * stride + $1 * step] ? 1 : 0) }
          let difference = Double(hits) - Double(length) * keep
          chiSquare += difference * difference / variance
        }
        #expect(abs(chiSquare - Double(count)) < 5 * (2 * Double(count)).squareRoot())
      }
    }
  }

  @Test("masks of successive keys, steps and sites are independent")
  func keys() {
    let count = 200 * 500
    let keys =
      [7, 8, 9] + (0..<3).map { Dropout.key(seed: 1, step: $0, site: 0) }
      + (1..<3).map { Dropout.key(seed: 1, step: 0, site: $0) }
    let masks = keys.map { mask(Dropout(probability: 0.5, key: $0), rows: 200, columns: 500) }
    for i in masks.indices {
      for j in 0..<i {
        let equal = zip(masks[i], masks[j]).reduce(0) { $0 + ($1.0 == $1.1 ? 1 : 0) }
        #expect(agrees(equal, of: count, with: 0.5))
      }
    }
  }

  @Test("what is kept is divided by 1 − p, what is dropped is 0", arguments: awkwardSizes)
  func values(columns: Int) {
    let x = normals(9 * columns, seed: 41)
    let dropout = Dropout(probability: 0.3, key: 12)
    var y = x
    dropout.apply(x, into: &y, firstRow: 4, rows: 9, columns: columns)
    let kept = mask(dropout, firstRow: 4, rows: 9, columns: columns)
    let expected = x.indices.map { kept[$0] ? Double(x[$0]) / (1 - Double(Float(0.3))) : 0 }
    #expect(largestError(y, expected, relativeAbove: 1e-30) < 3e-7)
  }

  @Test("backward drops what forward dropped, in place as well", arguments: awkwardSizes)
  func backward(columns: Int) {
    let dropout = Dropout(probability: 0.5, key: 99)
    let dy = normals(33 * columns, seed: 42).map { $0 == 0 ? 1 : $0 }
    var dx = dy
    dx.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      dropout.apply(base, into: base, firstRow: 0, rows: 33, columns: columns)
    }
    #expect(dx.map { $0 != 0 } == mask(dropout, rows: 33, columns: columns))
    #expect(zip(dx, dy).allSatisfy { $0 == 0 || $0 == 2 * $1 })
  }

  @Test("the mask depends on the absolute row alone, however the rows are split", arguments: awkwardSizes)
  func splits(columns: Int) {
    let dropout = Dropout(probability: 0.4, key: 3)
    let whole = mask(dropout, firstRow: 100, rows: 24, columns: columns)
    for pieces in [[24], [1, 23], [7, 7, 10], Array(repeating: 1, count: 24)] {
      var row = 100
      var parts: [Bool] = []
      for rows in pieces {
        parts += mask(dropout, firstRow: row, rows: rows, columns: columns)
        row += rows
      }
      #expect(parts == whole)
    }
    // A column's fate does not depend on how many follow it either.
    let narrow = mask(dropout, firstRow: 100, rows: 1, columns: 1)
    #expect(narrow[0] == whole[0])
  }

  @Test("p = 0 copies exactly, also what is not finite")
  func zero() {
    let x: [Float] = [1, -0, .infinity, .leastNonzeroMagnitude, 0.1, .nan]
    var y = [Float](repeating: 5, count: 6)
    Dropout(probability: 0, key: 1).apply(x, into: &y, firstRow: 0, rows: 2, columns: 3)
    #expect(y.map(\.bitPattern) == x.map(\.bitPattern))
  }
}
