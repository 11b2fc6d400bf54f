// A frozen weight that only knows how to be applied.

/// A frozen weight W of d₁ rows (outputs) and d₂ columns (inputs) over memory that it keeps alive, often a mapped file.
/// Packed and quantised weights are to become further cases of `Storage`; layers need not know.
public final class FrozenMatrix: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  private enum Storage {
    case float32(FloatPointer)
  }

  /// d₁.
  public let outputSize: Int
  /// d₂.
  public let inputSize: Int
  private let storage: Storage
  private let owner: AnyObject

  /// - Parameters:
  ///   - base: d₁·d₂ floats, row-major.
  ///   - owner: what keeps `base` alive.
  public init(_ base: FloatPointer, outputSize: Int, inputSize: Int, owner: AnyObject) {
    self.outputSize = outputSize
    self.inputSize = inputSize
    self.storage = .float32(base)
    self.owner = owner
  }

  /// Copies `values`, row-major.
  public convenience init(_ values: [Float], outputSize: Int, inputSize: Int) {
    precondition(values.count == outputSize * inputSize, "\(values.count) values for \(outputSize)×\(inputSize)")
    let copy = SharedBuffer(values)
    self.init(copy.base, outputSize: outputSize, inputSize: inputSize, owner: copy)
  }

  /// y ← x·Wᵀ, or y ← y + x·Wᵀ. x is [rows, d₂], y is [rows, d₁].
  public func apply(_ x: FloatPointer, into y: MutableFloatPointer, rows: Int, accumulate: Bool) {
    switch storage {
    case .float32(let w):
      BLAS.multiply(
        rows, outputSize, inputSize, x, .no, lda: inputSize, w, .yes, ldb: inputSize, beta: accumulate ? 1 : 0, y,
        ldc: outputSize)
    }
  }

  /// dx ← dy·W, or dx ← dx + dy·W. dy is [rows, d₁], dx is [rows, d₂].
  public func applyTransposed(_ dy: FloatPointer, into dx: MutableFloatPointer, rows: Int, accumulate: Bool) {
    switch storage {
    case .float32(let w):
      BLAS.multiply(
        rows, inputSize, outputSize, dy, .no, lda: outputSize, w, .no, ldb: inputSize, beta: accumulate ? 1 : 0, dx,
        ldc: inputSize)
    }
  }

  /// The weight as floats, row-major.
  public var values: [Float] {
    switch storage {
    case .float32(let w): Array(UnsafeBufferPointer(start: w, count: outputSize * inputSize))
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
