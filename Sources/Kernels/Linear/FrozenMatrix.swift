// A frozen weight that only knows how to be applied.

/// A frozen weight W of d₁ rows (outputs) and d₂ columns (inputs), used as it is stored, in memory that it keeps alive:
/// often a mapped file. W or Wᵀ is stored; the two products of the one are those of the other the other way round.
public final class FrozenMatrix: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  private enum Products {
    /// It is as BLAS wants it.
    case direct(FloatPointer)
    /// A worker reads it tile by tile into memory of its own.
    case tiles(Precision)
    /// Copies for x·Mᵀ and for x·M, where M is what is stored.
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
    guard let floats = stored.floats else {
      products = .tiles(precision)
      return
    }
    products =
      switch precision {
      case .float32: .direct(floats)
      case .bfloat16:
        .bfloat16(
          forward: PackedWeight(floats, inputSize: stored.columns, outputSize: stored.rows, isTransposed: true),
          backward: PackedWeight(floats, inputSize: stored.rows, outputSize: stored.columns, isTransposed: false))
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
    multiply(x, byTranspose: !isTransposed, into: y, rows: rows, accumulate: accumulate, workspace)
  }

  /// dx ← dy·W, or dx ← dx + dy·W. dy is [rows, d₁], dx is [rows, d₂].
  public func applyTransposed(
    _ dy: FloatPointer, into dx: MutableFloatPointer, rows: Int, accumulate: Bool, _ workspace: Workspace
  ) {
    workspace.clock?.begin(.frozenBackward, flops: 2 * rows * outputSize * inputSize)
    multiply(dy, byTranspose: isTransposed, into: dx, rows: rows, accumulate: accumulate, workspace)
  }

  /// y ← x·Mᵀ or x·M, or y ← y + it, where M is what is stored.
  private func multiply(
    _ x: FloatPointer, byTranspose isByTranspose: Bool, into y: MutableFloatPointer, rows: Int, accumulate: Bool,
    _ workspace: Workspace
  ) {
    let (outputs, inputs) = isByTranspose ? (stored.rows, stored.columns) : (stored.columns, stored.rows)
    switch products {
    case .direct(let floats):
      BLAS.multiply(
        rows, outputs, inputs, x, .no, lda: inputs, floats, isByTranspose ? .yes : .no, ldb: stored.columns,
        beta: accumulate ? 1 : 0, y, ldc: outputs)
    case .tiles(.float32):
      for output in Self.tiles(outputs) {
        for input in Self.tiles(inputs) {
          let tile = read(output, input, byTranspose: isByTranspose, workspace)
          BLAS.multiply(
            rows, output.count, input.count, x + input.lowerBound, .no, lda: inputs, tile,
            isByTranspose ? .yes : .no, ldb: isByTranspose ? input.count : output.count,
            beta: accumulate || input.lowerBound > 0 ? 1 : 0, y + output.lowerBound, ldc: outputs)
        }
      }
    case .tiles(.bfloat16):
      for start in stride(from: 0, to: rows, by: PackedTile.mostRows) {
        let count = min(PackedTile.mostRows, rows - start)
        for output in Self.tiles(outputs) {
          for input in Self.tiles(inputs) {
            workspace.bfloat16.addToSums(
              x + start * inputs + input.lowerBound, row: inputs,
              tile: read(output, input, byTranspose: isByTranspose, workspace), inputSize: input.count,
              outputSize: output.count, isTransposed: isByTranspose, rows: count, accumulate: input.lowerBound > 0)
          }
          for row in 0..<count {
            let target = y + (start + row) * outputs + output.lowerBound
            let sum = workspace.bfloat16.sums + row * output.count
            if accumulate {
              Elementwise.add(target, sum, count: output.count)
            } else {
              target.update(from: sum, count: output.count)
            }
          }
        }
      }
    case .bfloat16(let forward, let backward):
      (isByTranspose ? forward : backward).multiply(
        x, into: y, rows: rows, accumulate: accumulate, workspace.bfloat16)
    }
  }

  /// Of what is stored, the part between some of the product's outputs and inputs, in the worker's memory.
  private func read(
    _ outputs: Range<Int>, _ inputs: Range<Int>, byTranspose: Bool, _ workspace: Workspace
  ) -> FloatPointer {
    let tile = workspace.tile.base
    let (rows, columns) = byTranspose ? (outputs, inputs) : (inputs, outputs)
    stored.read(rows, columns, into: tile)
    return FloatPointer(tile)
  }

  /// Rows and columns of a tile: whole blocks of every format. As floats it stays in a core's own cache.
  static let tileSide = 512
  static let tileFloats = tileSide * tileSide

  private static func tiles(_ count: Int) -> some Sequence<Range<Int>> {
    stride(from: 0, to: count, by: tileSide).lazy.map { $0..<min($0 + tileSide, count) }
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
