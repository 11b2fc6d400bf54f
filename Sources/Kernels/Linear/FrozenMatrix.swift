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

  public let stored: StoredMatrix
  private let products: Products
  private let owner: AnyObject

  /// d₁.
  public var outputSize: Int { stored.rows }
  /// d₂.
  public var inputSize: Int { stored.columns }

  /// - Parameters:
  ///   - owner: what keeps the memory alive.
  ///   - precision: of the products; `bfloat16` makes packed copies of the weight.
  public init(_ stored: StoredMatrix, owner: AnyObject, precision: Precision = .float32) {
    self.stored = stored
    self.owner = owner
    switch precision {
    case .float32:
      products = if let floats = stored.floats { .direct(floats) } else { .tiles }
    case .bfloat16:
      let copy = Buffer(count: stored.floats == nil ? stored.rows * stored.columns : 0)
      if stored.floats == nil { stored.read(0..<stored.rows, 0..<stored.columns, into: copy.base) }
      let floats = stored.floats ?? FloatPointer(copy.base)
      let (outputs, inputs) = (stored.rows, stored.columns)
      products = .bfloat16(
        forward: PackedWeight(floats, inputSize: inputs, outputSize: outputs, isTransposed: true),
        backward: PackedWeight(floats, inputSize: outputs, outputSize: inputs, isTransposed: false))
    }
  }

  /// - Parameter base: d₁·d₂ floats, row-major.
  public convenience init(
    _ base: FloatPointer, outputSize: Int, inputSize: Int, owner: AnyObject, precision: Precision = .float32
  ) {
    self.init(StoredMatrix(base, rows: outputSize, columns: inputSize), owner: owner, precision: precision)
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
        rows, outputSize, inputSize, x, .no, lda: inputSize, floats, .yes, ldb: inputSize, beta: accumulate ? 1 : 0, y,
        ldc: outputSize)
    case .tiles:
      Self.eachTile(outputSize, inputSize) { outputs, inputs in
        BLAS.multiply(
          rows, outputs.count, inputs.count, x + inputs.lowerBound, .no, lda: inputSize,
          read(outputs, inputs, workspace), .yes, ldb: inputs.count,
          beta: accumulate || inputs.lowerBound > 0 ? 1 : 0, y + outputs.lowerBound, ldc: outputSize)
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
        rows, inputSize, outputSize, dy, .no, lda: outputSize, floats, .no, ldb: inputSize, beta: accumulate ? 1 : 0,
        dx, ldc: inputSize)
    case .tiles:
      Self.eachTile(inputSize, outputSize) { inputs, outputs in
        BLAS.multiply(
          rows, inputs.count, outputs.count, dy + outputs.lowerBound, .no, lda: outputSize,
          read(outputs, inputs, workspace), .no, ldb: inputs.count,
          beta: accumulate || outputs.lowerBound > 0 ? 1 : 0, dx + inputs.lowerBound, ldc: inputSize)
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

  /// A tile of W in the worker's memory.
  private func read(_ outputs: Range<Int>, _ inputs: Range<Int>, _ workspace: Workspace) -> FloatPointer {
    let tile = workspace.tile.base
    stored.read(outputs, inputs, into: tile)
    return FloatPointer(tile)
  }

  /// The weight as floats, row-major.
  public var values: [Float] {
    Array(unsafeUninitializedCapacity: outputSize * inputSize) { values, count in
      if let base = values.baseAddress { stored.read(0..<outputSize, 0..<inputSize, into: base) }
      count = outputSize * inputSize
    }
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
