// A frozen weight that only knows how to be applied.

/// A frozen weight W of d₁ rows (outputs) and d₂ columns (inputs), used as it is stored, in memory that it keeps alive:
/// often a mapped file.
public final class FrozenMatrix: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  private enum Products {
    /// W is as BLAS wants it.
    case direct(FloatPointer)
    /// A worker reads W tile by tile into memory of its own.
    case tiles
    /// Copies for x·Wᵀ and for dy·W.
    case bfloat16(forward: PackedWeight, backward: PackedWeight)
  }

  /// W, or Wᵀ where `isTransposed`.
  public let stored: StoredMatrix
  private let isTransposed: Bool
  private let products: Products
  private let owner: AnyObject

  /// d₁.
  public var outputSize: Int { isTransposed ? stored.columns : stored.rows }
  /// d₂.
  public var inputSize: Int { isTransposed ? stored.rows : stored.columns }

  /// - Parameters:
  ///   - isTransposed: whether Wᵀ is stored, d₂ rows of d₁, as HuggingFace's `Conv1D` has it.
  ///   - owner: what keeps the memory alive.
  ///   - precision: of the products; `bfloat16` makes packed copies of the weight.
  public init(_ stored: StoredMatrix, isTransposed: Bool = false, owner: AnyObject, precision: Precision = .float32) {
    self.stored = stored
    self.isTransposed = isTransposed
    self.owner = owner
    switch precision {
    case .float32:
      products = if let floats = stored.floats { .direct(floats) } else { .tiles }
    case .bfloat16:
      let copy = Buffer(count: stored.floats == nil ? stored.rows * stored.columns : 0)
      if stored.floats == nil { stored.read(0..<stored.rows, 0..<stored.columns, into: copy.base) }
      let floats = stored.floats ?? FloatPointer(copy.base)
      let (outputs, inputs) = isTransposed ? (stored.columns, stored.rows) : (stored.rows, stored.columns)
      products = .bfloat16(
        forward: PackedWeight(floats, inputSize: inputs, outputSize: outputs, isTransposed: !isTransposed),
        backward: PackedWeight(floats, inputSize: outputs, outputSize: inputs, isTransposed: isTransposed))
    }
  }

  /// - Parameters:
  ///   - base: d₁·d₂ floats, row-major.
  ///   - isTransposed: whether they are Wᵀ.
  public convenience init(
    _ base: FloatPointer, outputSize: Int, inputSize: Int, isTransposed: Bool = false, owner: AnyObject,
    precision: Precision = .float32
  ) {
    let (rows, columns) = isTransposed ? (inputSize, outputSize) : (outputSize, inputSize)
    self.init(
      StoredMatrix(base, rows: rows, columns: columns), isTransposed: isTransposed, owner: owner, precision: precision)
  }

  /// Copies `values`, row-major.
  public convenience init(_ values: [Float], outputSize: Int, inputSize: Int) {
    precondition(values.count == outputSize * inputSize, "\(values.count) values for \(outputSize)×\(inputSize)")
    let copy = SharedBuffer(values)
    self.init(copy.base, outputSize: outputSize, inputSize: inputSize, owner: copy)
  }

  /// y ← x·Wᵀ, or y ← y + x·Wᵀ. x is [rows, d₂], y is [rows, d₁].
  public func apply(
    _ x: FloatPointer, into y: MutableFloatPointer, rows: Int, accumulate: Bool, _ workspace: Workspace
  ) {
    workspace.clock?.begin(.frozenForward, flops: 2 * rows * outputSize * inputSize)
    switch products {
    case .direct(let floats):
      BLAS.multiply(
        rows, outputSize, inputSize, x, .no, lda: inputSize, floats, isTransposed ? .no : .yes, ldb: stored.columns,
        beta: accumulate ? 1 : 0, y, ldc: outputSize)
    case .tiles:
      Self.eachTile(outputSize, inputSize) { outputs, inputs in
        let tile = read(outputs, inputs, workspace)
        BLAS.multiply(
          rows, outputs.count, inputs.count, x + inputs.lowerBound, .no, lda: inputSize, tile.base,
          isTransposed ? .no : .yes, ldb: tile.row, beta: accumulate || inputs.lowerBound > 0 ? 1 : 0,
          y + outputs.lowerBound, ldc: outputSize)
      }
    case .bfloat16(let weight, _):
      weight.multiply(x, into: y, rows: rows, accumulate: accumulate, workspace.bfloat16)
    }
  }

  /// dx ← dy·W, or dx ← dx + dy·W. dy is [rows, d₁], dx is [rows, d₂].
  public func applyTransposed(
    _ dy: FloatPointer, into dx: MutableFloatPointer, rows: Int, accumulate: Bool, _ workspace: Workspace
  ) {
    workspace.clock?.begin(.frozenBackward, flops: 2 * rows * outputSize * inputSize)
    switch products {
    case .direct(let floats):
      BLAS.multiply(
        rows, inputSize, outputSize, dy, .no, lda: outputSize, floats, isTransposed ? .yes : .no, ldb: stored.columns,
        beta: accumulate ? 1 : 0, dx, ldc: inputSize)
    case .tiles:
      Self.eachTile(inputSize, outputSize) { inputs, outputs in
        let tile = read(outputs, inputs, workspace)
        BLAS.multiply(
          rows, inputs.count, outputs.count, dy + outputs.lowerBound, .no, lda: outputSize, tile.base,
          isTransposed ? .yes : .no, ldb: tile.row, beta: accumulate || outputs.lowerBound > 0 ? 1 : 0,
          dx + inputs.lowerBound, ldc: inputSize)
      }
    case .bfloat16(_, let weight):
      weight.multiply(dy, into: dx, rows: rows, accumulate: accumulate, workspace.bfloat16)
    }
  }

  /// Rows and columns of a tile: whole blocks of every format. As floats it stays in a core's own cache.
  private static let tileSide = 512
  static let tileFloats = tileSide * tileSide

  /// The second index runs faster.
  @inline(__always)
  private static func eachTile(_ first: Int, _ second: Int, _ body: (Range<Int>, Range<Int>) -> Void) {
    for i in stride(from: 0, to: first, by: tileSide) {
      for k in stride(from: 0, to: second, by: tileSide) {
        body(i..<min(i + tileSide, first), k..<min(k + tileSide, second))
      }
    }
  }

  /// A tile in the worker's memory, stored as W is, with the length of its rows.
  private func read(
    _ outputs: Range<Int>, _ inputs: Range<Int>, _ workspace: Workspace
  ) -> (base: FloatPointer, row: Int) {
    let tile = workspace.tile.base
    let (rows, columns) = isTransposed ? (inputs, outputs) : (outputs, inputs)
    stored.read(rows, columns, into: tile)
    return (FloatPointer(tile), columns.count)
  }

  /// y[d₂] ← a row of W, which is not stored transposed: what a table of embeddings is read by. O(d₂).
  public func readRow(_ row: Int, into y: MutableFloatPointer) {
    precondition(!isTransposed, "rows of a transposed matrix lie apart")
    stored.read(row..<row + 1, 0..<inputSize, into: y)
  }

  /// The weight as floats, row-major.
  public var values: [Float] {
    let values = [Float](unsafeUninitializedCapacity: outputSize * inputSize) { values, count in
      if let base = values.baseAddress { stored.read(0..<stored.rows, 0..<stored.columns, into: base) }
      count = outputSize * inputSize
    }
    guard isTransposed else { return values }
    return (0..<outputSize).flatMap { row in (0..<inputSize).map { values[$0 * outputSize + row] } }
  }
}

/// A reference-counted `Buffer`.
public final class SharedBuffer: @unchecked Sendable {
  // Unchecked: written at init only.
  private let buffer: Buffer

  public init(_ values: [Float]) {
    buffer = Buffer(count: values.count)
    for (i, value) in values.enumerated() { buffer.base[i] = value }
  }

  public var base: FloatPointer { FloatPointer(buffer.base) }
}
