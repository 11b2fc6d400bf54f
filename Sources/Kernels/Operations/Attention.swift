// Multi-head self-attention over packed sequences: every sequence attends to itself alone, and no padding exists.

/// softmax(Q·Kᵀ/√d_h)·V for each head of each sequence. K and V are [rows, heads·d_h]; a sequence is a run of rows. Q and
/// the output are so too, or have one row a sequence where only its first token asks.
public struct Attention: Sendable {
  public let heads: Int
  /// d_h.
  public let headSize: Int
  /// What a score is multiplied by.
  private let scale: Float

  /// Which tokens of a sequence attend to it.
  public enum Queries: Sendable { case all, first }

  /// The sequences of a pass.
  public struct Layout {
    /// [sequences + 1], the batch's rows at which sequences begin. Q, K and V begin at the first's row.
    public var offsets: UnsafePointer<Int32>
    public var sequences: Int
    public var queries: Queries

    public init(offsets: UnsafePointer<Int32>, sequences: Int, queries: Queries = .all) {
      self.offsets = offsets
      self.sequences = sequences
      self.queries = queries
    }
  }

  /// - Parameter terms: how many products a score is the sum of; it is divided by √(d_h·terms).
  public init(heads: Int, headSize: Int, terms: Int = 1) {
    self.heads = heads
    self.headSize = headSize
    scale = 1 / Float(headSize * terms).squareRoot()
  }

  var width: Int { heads * headSize }

  /// Floats that `probabilities` needs: one for each head, query and key, keys padded to whole vectors.
  public func probabilityCount(_ layout: Layout) -> Int {
    var sum = 0
    for s in 0..<layout.sequences {
      let length = Int(layout.offsets[s + 1] - layout.offsets[s])
      sum += (layout.queries == .all ? length : 1) * SmallProduct.padded(length)
    }
    return heads * sum
  }

  /// Floats of scratch that forward and backward take for sequences of at most `length`.
  public func scratchFloats(length: Int) -> Int {
    SmallProduct.padded(length) * (2 * length + headSize + 1) + 4 * SmallProduct.lanes
  }

  /// - Parameters:
  ///   - probabilities: receives the softmax of each head of each sequence, before dropout.
  ///   - positions: what relative positions add to the scores, if anything.
  public func forward(
    _ q: FloatPointer, _ k: FloatPointer, _ v: FloatPointer, probabilities: MutableFloatPointer,
    into out: MutableFloatPointer, _ layout: Layout, positions: Positions? = nil, dropout: Dropout, arena: Arena
  ) {
    let whole = arena.mark
    let tables = positions.map { DistanceTables($0, width: width, transposed: true, arena) }
    let mark = arena.mark
    forEachHead(layout, probabilities) { head in
      let (queries, length, columns) = (head.queries, head.length, head.columns)
      let keys = arena.take(headSize * columns)
      SmallProduct.transpose(k + head.start, ldx: width, into: keys, rows: length, columns: headSize)
      // Padding scores −∞ and so weighs 0.
      let start: SmallProduct.Start
      if let tables {
        scorePositions(head, q, k, tables, arena)
        start = .output
      } else {
        let scores = arena.take(columns)
        for c in 0..<columns { scores[c] = c < length ? 0 : -.infinity }
        start = .row(scores)
      }
      SmallProduct.multiply(
        queries, columns, headSize, q + head.query, lda: width, keys, ldb: columns, start: start,
        head.probabilities, ldc: columns)
      Softmax.forward(head.probabilities, scale: scale, rows: queries, columns: columns)
      SmallProduct.multiply(
        queries, headSize, length, kept(head, dropout, arena), lda: columns, v + head.start, ldb: width,
        out + head.query, ldc: width)
      arena.release(to: mark)
    }
    arena.release(to: whole)
  }

  /// Writes the gradients of Q, K and V, and of the projected embeddings where there are any.
  public func backward(
    _ dout: FloatPointer, _ q: FloatPointer, _ k: FloatPointer, _ v: FloatPointer, probabilities: MutableFloatPointer,
    dq: MutableFloatPointer, dk: MutableFloatPointer, dv: MutableFloatPointer, _ layout: Layout,
    positions: Positions? = nil, into dpositions: PositionGradients? = nil, dropout: Dropout, arena: Arena
  ) {
    let whole = arena.mark
    let tables = positions.map { DistanceTables($0, width: width, transposed: false, arena) }
    let dtables = tables.map { $0.zeroGradients(arena) }
    let mark = arena.mark
    forEachHead(layout, probabilities) { head in
      let (queries, length, columns) = (head.queries, head.length, head.columns)
      // dV = P̃ᵀ·dO and dP̃ = dO·Vᵀ
      SmallProduct.multiply(
        length, headSize, queries, kept(head, dropout, arena), .yes, lda: columns, dout + head.query, ldb: width,
        dv + head.start, ldc: width)
      let values = arena.take(headSize * columns)
      SmallProduct.transpose(v + head.start, ldx: width, into: values, rows: length, columns: headSize)
      let dp = arena.take(queries * columns)
      SmallProduct.multiply(
        queries, columns, headSize, dout + head.query, lda: width, values, ldb: columns, dp, ldc: columns)
      if dropout.probability > 0 {
        dropout.apply(dp, into: dp, firstRow: head.maskRow, rows: queries, columns: columns)
      }
      Softmax.backward(head.probabilities, dp, scale: scale, rows: queries, columns: columns)
      // dQ = dS·K and dK = dSᵀ·Q
      SmallProduct.multiply(
        queries, headSize, length, dp, lda: columns, k + head.start, ldb: width, dq + head.query, ldc: width)
      SmallProduct.multiply(
        length, headSize, queries, dp, .yes, lda: columns, q + head.query, ldb: width, dk + head.start, ldc: width)
      if let tables, let dtables { backwardPositions(head, dp, q, k, tables, dq: dq, dk: dk, dtables, arena) }
      arena.release(to: mark)
    }
    if let tables, let dtables, let dpositions { tables.fold(dtables, into: dpositions) }
    arena.release(to: whole)
  }

  /// One head of one sequence.
  struct Head {
    /// Where its keys and its queries begin, in floats, and its place among the columns.
    var start, query, column: Int
    var length, queries: Int
    /// The length padded to whole vectors.
    var columns: Int
    /// [queries, columns].
    var probabilities: MutableFloatPointer
    /// A row number of its own for each query, for dropout.
    var maskRow: Int
  }

  @inline(__always)
  private func forEachHead(_ layout: Layout, _ probabilities: MutableFloatPointer, _ body: (Head) -> Void) {
    var p = probabilities
    for s in 0..<layout.sequences {
      let row = Int(layout.offsets[s] - layout.offsets[0])
      let length = Int(layout.offsets[s + 1] - layout.offsets[s])
      let columns = SmallProduct.padded(length)
      let isAll = layout.queries == .all
      let queries = isAll ? length : 1
      for head in 0..<heads {
        let start = head * headSize
        body(
          Head(
            start: row * width + start, query: (isAll ? row : s) * width + start, column: start,
            length: length, queries: queries, columns: columns, probabilities: p,
            maskRow: Int(layout.offsets[s]) * heads + head * length))
        p += queries * columns
      }
    }
  }

  /// P after dropout: P itself where nothing is dropped.
  @inline(__always)
  private func kept(_ head: Head, _ dropout: Dropout, _ arena: Arena) -> FloatPointer {
    guard dropout.probability > 0 else { return FloatPointer(head.probabilities) }
    let kept = arena.take(head.queries * head.columns)
    dropout.apply(
      head.probabilities, into: kept, firstRow: head.maskRow, rows: head.queries, columns: head.columns)
    return FloatPointer(kept)
  }
}
