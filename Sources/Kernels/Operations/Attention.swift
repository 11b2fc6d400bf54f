// Multi-head self-attention over packed sequences: every sequence attends to itself alone, and no padding exists.

/// softmax(Q·Kᵀ/√d_h)·V for each head of each sequence. Q, K, V and the output are [rows, heads·d_h]; a sequence is a
/// run of rows.
public struct Attention: Sendable {
  public let heads: Int
  /// d_h.
  public let headSize: Int

  public init(heads: Int, headSize: Int) {
    self.heads = heads
    self.headSize = headSize
  }

  private var width: Int { heads * headSize }
  private var scale: Float { 1 / Float(headSize).squareRoot() }

  /// Floats that `probabilities` needs for sequences of these lengths: heads · Σ length².
  public func probabilityCount(_ offsets: UnsafePointer<Int32>, sequences: Int) -> Int {
    var sum = 0
    for s in 0..<sequences {
      let length = Int(offsets[s + 1] - offsets[s])
      sum += length * length
    }
    return heads * sum
  }

  /// - Parameters:
  ///   - offsets: [sequences + 1], the rows at which sequences begin; the first need not be 0: rows count from it.
  ///   - probabilities: receives the softmax of each head of each sequence, before dropout.
  ///   - firstRow: the row of the whole batch at which these rows begin; places the dropout mask.
  public func forward(
    _ q: FloatPointer, _ k: FloatPointer, _ v: FloatPointer, probabilities: MutableFloatPointer,
    into out: MutableFloatPointer, offsets: UnsafePointer<Int32>, sequences: Int, dropout: Dropout, firstRow: Int,
    arena: Arena
  ) {
    forEachHead(offsets, sequences, probabilities) { start, length, p in
      BLAS.multiply(
        length, length, headSize, q + start, .no, lda: width, k + start, .yes, ldb: width, p, ldc: length)
      Softmax.forward(p, scale: scale, rows: length, columns: length)
      let mark = arena.mark
      let kept = dropped(p, at: start, length, dropout, firstRow, arena)
      BLAS.multiply(
        length, headSize, length, kept, .no, lda: length, v + start, .no, ldb: width, out + start, ldc: width)
      arena.release(to: mark)
    }
  }

  /// Writes the gradients of Q, K and V.
  public func backward(
    _ dout: FloatPointer, _ q: FloatPointer, _ k: FloatPointer, _ v: FloatPointer, probabilities: MutableFloatPointer,
    dq: MutableFloatPointer, dk: MutableFloatPointer, dv: MutableFloatPointer, offsets: UnsafePointer<Int32>,
    sequences: Int, dropout: Dropout, firstRow: Int, arena: Arena
  ) {
    forEachHead(offsets, sequences, probabilities) { start, length, p in
      let mark = arena.mark
      let dp = arena.take(length * length)
      let kept = dropped(p, at: start, length, dropout, firstRow, arena)
      // dV = P̃ᵀ·dO and dP̃ = dO·Vᵀ
      BLAS.multiply(
        length, headSize, length, kept, .yes, lda: length, dout + start, .no, ldb: width, dv + start, ldc: width)
      BLAS.multiply(
        length, length, headSize, dout + start, .no, lda: width, v + start, .yes, ldb: width, dp, ldc: length)
      if dropout.probability > 0 {
        dropout.apply(
          dp, into: dp, firstRow: maskRow(start, length, firstRow), rows: length, columns: length)
      }
      Softmax.backward(p, dp, scale: scale, rows: length, columns: length)
      // dQ = dS·K and dK = dSᵀ·Q
      BLAS.multiply(length, headSize, length, dp, .no, lda: length, k + start, .no, ldb: width, dq + start, ldc: width)
      BLAS.multiply(length, headSize, length, dp, .yes, lda: length, q + start, .no, ldb: width, dk + start, ldc: width)
      arena.release(to: mark)
    }
  }

  /// Calls `body` with the float offset of a head's first element, the sequence's length and its probabilities.
  @inline(__always)
  private func forEachHead(
    _ offsets: UnsafePointer<Int32>, _ sequences: Int, _ probabilities: MutableFloatPointer,
    _ body: (_ start: Int, _ length: Int, _ p: MutableFloatPointer) -> Void
  ) {
    var p = probabilities
    for s in 0..<sequences {
      let row = Int(offsets[s] - offsets[0])
      let length = Int(offsets[s + 1] - offsets[s])
      for head in 0..<heads {
        body(row * width + head * headSize, length, p)
        p += length * length
      }
    }
  }

  /// P after dropout: P itself where nothing is dropped.
  @inline(__always)
  private func dropped(
    _ p: MutableFloatPointer, at start: Int, _ length: Int, _ dropout: Dropout, _ firstRow: Int, _ arena: Arena
  ) -> FloatPointer {
    guard dropout.probability > 0 else { return FloatPointer(p) }
    let kept = arena.take(length * length)
    dropout.apply(p, into: kept, firstRow: maskRow(start, length, firstRow), rows: length, columns: length)
    return FloatPointer(kept)
  }

  /// A row number of its own for each head of each query.
  private func maskRow(_ start: Int, _ length: Int, _ firstRow: Int) -> Int {
    let row = start / width
    let head = start % width / headSize
    return (firstRow + row) * heads + head * length
  }
}
