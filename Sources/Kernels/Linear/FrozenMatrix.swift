// A frozen weight that only knows how to be applied.

/// A frozen weight W of d₁ rows (outputs) and d₂ columns (inputs) over memory that it keeps alive, often a mapped file.
public final class FrozenMatrix: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  private enum Storage {
    case float32
    /// Copies for x·Wᵀ and for dy·W.
    case bfloat16(forward: PackedWeight, backward: PackedWeight)
  }

  /// d₁.
  public let outputSize: Int
  /// d₂.
  public let inputSize: Int
  private let base: FloatPointer
  /// Whether the memory holds Wᵀ.
  private let isTransposed: Bool
  private let storage: Storage
  private let owner: AnyObject

  /// - Parameters:
  ///   - base: d₁·d₂ floats, row-major.
  ///   - isTransposed: whether they are Wᵀ, d₂ rows of d₁, as HuggingFace's `Conv1D` stores it.
  ///   - owner: what keeps `base` alive.
  ///   - precision: of the products; `bfloat16` makes packed copies of the weight.
  public init(
    _ base: FloatPointer, outputSize: Int, inputSize: Int, isTransposed: Bool = false, owner: AnyObject,
    precision: Precision = .float32
  ) {
    self.outputSize = outputSize
    self.inputSize = inputSize
    self.base = base
    self.isTransposed = isTransposed
    self.owner = owner
    storage =
      switch precision {
      case .float32: .float32
      case .bfloat16:
        .bfloat16(
          forward: PackedWeight(base, inputSize: inputSize, outputSize: outputSize, isTransposed: !isTransposed),
          backward: PackedWeight(base, inputSize: outputSize, outputSize: inputSize, isTransposed: isTransposed))
      }
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
    switch storage {
    case .float32:
      BLAS.multiply(
        rows, outputSize, inputSize, x, .no, lda: inputSize, base, isTransposed ? .no : .yes, ldb: storedRow,
        beta: accumulate ? 1 : 0, y, ldc: outputSize)
    case .bfloat16(let weight, _):
      weight.multiply(x, into: y, rows: rows, accumulate: accumulate, workspace.bfloat16)
    }
  }

  /// dx ← dy·W, or dx ← dx + dy·W. dy is [rows, d₁], dx is [rows, d₂].
  public func applyTransposed(
    _ dy: FloatPointer, into dx: MutableFloatPointer, rows: Int, accumulate: Bool, _ workspace: Workspace
  ) {
    workspace.clock?.begin(.frozenBackward, flops: 2 * rows * outputSize * inputSize)
    switch storage {
    case .float32:
      BLAS.multiply(
        rows, inputSize, outputSize, dy, .no, lda: outputSize, base, isTransposed ? .yes : .no, ldb: storedRow,
        beta: accumulate ? 1 : 0, dx, ldc: inputSize)
    case .bfloat16(_, let weight):
      weight.multiply(dy, into: dx, rows: rows, accumulate: accumulate, workspace.bfloat16)
    }
  }

  /// The length of a stored row.
  private var storedRow: Int { isTransposed ? outputSize : inputSize }

  /// The weight as floats, row-major.
  public var values: [Float] {
    guard isTransposed else { return Array(UnsafeBufferPointer(start: base, count: outputSize * inputSize)) }
    return (0..<outputSize).flatMap { row in (0..<inputSize).map { base[$0 * outputSize + row] } }
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
