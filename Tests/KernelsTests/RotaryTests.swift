import Glibc
import Kernels
import Testing

@Suite("Rotary positions")
struct RotaryTests {
  private static let angles: [Double] = [1, 0.1, 0.01]

  private static func table(positions: Int) -> RotaryTable {
    let all = (0..<positions).flatMap { p in angles.map { Double(p) * $0 } }
    return RotaryTable(cosines: all.map { Float(cos($0)) }, sines: all.map { Float(sin($0)) }, half: 3)
  }

  @Test(
    "element i of each head turns with element i + 3, by the row's position in its sequence; turning back undoes it")
  func turns() {
    // Two sequences of 2 and 3 rows, numbered from 4; two heads of 6 within rows of 15.
    let offsets: [Int32] = [4, 6, 9]
    let x = normals(5 * 15, seed: 71)
    var turned = x
    offsets.withUnsafeBufferPointer { offsets in
      turned.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress, let offsets = offsets.baseAddress else { return }
        Self.table(positions: 3).rotate(HeadRows(base, stride: 15), heads: 2, offsets: offsets, sequences: 2)
      }
    }
    var expected = x.map(Double.init)
    for (row, position) in [0, 1, 0, 1, 2].enumerated() {
      for head in 0..<2 {
        for i in 0..<3 {
          let place = row * 15 + head * 6 + i
          let (a, b) = (Double(x[place]), Double(x[place + 3]))
          let angle = Double(position) * Self.angles[i]
          expected[place] = a * cos(angle) - b * sin(angle)
          expected[place + 3] = b * cos(angle) + a * sin(angle)
        }
      }
    }
    #expect(largestError(turned, expected) < 1e-6)
    offsets.withUnsafeBufferPointer { offsets in
      turned.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress, let offsets = offsets.baseAddress else { return }
        Self.table(positions: 3).rotate(
          HeadRows(base, stride: 15), heads: 2, offsets: offsets, sequences: 2, isInverse: true)
      }
    }
    #expect(largestError(turned, x.map(Double.init)) < 1e-6)
  }
}
