// Causal self-attention over packed sequences, with fewer heads of keys and values than of queries.

/// softmax(Q·Kᵀ/√d_h)·V for each head, each token attending to itself and those before it in its sequence. Heads of
/// queries share those of keys and values in runs (grouped queries).
///
/// Nothing is kept between forward and backward: backward computes the probabilities again, a block of queries at a time,
/// so that memory grows with a sequence's length and not with its square.
public struct CausalAttention: Sendable {
  public let heads: Int
  public let keyValueHeads: Int
  /// d_h.
  public let headSize: Int

  /// - Precondition: `keyValueHeads` divides `heads`.
  public init(heads: Int, keyValueHeads: Int, headSize: Int) {
    precondition(heads % keyValueHeads == 0, "\(heads) heads over \(keyValueHeads) of keys and values")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headSize = headSize
  }

  /// The packed sequences of a pass.
  public struct Layout {
    /// [sequences + 1], the batch's rows at which sequences begin. All pointers begin at the first's row.
    public var offsets: UnsafePointer<Int32>
    public var sequences: Int

    public init(offsets: UnsafePointer<Int32>, sequences: Int) {
      self.offsets = offsets
      self.sequences = sequences
    }

    func length(_ s: Int) -> Int { Int(offsets[s + 1] - offsets[s]) }
    func row(_ s: Int) -> Int { Int(offsets[s] - offsets[0]) }
  }

  private var scale: Float { 1 / Float(headSize).squareRoot() }
  /// Queries that are looked at together: whole tiles of the small product.
  private static let blockRows = 48

  /// Floats of scratch that forward and backward take for sequences of at most `length`.
  public func scratchFloats(length: Int) -> Int {
    SmallProduct.padded(length) * (2 * headSize + 3 * Self.blockRows) + 5 * SmallProduct.lanes
  }

  /// Of the products of forward (2) or backward (5) over the pairs of tokens that attend.
  public func flops(_ layout: Layout, products: Int) -> Int {
    (0..<layout.sequences).reduce(0) { $0 + products * heads * headSize * layout.length($1) * (layout.length($1) + 1) }
  }

  /// - Parameters:
  ///   - q: [rows, heads·d_h]; k and v [rows, keyValueHeads·d_h].
  ///   - out: [rows, heads·d_h].
  public func forward(
    q: HeadRows, k: HeadRows, v: HeadRows, into out: MutableFloatPointer, _ layout: Layout, dropout: Dropout,
    arena: Arena
  ) {
    let outStride = heads * headSize
    forEachHead(q, k, v, layout, arena) { head in
      forEachBlock(head, arena) { block in
        let p = probabilities(head, block, arena)
        SmallProduct.multiply(
          block.rows, headSize, block.end, kept(p, head, block, dropout, arena), lda: block.columns, head.v.base,
          ldb: head.v.stride, out + (head.row + block.start) * outStride + head.number * headSize, ldc: outStride)
      }
    }
  }

  /// Writes the gradients of Q, K and V, each laid out in its own way.
  /// - Parameter dout: [rows, heads·d_h].
  public func backward(
    _ dout: FloatPointer, q: HeadRows, k: HeadRows, v: HeadRows, dq: HeadRows, dk: HeadRows, dv: HeadRows,
    _ layout: Layout, dropout: Dropout, arena: Arena
  ) {
    let outStride = heads * headSize
    let group = heads / keyValueHeads
    forEachHead(q, k, v, layout, arena) { head in
      let column = head.number / group * headSize
      let dk = HeadRows(dk.from(row: head.row).base + column, stride: dk.stride)
      let dv = HeadRows(dv.from(row: head.row).base + column, stride: dv.stride)
      if head.number % group == 0 {
        for row in 0..<head.length {
          dk.from(row: row).base.update(repeating: 0, count: headSize)
          dv.from(row: row).base.update(repeating: 0, count: headSize)
        }
      }
      let values = arena.take(headSize * head.columns)
      SmallProduct.transpose(head.v.base, ldx: head.v.stride, into: values, rows: head.length, columns: headSize)
      forEachBlock(head, arena) { block in
        let (rows, end, columns) = (block.rows, block.end, block.columns)
        let dout = dout + (head.row + block.start) * outStride + head.number * headSize
        let queries = head.q.from(row: block.start)
        let p = probabilities(head, block, arena)
        // dV += P̃ᵀ·dO and dP̃ = dO·Vᵀ
        SmallProduct.multiply(
          end, headSize, rows, kept(p, head, block, dropout, arena), .yes, lda: columns, dout, ldb: outStride,
          start: .output, dv.base, ldc: dv.stride)
        let dp = arena.take(rows * columns)
        SmallProduct.multiply(
          rows, columns, headSize, dout, lda: outStride, values, ldb: head.columns, dp, ldc: columns)
        if dropout.probability > 0 {
          dropout.apply(dp, into: dp, firstRow: head.maskRow + block.start, rows: rows, columns: columns)
        }
        Softmax.backward(p, dp, scale: scale, rows: rows, columns: columns)
        // dQ = dS·K and dK += dSᵀ·Q
        SmallProduct.multiply(
          rows, headSize, end, dp, lda: columns, head.k.base, ldb: head.k.stride,
          dq.from(row: head.row + block.start).base + head.number * headSize, ldc: dq.stride)
        SmallProduct.multiply(
          end, headSize, rows, dp, .yes, lda: columns, queries.base, ldb: queries.stride, start: .output, dk.base,
          ldc: dk.stride)
      }
    }
  }

  /// One head of one sequence.
  private struct Head {
    var number: Int
    /// Its sequence's first row and length.
    var row, length: Int
    /// The length padded to whole vectors.
    var columns: Int
    /// Its own columns of the sequence's rows.
    var q, k, v: HeadRows
    /// Kᵀ, [d_h, columns].
    var keys: MutableFloatPointer
    /// A row number of its own for each query, for dropout.
    var maskRow: Int
  }

  /// Queries `start` and on of a head, which attend to the `end` first keys at most, padded to `columns`.
  private struct Block {
    var start, rows, end, columns: Int
  }

  @inline(__always)
  private func forEachHead(
    _ q: HeadRows, _ k: HeadRows, _ v: HeadRows, _ layout: Layout, _ arena: Arena, _ body: (Head) -> Void
  ) {
    let mark = arena.mark
    let group = heads / keyValueHeads
    for s in 0..<layout.sequences {
      let row = layout.row(s)
      let length = layout.length(s)
      for number in 0..<heads {
        let shared = number / group * headSize
        let columns = SmallProduct.padded(length)
        let head = Head(
          number: number, row: row, length: length, columns: columns,
          q: HeadRows(q.from(row: row).base + number * headSize, stride: q.stride),
          k: HeadRows(k.from(row: row).base + shared, stride: k.stride),
          v: HeadRows(v.from(row: row).base + shared, stride: v.stride), keys: arena.take(headSize * columns),
          maskRow: Int(layout.offsets[s]) * heads + number * length)
        SmallProduct.transpose(head.k.base, ldx: head.k.stride, into: head.keys, rows: length, columns: headSize)
        body(head)
        arena.release(to: mark)
      }
    }
  }

  @inline(__always)
  private func forEachBlock(_ head: Head, _ arena: Arena, _ body: (Block) -> Void) {
    let mark = arena.mark
    for start in stride(from: 0, to: head.length, by: Self.blockRows) {
      let end = min(start + Self.blockRows, head.length)
      body(Block(start: start, rows: end - start, end: end, columns: SmallProduct.padded(end)))
      arena.release(to: mark)
    }
  }

  /// The softmax of a block's rows, [rows, columns]: 0 for later tokens and padding.
  @inline(__always)
  private func probabilities(_ head: Head, _ block: Block, _ arena: Arena) -> MutableFloatPointer {
    let p = arena.take(block.rows * block.columns)
    let queries = head.q.from(row: block.start)
    SmallProduct.multiply(
      block.rows, block.columns, headSize, queries.base, lda: queries.stride, head.keys, ldb: head.columns, p,
      ldc: block.columns)
    for row in 0..<block.rows {
      let later = block.start + row + 1
      (p + row * block.columns + later).update(repeating: -.infinity, count: block.columns - later)
    }
    Softmax.forward(p, scale: scale, rows: block.rows, columns: block.columns)
    return p
  }

  /// P after dropout: P itself where nothing is dropped.
  @inline(__always)
  private func kept(
    _ p: MutableFloatPointer, _ head: Head, _ block: Block, _ dropout: Dropout, _ arena: Arena
  ) -> FloatPointer {
    guard dropout.probability > 0 else { return FloatPointer(p) }
    let kept = arena.take(block.rows * block.columns)
    dropout.apply(
      p, into: kept, firstRow: head.maskRow + block.start, rows: block.rows, columns: block.columns)
    return FloatPointer(kept)
  }
}
