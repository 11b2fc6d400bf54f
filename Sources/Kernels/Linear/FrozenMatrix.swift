// A frozen weight that only knows how to be applied.

/// A frozen weight W of d₁ rows (outputs) and d₂ columns (inputs) over memory that it keeps alive, often a mapped file.
/// The memory holds W, or Wᵀ, whose two products are those of W the other way round.
public final class FrozenMatrix: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  private enum Storage {
    case float32
    /// Copies for x·Wᵀ and for dy·W.
    case bfloat16(forward: PackedWeight, backward: PackedWeight)
  }

  /// Of what the memory holds.
  private let rows, columns: Int
  private let isTransposed: Bool
  private let base: FloatPointer
  private let storage: Storage
  private let owner: AnyObject

  /// - Parameters:
  ///   - base: d₁·d₂ floats, row-major.
  ///   - isTransposed: whether they are Wᵀ, as HuggingFace's `Conv1D` stores it.
  ///   - owner: what keeps `base` alive.
  ///   - precision: of the products; `bfloat16` makes packed copies of the weight.
  public init(
    _ base: FloatPointer, outputSize: Int, inputSize: Int, isTransposed: Bool = false, owner: AnyObject,
    precision: Precision = .float32
  ) {
    let (rows, columns) = isTransposed ? (inputSize, outputSize) : (outputSize, inputSize)
    self.rows = rows
    self.columns = columns
    self.isTransposed = isTransposed
    self.base = base
    self.owner = owner
    storage =
      switch precision {
      case .float32: .float32
      case .bfloat16:
        .bfloat16(
          forward: PackedWeight(base, inputSize: columns, outputSize: rows, isTransposed: true),
          backward: PackedWeight(base, inputSize: rows, outputSize: columns, isTransposed: false))
      }
  }

  /// Copies `values`, row-major.
  public convenience init(_ values: [Float], outputSize: Int, inputSize: Int) {
    precondition(values.count == outputSize * inputSize, "\(values.count) values for \(outputSize)×\(inputSize)")
    let copy = SharedBuffer(values)
    self.init(copy.base, outputSize: outputSize, inputSize: inputSize, owner: copy)
  }

  /// d₁.
  public var outputSize: Int { isTransposed ? columns : rows }
  /// d₂.
  public var inputSize: Int { isTransposed ? rows : columns }

  /// y ← x·Wᵀ, or y ← y + x·Wᵀ. x is [rows, d₂], y is [rows, d₁].
  public func apply(
    _ x: FloatPointer, into y: MutableFloatPointer, rows: Int, accumulate: Bool, _ workspace: Workspace
  ) {
    workspace.clock?.begin(.frozenForward, flops: 2 * rows * outputSize * inputSize)
    multiply(x, transposed: !isTransposed, into: y, rows: rows, accumulate: accumulate, workspace)
  }

  /// dx ← dy·W, or dx ← dx + dy·W. dy is [rows, d₁], dx is [rows, d₂].
  public func applyTransposed(
    _ dy: FloatPointer, into dx: MutableFloatPointer, rows: Int, accumulate: Bool, _ workspace: Workspace
  ) {
    workspace.clock?.begin(.frozenBackward, flops: 2 * rows * outputSize * inputSize)
    multiply(dy, transposed: isTransposed, into: dx, rows: rows, accumulate: accumulate, workspace)
  }

  /// y ← x·Mᵀ or x·M, or y ← y + it, where M is what the memory holds.
  private func multiply(
    _ x: FloatPointer, transposed isByTranspose: Bool, into y: MutableFloatPointer, rows n: Int, accumulate: Bool,
    _ workspace: Workspace
  ) {
    let (outputs, inputs) = isByTranspose ? (rows, columns) : (columns, rows)
    switch storage {
    case .float32:
      BLAS.multiply(
        n, outputs, inputs, x, .no, lda: inputs, base, isByTranspose ? .yes : .no, ldb: columns,
        beta: accumulate ? 1 : 0, y, ldc: outputs)
    case .bfloat16(let forward, let backward):
      (isByTranspose ? forward : backward).multiply(
        x, into: y, rows: n, accumulate: accumulate, workspace.bfloat16)
    }
  }

  /// The weight as floats, row-major.
  public var values: [Float] {
    guard isTransposed else { return Array(UnsafeBufferPointer(start: base, count: rows * columns)) }
    return (0..<columns).flatMap { column in (0..<rows).map { base[$0 * columns + column] } }
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
