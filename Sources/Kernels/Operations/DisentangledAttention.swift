// What DeBERTa adds to a score beside query·key: the query by the position of the key, the key by that of the query.

/// score(i, j) = Qᵢ·Kⱼ + Qᵢ·PKᵣ + Kⱼ·PQᵣ, with r the row of the distance i − j in a table of projected embeddings.
///
/// Both sums are products with a table that has a row for each distance, in the order in which a query (or key) meets
/// them. Of such a product C, row i wants the run that begins i places before that of row 0: read with rows one shorter
/// than they are, C is the matrix of scores, and nothing is gathered one by one.
extension Attention {
  /// The relative embeddings as one pass projects them.
  public struct Positions {
    public var relative: RelativePositions
    /// Tokens of the longest sequence.
    public var longest: Int
    /// PK of the rows that such sequences use, [rows, heads·d_h]; nil where queries do not look at positions.
    public var keys: FloatPointer?
    /// PQ likewise; nil where keys do not.
    public var queries: FloatPointer?

    public init(relative: RelativePositions, longest: Int, keys: FloatPointer?, queries: FloatPointer?) {
      self.relative = relative
      self.longest = longest
      self.keys = keys
      self.queries = queries
    }
  }

  /// Where the gradients of a pass's projected embeddings go.
  public struct PositionGradients {
    public var keys, queries: MutableFloatPointer?

    public init(keys: MutableFloatPointer?, queries: MutableFloatPointer?) {
      self.keys = keys
      self.queries = queries
    }
  }

  /// Floats of scratch for positions, on top of `scratchFloats`, for sequences of at most `length`.
  public func positionScratchFloats(length: Int) -> Int {
    let table = SmallProduct.padded(2 * length) * width
    let band = length * Band.stride(length: length, queries: length)
    return 4 * table + band + length * SmallProduct.padded(length) + 8 * SmallProduct.lanes
  }

  /// The shape of one head's product with a table of distances.
  struct Band {
    let length, queries: Int
    /// Floats of a row.
    var stride: Int { Self.stride(length: length, queries: queries) }
    /// Distances of a sequence.
    var columns: Int { length + queries - 1 }

    static func stride(length: Int, queries: Int) -> Int { length + SmallProduct.padded(queries) }

    /// Lays the rows of x [rows, columns] into y [rows, stride], zero elsewhere, each a place before that of the row
    /// above.
    func fill(_ y: MutableFloatPointer, with x: FloatPointer, ldx: Int, rows: Int, columns: Int) {
      y.update(repeating: 0, count: rows * stride)
      for row in 0..<rows { (y + rows - 1 + row * (stride - 1)).update(from: x + row * ldx, count: columns) }
    }
  }

  /// A pass's tables by distance, one row each.
  struct DistanceTables {
    let positions: Positions
    let width: Int
    /// PK of falling distances and PQ of rising ones, [2·longest − 1, width], or transposed, [width, padded].
    private(set) var keys, queries: MutableFloatPointer?

    var distances: Int { 2 * positions.longest - 1 }
    var padded: Int { SmallProduct.padded(distances) }

    init(_ positions: Positions, width: Int, transposed: Bool, _ arena: Arena) {
      self.positions = positions
      self.width = width
      keys = positions.keys.map { spread($0, isFalling: true, transposed: transposed, arena) }
      queries = positions.queries.map { spread($0, isFalling: false, transposed: transposed, arena) }
    }

    /// A row of projected embeddings for each distance.
    private func spread(
      _ rows: FloatPointer, isFalling: Bool, transposed: Bool, _ arena: Arena
    ) -> MutableFloatPointer {
      let first = positions.relative.rows(length: positions.longest).lowerBound
      let table = arena.take(padded * width)
      let mark = arena.mark
      let target = transposed ? arena.take(distances * width) : table
      for i in 0..<distances {
        let row = positions.relative.row(distance(i, isFalling: isFalling)) - first
        (target + i * width).update(from: rows + row * width, count: width)
      }
      if transposed { SmallProduct.transpose(target, ldx: width, into: table, rows: distances, columns: width) }
      arena.release(to: mark)
      return table
    }

    /// The first distance of a sequence in the tables.
    func start(_ band: Band) -> (keys: Int, queries: Int) {
      (positions.longest - band.queries, positions.longest - band.length)
    }

    /// Gradients of the tables, all 0.
    func zeroGradients(_ arena: Arena) -> PositionGradients {
      func zeros(_ table: MutableFloatPointer?) -> MutableFloatPointer? {
        guard table != nil else { return nil }
        let zeros = arena.take(distances * width)
        zeros.update(repeating: 0, count: distances * width)
        return zeros
      }
      return PositionGradients(keys: zeros(keys), queries: zeros(queries))
    }

    /// The gradients of the projected embeddings: each row's distances summed up.
    func fold(_ gradients: PositionGradients, into projected: PositionGradients) {
      let used = positions.relative.rows(length: positions.longest)
      func fold(_ gradient: FloatPointer, into rows: MutableFloatPointer, isFalling: Bool) {
        rows.update(repeating: 0, count: used.count * width)
        for i in 0..<distances {
          let row = positions.relative.row(distance(i, isFalling: isFalling)) - used.lowerBound
          Elementwise.add(rows + row * width, gradient + i * width, count: width)
        }
      }
      if let gradient = gradients.keys, let rows = projected.keys { fold(gradient, into: rows, isFalling: true) }
      if let gradient = gradients.queries, let rows = projected.queries { fold(gradient, into: rows, isFalling: false) }
    }

    private func distance(_ i: Int, isFalling: Bool) -> Int {
      isFalling ? positions.longest - 1 - i : i - positions.longest + 1
    }
  }

  /// Writes a head's position scores to its probabilities; padding scores −∞. The tables are transposed.
  func scorePositions(
    _ head: Head, _ q: FloatPointer, _ k: FloatPointer, _ tables: DistanceTables, _ arena: Arena
  ) {
    let (queries, length, columns) = (head.queries, head.length, head.columns)
    let band = Band(length: length, queries: queries)
    let (stride, padded, start) = (band.stride, tables.padded, tables.start(band))
    let scores = head.probabilities
    let mark = arena.mark
    let product = arena.take(max(queries, length) * stride)
    if let table = tables.queries {
      SmallProduct.multiply(
        length, band.columns, headSize, k + head.start, lda: width, table + head.column * padded + start.queries,
        ldb: padded, product, ldc: stride)
      SmallProduct.transpose(
        product + length - 1, ldx: stride - 1, into: scores, rows: length, columns: queries)
    } else {
      scores.update(repeating: 0, count: queries * columns)
    }
    if let table = tables.keys {
      SmallProduct.multiply(
        queries, band.columns, headSize, q + head.query, lda: width, table + head.column * padded + start.keys,
        ldb: padded, product, ldc: stride)
      for i in 0..<queries {
        Elementwise.add(scores + i * columns, product + queries - 1 + i * (stride - 1), count: length)
      }
    }
    for i in 0..<queries {
      (scores + i * columns + length).update(repeating: -.infinity, count: columns - length)
    }
    arena.release(to: mark)
  }

  /// Adds to dQ, dK and the tables' gradients, given a head's gradient of the scores [queries, columns].
  func backwardPositions(
    _ head: Head, _ ds: FloatPointer, _ q: FloatPointer, _ k: FloatPointer, _ tables: DistanceTables,
    dq: MutableFloatPointer, dk: MutableFloatPointer, _ gradients: PositionGradients, _ arena: Arena
  ) {
    let (queries, length, columns) = (head.queries, head.length, head.columns)
    let band = Band(length: length, queries: queries)
    let (stride, start) = (band.stride, tables.start(band))
    let mark = arena.mark
    let gradient = arena.take(max(queries, length) * stride)
    if let table = tables.keys, let dtable = gradients.keys {
      let place = start.keys * width + head.column
      band.fill(gradient, with: ds, ldx: columns, rows: queries, columns: length)
      SmallProduct.multiply(
        queries, headSize, band.columns, gradient, lda: stride, table + place, ldb: width, start: .output,
        dq + head.query, ldc: width)
      SmallProduct.multiply(
        band.columns, headSize, queries, gradient, .yes, lda: stride, q + head.query, ldb: width, start: .output,
        dtable + place, ldc: width)
    }
    if let table = tables.queries, let dtable = gradients.queries {
      let place = start.queries * width + head.column
      let padded = SmallProduct.padded(queries)
      let transposed = arena.take(length * padded)
      SmallProduct.transpose(ds, ldx: columns, into: transposed, rows: queries, columns: length)
      band.fill(gradient, with: transposed, ldx: padded, rows: length, columns: queries)
      SmallProduct.multiply(
        length, headSize, band.columns, gradient, lda: stride, table + place, ldb: width, start: .output,
        dk + head.start, ldc: width)
      SmallProduct.multiply(
        band.columns, headSize, length, gradient, .yes, lda: stride, k + head.start, ldb: width, start: .output,
        dtable + place, ldc: width)
    }
    arena.release(to: mark)
  }
}
