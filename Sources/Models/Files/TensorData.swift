// Tensors as they are stored, and their values as float32.

import Kernels

/// Values of a tensor, row-major: in a mapped file or in memory of its own. Never written after init.
public final class TensorData: @unchecked Sendable {
  // Unchecked: the memory is never written after init.
  /// Valid as long as this object lives.
  public let base: UnsafePointer<Float>
  public let count: Int
  public let shape: [Int]
  /// Keeps `base` alive.
  private let owner: AnyObject

  private final class Memory {
    let buffer: Buffer
    init(count: Int) { buffer = Buffer(count: count) }
  }

  /// Points into memory that `owner` keeps alive.
  init(_ base: UnsafePointer<Float>, shape: [Int], owner: AnyObject) {
    self.base = base
    count = shape.reduce(1, *)
    self.shape = shape
    self.owner = owner
  }

  /// Memory of its own, which `fill` sets; zeroed before.
  convenience init(shape: [Int], _ fill: (UnsafeMutablePointer<Float>) -> Void) {
    let memory = Memory(count: shape.reduce(1, *))
    fill(memory.buffer.base)
    self.init(memory.buffer.base, shape: shape, owner: memory)
  }

  /// Copies `values`.
  /// - Precondition: as many as the product of `shape`.
  public convenience init(_ values: [Float], shape: [Int]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for \(shape)")
    self.init(shape: shape) { base in
      for (i, value) in values.enumerated() { base[i] = value }
    }
  }

  /// A copy of the values.
  public var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// A tensor as a file stores it, kept alive. What reads weights decides what becomes of it.
public struct StoredTensor {
  let base: UnsafeRawPointer
  let format: WeightFormat
  let shape: [Int]
  /// As a `StoredMatrix`'s.
  let interleavedHead: Int?
  let owner: AnyObject

  /// - Parameter base: at any address.
  init(_ base: UnsafeRawPointer, _ format: WeightFormat, shape: [Int], interleavedHead: Int? = nil, owner: AnyObject) {
    self.shape = shape
    self.interleavedHead = interleavedHead
    self.format = format
    if format == .float32, Int(bitPattern: base) % MemoryLayout<Float>.alignment != 0 {
      let copy = TensorData(shape: shape) { format.read(base, into: $0, count: shape.reduce(1, *)) }
      self.base = UnsafeRawPointer(copy.base)
      self.owner = copy
    } else {
      self.base = base
      self.owner = owner
    }
  }

  init(_ data: TensorData) { self.init(data.base, .float32, shape: data.shape, owner: data) }

  /// The values as float32: in place where they are stored so, else copied.
  var floats: TensorData {
    if format == .float32, interleavedHead == nil {
      return TensorData(base.assumingMemoryBound(to: Float.self), shape: shape, owner: owner)
    }
    // A vector whose places are those of a matrix's rows is a column.
    let columns = interleavedHead != nil && shape.count == 1 ? 1 : shape.last ?? 1
    let rows = shape.dropLast(columns == 1 ? 0 : 1).reduce(1, *)
    return TensorData(shape: shape) { matrix(rows, columns).read(0..<rows, 0..<columns, into: $0) }
  }

  func matrix(_ rows: Int, _ columns: Int) -> StoredMatrix {
    StoredMatrix(base, format, rows: rows, columns: columns, interleavedHead: interleavedHead)
  }
}
