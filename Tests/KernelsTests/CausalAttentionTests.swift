import Glibc
import Kernels
import Testing

@Suite("Causal attention")
struct CausalAttentionTests {
  /// Sequences of 4, 1 and 50 rows, the last longer than a block, numbered from row 5 of the batch.
  private static let offsets: [Int32] = [5, 9, 10, 60]
  private static let rows = 55

  /// Heads of 3, in rows of their own or side by side in one row as GPT-2 has them.
  struct Shape: Sendable {
    var heads, keyValueHeads: Int
    var isFused = false
    var attention: CausalAttention { CausalAttention(heads: heads, keyValueHeads: keyValueHeads, headSize: 3) }
  }
  private static let shapes = [
    Shape(heads: 2, keyValueHeads: 2), Shape(heads: 4, keyValueHeads: 2), Shape(heads: 3, keyValueHeads: 1),
    Shape(heads: 2, keyValueHeads: 2, isFused: true),
  ]

  /// In double; a mask weighs a pair of tokens of a head.
  private static func naive(
    _ q: [Double], _ k: [Double], _ v: [Double], _ shape: Shape, mask: (Int, Int, Int) -> Double = { _, _, _ in 1 }
  ) -> [Double] {
    let (width, shared) = (shape.heads * 3, shape.keyValueHeads * 3)
    var out = [Double](repeating: 0, count: rows * width)
    for s in 0..<3 {
      for head in 0..<shape.heads {
        let column = head / (shape.heads / shape.keyValueHeads) * 3
        for i in Int(offsets[s] - 5)..<Int(offsets[s + 1] - 5) {
          let before = Int(offsets[s] - 5)...i
          let weights = before.map { j in
            exp(
              (0..<3).reduce(0.0) { $0 + q[i * width + head * 3 + $1] * k[j * shared + column + $1] } / 3.squareRoot())
          }
          let sum = weights.reduce(0, +)
          for c in 0..<3 {
            out[i * width + head * 3 + c] = zip(before, weights).reduce(0) {
              $0 + $1.1 / sum * mask(head, i, $1.0) * v[$1.0 * shared + column + c]
            }
          }
        }
      }
    }
    return out
  }

  private struct Result {
    var out, dq, dk, dv: [Float]
  }

  private static func run(
    _ q: [Float], _ k: [Float], _ v: [Float], _ dout: [Float], _ shape: Shape, dropout: Float = 0
  ) -> Result {
    let (width, shared) = (shape.heads * 3, shape.keyValueHeads * 3)
    let stride = shape.isFused ? width + 2 * shared : 0
    let arena = Arena(capacity: shape.attention.scratchFloats(length: 50) + 16 * rows * (width + 2 * shared))
    /// q, k and v in memory as the shape has them.
    func place(_ q: [Float], _ k: [Float], _ v: [Float]) -> (HeadRows, HeadRows, HeadRows) {
      guard shape.isFused else {
        return (
          HeadRows(copy(q), stride: width), HeadRows(copy(k), stride: shared), HeadRows(copy(v), stride: shared)
        )
      }
      let base = arena.take(rows * stride)
      for row in 0..<rows {
        for c in 0..<width { base[row * stride + c] = q[row * width + c] }
        for c in 0..<shared {
          base[row * stride + width + c] = k[row * shared + c]
          base[row * stride + width + shared + c] = v[row * shared + c]
        }
      }
      return (
        HeadRows(base, stride: stride), HeadRows(base + width, stride: stride),
        HeadRows(base + width + shared, stride: stride)
      )
    }
    func copy(_ x: [Float]) -> MutableFloatPointer {
      let base = arena.take(x.count)
      for (i, value) in x.enumerated() { base[i] = value }
      return base
    }
    func values(_ x: HeadRows, _ columns: Int) -> [Float] {
      (0..<rows).flatMap { row in (0..<columns).map { x.base[row * x.stride + $0] } }
    }
    let nan = { (x: [Float]) in x.map { _ in Float.nan } }
    let (qRows, kRows, vRows) = place(q, k, v)
    let (dq, dk, dv) = place(nan(q), nan(k), nan(v))
    var out = nan(q)
    offsets.withUnsafeBufferPointer { offsets in
      guard let offsets = offsets.baseAddress else { return }
      let layout = CausalAttention.Layout(offsets: offsets, sequences: 3)
      let dropout = Dropout(probability: dropout, key: 3)
      shape.attention.forward(q: qRows, k: kRows, v: vRows, into: &out, layout, dropout: dropout, arena: arena)
      shape.attention.backward(
        dout, q: qRows, k: kRows, v: vRows, dq: dq, dk: dk, dv: dv, layout, dropout: dropout, arena: arena)
    }
    return Result(out: out, dq: values(dq, width), dk: values(dk, shared), dv: values(dv, shared))
  }

  @Test("is within 1e-6 of the definition, its gradients within 5e-6 of central differences", arguments: shapes)
  func matchesNaive(shape: Shape) {
    let (width, shared) = (shape.heads * 3, shape.keyValueHeads * 3)
    let q = normals(Self.rows * width, seed: 91)
    let k = normals(Self.rows * shared, seed: 92)
    let v = normals(Self.rows * shared, seed: 93)
    let dout = normals(Self.rows * width, seed: 94)
    let got = Self.run(q, k, v, dout, shape)
    let (dq, dk, dv) = (q.map(Double.init), k.map(Double.init), v.map(Double.init))
    #expect(largestError(got.out, Self.naive(dq, dk, dv, shape)) < 1e-6)
    #expect(largestError(got.dq, centralDifferences(at: q) { dot(dout, Self.naive($0, dk, dv, shape)) }) < 5e-6)
    #expect(largestError(got.dk, centralDifferences(at: k) { dot(dout, Self.naive(dq, $0, dv, shape)) }) < 5e-6)
    #expect(largestError(got.dv, centralDifferences(at: v) { dot(dout, Self.naive(dq, dk, $0, shape)) }) < 5e-6)
  }

  @Test("with dropout, the gradients are those of what forward computed")
  func dropout() {
    let shape = Shape(heads: 2, keyValueHeads: 1)
    let q = normals(Self.rows * 6, seed: 95)
    let k = normals(Self.rows * 3, seed: 96)
    let v = normals(Self.rows * 3, seed: 97)
    let dout = normals(Self.rows * 6, seed: 98)
    let got = Self.run(q, k, v, dout, shape, dropout: 0.3)
    // What is dropped shows where a single value of V stands out: read the mask off.
    var masks: [[Double]] = []
    for j in 0..<Self.rows {
      var one = [Float](repeating: 0, count: v.count)
      one[3 * j] = 1
      masks.append(Self.run(q, k, one, dout, shape, dropout: 0.3).out.map(Double.init))
    }
    let plain = (0..<Self.rows).map { j in
      var one = [Double](repeating: 0, count: v.count)
      one[3 * j] = 1
      return Self.naive(q.map(Double.init), k.map(Double.init), one, shape)
    }
    func mask(_ head: Int, _ i: Int, _ j: Int) -> Double {
      let place = i * 6 + head * 3
      return masks[j][place] == 0 ? 0 : (masks[j][place] / plain[j][place] > 1.2 ? 1 / 0.7 : .nan)
    }
    let (dq, dk, dv) = (q.map(Double.init), k.map(Double.init), v.map(Double.init))
    #expect(largestError(got.out, Self.naive(dq, dk, dv, shape, mask: mask)) < 1e-6)
    let kept = (0..<2).flatMap { head in (1..<48).map { mask(head, 54, 54 - $0) } }
    #expect(Set(kept) == [0, 1 / 0.7])
    #expect(
      largestError(got.dv, centralDifferences(at: v) { dot(dout, Self.naive(dq, dk, $0, shape, mask: mask)) }) < 5e-6)
    #expect(
      largestError(got.dk, centralDifferences(at: k) { dot(dout, Self.naive(dq, $0, dv, shape, mask: mask)) }) < 5e-6)
    #expect(
      largestError(got.dq, centralDifferences(at: q) { dot(dout, Self.naive($0, dk, dv, shape, mask: mask)) }) < 5e-6)
  }
}
