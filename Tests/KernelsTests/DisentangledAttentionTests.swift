import Glibc
import Kernels
import Testing

@Suite("Relative positions")
struct RelativePositionsTests {
  @Test("fall into the buckets of the reference")
  func buckets() {
    // Recorded from transformers' make_log_bucket_position.
    let small = RelativePositions(reach: 64, buckets: 8)
    #expect([0, 1, 3, 4, 5, 10, 11, 25, 26, 63, 64, 200].map { small.row($0) - 8 } == Self.smallBuckets)
    #expect([0, 1, 3, 4, 5, 10, 11, 25, 26, 63].map { 8 - small.row(-$0) } == Self.smallBuckets.dropLast(2))
    #expect(small.row(-200) == 0)
    let base = RelativePositions(reach: 512, buckets: 256)
    #expect([127, 128, 129, 130, 131, 200, 300, 400, 511].map { base.row($0) - 256 } == Self.baseBuckets)
    #expect(base.rows(length: 64) == 193..<320)
  }

  private static let smallBuckets = [0, 1, 3, 4, 5, 5, 6, 6, 7, 7, 7, 7]
  private static let baseBuckets = [127, 128, 129, 130, 131, 169, 207, 233, 255]

  @Test("without buckets every distance below the reach has a row, farther ones the last")
  func plain() {
    let positions = RelativePositions(reach: 5, buckets: 0)
    #expect((-7...7).map { positions.row($0) } == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9])
    #expect(positions.rows(length: 3) == 3..<8)
    #expect(positions.rows(length: 0).isEmpty)
  }
}

@Suite("Disentangled attention")
struct DisentangledAttentionTests {
  private static let heads = 2
  private static let headSize = 3
  private static let width = 6
  /// Sequences of 4, 1 and 19 rows, numbered from row 5 of the batch.
  private static let offsets: [Int32] = [5, 9, 10, 29]
  private static let rows = 24
  private static let longest = 19
  /// Buckets, some of several distances; a reach that the longest sequence exceeds.
  private static let tables = [RelativePositions(reach: 16, buckets: 6), RelativePositions(reach: 7, buckets: 0)]

  enum Terms: CaseIterable { case both, toPosition, toContent }

  private struct Input {
    var q, k, v, keys, queries: [Double]
  }

  /// By the definition, in double: out is [rows, width].
  private static func naive(_ x: Input, _ table: RelativePositions, _ terms: Terms) -> [Double] {
    let first = table.rows(length: longest).lowerBound
    let count = terms == .both ? 3.0 : 2
    var out = [Double](repeating: 0, count: rows * width)
    for s in 0..<3 {
      let sequence = Int(offsets[s] - 5)..<Int(offsets[s + 1] - 5)
      for head in 0..<heads {
        func dot(_ a: [Double], _ i: Int, _ b: [Double], _ j: Int) -> Double {
          (0..<headSize).reduce(0) { $0 + a[i * width + head * headSize + $1] * b[j * width + head * headSize + $1] }
        }
        for i in sequence {
          let weights = sequence.map { j in
            let row = table.row(i - j) - first
            var score = dot(x.q, i, x.k, j)
            if terms != .toContent { score += dot(x.q, i, x.keys, row) }
            if terms != .toPosition { score += dot(x.k, j, x.queries, row) }
            return exp(score / (3 * count).squareRoot())
          }
          let sum = weights.reduce(0, +)
          for c in 0..<headSize {
            out[i * width + head * headSize + c] =
              zip(sequence, weights).reduce(0) { $0 + $1.1 * x.v[$1.0 * width + head * headSize + c] } / sum
          }
        }
      }
    }
    return out
  }

  private struct Result {
    var out, dq, dk, dv, dkeys, dqueries: [Float]
  }

  /// Forward, then backward from `dout`.
  private static func run(
    _ q: [Float], _ k: [Float], _ v: [Float], _ keys: [Float], _ queries: [Float], _ dout: [Float],
    _ table: RelativePositions, _ terms: Terms, _ asking: Attention.Queries = .all, dropout: Float = 0
  ) -> Result {
    func nans(_ x: [Float]) -> [Float] { x.map { _ in .nan } }
    var result = Result(
      out: nans(q), dq: nans(q), dk: nans(k), dv: nans(v), dkeys: nans(keys), dqueries: nans(queries))
    let attention = Attention(heads: heads, headSize: headSize, terms: terms == .both ? 3 : 2)
    let hasKeys = terms != .toContent
    let hasQueries = terms != .toPosition
    offsets.withUnsafeBufferPointer { offsets in
      keys.withUnsafeBufferPointer { keys in
        queries.withUnsafeBufferPointer { queries in
          result.dkeys.withUnsafeMutableBufferPointer { dkeys in
            result.dqueries.withUnsafeMutableBufferPointer { dqueries in
              guard let offsets = offsets.baseAddress else { return }
              let layout = Attention.Layout(offsets: offsets, sequences: 3, queries: asking)
              let count = attention.probabilityCount(layout)
              let arena = Arena(
                capacity: count + 16 + attention.scratchFloats(length: longest)
                  + attention.positionScratchFloats(length: longest))
              let p = arena.take(count)
              let dropout = Dropout(probability: dropout, key: 3)
              let positions = Attention.Positions(
                relative: table, longest: longest, keys: hasKeys ? keys.baseAddress : nil,
                queries: hasQueries ? queries.baseAddress : nil)
              attention.forward(
                q, k, v, probabilities: p, into: &result.out, layout, positions: positions, dropout: dropout,
                arena: arena)
              attention.backward(
                dout, q, k, v, probabilities: p, dq: &result.dq, dk: &result.dk, dv: &result.dv, layout,
                positions: positions,
                into: Attention.PositionGradients(
                  keys: hasKeys ? dkeys.baseAddress : nil, queries: hasQueries ? dqueries.baseAddress : nil),
                dropout: dropout, arena: arena)
            }
          }
        }
      }
    }
    return result
  }

  private static let q = normals(rows * width, seed: 91)
  private static let k = normals(rows * width, seed: 92)
  private static let v = normals(rows * width, seed: 93)
  private static let dout = normals(rows * width, seed: 94)

  private static func projected(_ table: RelativePositions) -> (keys: [Float], queries: [Float]) {
    let count = table.rows(length: longest).count * width
    return (normals(count, seed: 95), normals(count, seed: 96))
  }

  @Test(
    "is within 2e-6 of the definition, its gradients within 1e-5 of central differences", arguments: tables,
    Terms.allCases)
  func matchesNaive(table: RelativePositions, terms: Terms) {
    let (keys, queries) = Self.projected(table)
    let got = Self.run(Self.q, Self.k, Self.v, keys, queries, Self.dout, table, terms)
    let input = Input(
      q: Self.q.map(Double.init), k: Self.k.map(Double.init), v: Self.v.map(Double.init), keys: keys.map(Double.init),
      queries: queries.map(Double.init))
    #expect(largestError(got.out, Self.naive(input, table, terms)) < 2e-6)
    func check(_ gradient: [Float], _ part: WritableKeyPath<Input, [Double]>) -> Double {
      let expected = centralDifferences(at: input[keyPath: part].map(Float.init)) { point in
        var moved = input
        moved[keyPath: part] = point
        return dot(Self.dout, Self.naive(moved, table, terms))
      }
      return largestError(gradient, expected)
    }
    #expect(check(got.dq, \.q) < 1e-5)
    #expect(check(got.dk, \.k) < 1e-5)
    #expect(check(got.dv, \.v) < 1e-5)
    if terms != .toContent { #expect(check(got.dkeys, \.keys) < 1e-5) }
    if terms != .toPosition { #expect(check(got.dqueries, \.queries) < 1e-5) }
  }

  @Test(
    "first tokens alone get what they get among all, with the same dropout", arguments: tables, [0, 0.4] as [Float])
  func firstTokensAlone(table: RelativePositions, dropout: Float) {
    func firstTokens(_ x: [Float]) -> [Float] {
      Self.offsets.dropLast().flatMap { x[Int($0 - 5) * Self.width..<Int($0 - 4) * Self.width] }
    }
    var dout = [Float](repeating: 0, count: Self.rows * Self.width)
    for offset in Self.offsets.dropLast() {
      for i in Int(offset - 5) * Self.width..<Int(offset - 4) * Self.width { dout[i] = Self.dout[i] }
    }
    let (keys, queries) = Self.projected(table)
    let all = Self.run(Self.q, Self.k, Self.v, keys, queries, dout, table, .both, dropout: dropout)
    let first = Self.run(
      firstTokens(Self.q), Self.k, Self.v, keys, queries, firstTokens(dout), table, .both, .first, dropout: dropout)
    #expect(largestError(first.out, firstTokens(all.out).map(Double.init)) < 1e-6)
    #expect(largestError(first.dq, firstTokens(all.dq).map(Double.init)) < 2e-6)
    #expect(largestError(first.dk, all.dk.map(Double.init)) < 2e-6)
    #expect(largestError(first.dv, all.dv.map(Double.init)) < 2e-6)
    #expect(largestError(first.dkeys, all.dkeys.map(Double.init)) < 2e-6)
    #expect(largestError(first.dqueries, all.dqueries.map(Double.init)) < 2e-6)
  }
}
