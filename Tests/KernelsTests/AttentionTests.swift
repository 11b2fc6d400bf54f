import Glibc
import Kernels
import Testing

@Suite("Attention")
struct AttentionTests {
  private static let attention = Attention(heads: 2, headSize: 3)
  private static let width = 6
  /// Sequences of 4, 1 and 17 rows, numbered from row 5 of the batch.
  private static let offsets: [Int32] = [5, 9, 10, 27]
  private static let rows = 22

  /// Attention of every query, in double, without dropout.
  private static func naive(_ q: [Double], _ k: [Double], _ v: [Double]) -> [Double] {
    var out = [Double](repeating: 0, count: rows * width)
    for s in 0..<3 {
      let sequence = Int(offsets[s] - 5)..<Int(offsets[s + 1] - 5)
      for head in 0..<2 {
        for i in sequence {
          let weights = sequence.map { j in
            let (a, b) = (i * width + head * 3, j * width + head * 3)
            return exp((0..<3).reduce(0.0) { $0 + q[a + $1] * k[b + $1] } / 3.squareRoot())
          }
          let sum = weights.reduce(0, +)
          for c in 0..<3 {
            out[i * width + head * 3 + c] =
              zip(sequence, weights).reduce(0) { $0 + $1.1 * v[$1.0 * width + head * 3 + c] } / sum
          }
        }
      }
    }
    return out
  }

  /// The rows of first tokens.
  private static func firstTokens(_ x: [Float]) -> [Float] {
    offsets.dropLast().flatMap { offset in
      x[Int(offset - 5) * width..<Int(offset - 4) * width]
    }
  }

  private struct Result {
    var out, dq, dk, dv: [Float]
  }

  /// Forward, then backward from `dout`.
  private static func run(
    _ q: [Float], _ k: [Float], _ v: [Float], _ dout: [Float], _ queries: Attention.Queries, dropout: Float = 0
  ) -> Result {
    var result = Result(
      out: q.map { _ in .nan }, dq: q.map { _ in .nan }, dk: k.map { _ in .nan }, dv: k.map { _ in .nan })
    offsets.withUnsafeBufferPointer { offsets in
      guard let offsets = offsets.baseAddress else { return }
      let layout = Attention.Layout(offsets: offsets, sequences: 3, queries: queries)
      let count = attention.probabilityCount(layout)
      let arena = Arena(capacity: count + 16 + attention.scratchFloats(length: 17))
      let p = arena.take(count)
      let dropout = Dropout(probability: dropout, key: 3)
      attention.forward(q, k, v, probabilities: p, into: &result.out, layout, dropout: dropout, arena: arena)
      attention.backward(
        dout, q, k, v, probabilities: p, dq: &result.dq, dk: &result.dk, dv: &result.dv, layout, dropout: dropout,
        arena: arena)
    }
    return result
  }

  private static let q = normals(rows * width, seed: 91)
  private static let k = normals(rows * width, seed: 92)
  private static let v = normals(rows * width, seed: 93)
  private static let dout = normals(rows * width, seed: 94)

  @Test("is within 1e-6 of the definition, its gradients within 3e-6 of central differences")
  func matchesNaive() {
    let (q, k, v, dout) = (Self.q, Self.k, Self.v, Self.dout)
    let got = Self.run(q, k, v, dout, .all)
    let (dq, dk, dv) = (q.map(Double.init), k.map(Double.init), v.map(Double.init))
    #expect(largestError(got.out, Self.naive(dq, dk, dv)) < 1e-6)
    #expect(largestError(got.dq, centralDifferences(at: q) { dot(dout, Self.naive($0, dk, dv)) }) < 3e-6)
    #expect(largestError(got.dk, centralDifferences(at: k) { dot(dout, Self.naive(dq, $0, dv)) }) < 3e-6)
    #expect(largestError(got.dv, centralDifferences(at: v) { dot(dout, Self.naive(dq, dk, $0)) }) < 3e-6)
  }

  @Test("first tokens alone get what they get among all, with the same dropout", arguments: [0, 0.4] as [Float])
  func firstTokensAlone(dropout: Float) {
    var dout = [Float](repeating: 0, count: Self.rows * Self.width)
    for offset in Self.offsets.dropLast() {
      for c in 0..<Self.width {
        let i = Int(offset - 5) * Self.width + c
        dout[i] = Self.dout[i]
      }
    }
    let all = Self.run(Self.q, Self.k, Self.v, dout, .all, dropout: dropout)
    let first = Self.run(
      Self.firstTokens(Self.q), Self.k, Self.v, Self.firstTokens(dout), .first, dropout: dropout)
    #expect(first.out == Self.firstTokens(all.out))
    #expect(largestError(first.dq, Self.firstTokens(all.dq).map(Double.init)) < 1e-6)
    #expect(largestError(first.dk, all.dk.map(Double.init)) < 1e-6)
    #expect(largestError(first.dv, all.dv.map(Double.init)) < 1e-6)
  }
}
