// Products with frozen weights in bfloat16, by oneDNN. The one file that imports it.

import CKernels
import COneDNN
import Synchronization

/// What linear layers compute with; all sums and everything trained are float32 in either case.
public enum Precision: String, Sendable, CaseIterable {
  case float32
  /// Frozen weights and what they are multiplied by are rounded to bfloat16.
  case bfloat16

  /// Whether the CPU gains by it (for `bfloat16`, whether it has AVX512_BF16, as every CPU with AMX has).
  public var isSupported: Bool { self == .float32 || rt_multiplies_bfloat16() }
}

/// A frozen matrix W [k, n] in bfloat16, in the order in which oneDNN reads it. Shared by all workers.
final class PackedWeight: @unchecked Sendable {
  // Unchecked: never written after init.
  let inputSize: Int
  let outputSize: Int
  private let packed: UnsafeMutableRawPointer
  private let kernels: Kernels

  /// - Parameter weight: W, or with `isTransposed` its n rows of k.
  init(_ weight: FloatPointer, inputSize: Int, outputSize: Int, isTransposed: Bool) {
    self.inputSize = inputSize
    self.outputSize = outputSize
    kernels = Kernels.of(inputSize: inputSize, outputSize: outputSize)
    packed = .allocate(byteCount: rt_panel_bytes(inputSize, outputSize), alignment: 64)
    kernels.pack(weight, isTransposed: isTransposed, into: packed)
  }

  deinit { packed.deallocate() }

  static var libraryVersion: String {
    guard let version = dnnl_version()?.pointee else { return "unknown" }
    return "\(version.major).\(version.minor).\(version.patch)"
  }

  /// y ← x·W, or y ← y + x·W. x is [rows, k], y is [rows, n].
  func multiply(
    _ x: FloatPointer, into y: MutableFloatPointer, rows: Int, accumulate: Bool, _ scratch: BFloat16Scratch
  ) {
    kernels.multiply(x, row: inputSize, packed, into: y, rows: rows, accumulate: accumulate, scratch)
  }
}

/// One worker's memory for products in bfloat16. Grows with the first step, then stays.
final class BFloat16Scratch {
  fileprivate private(set) var x = UnsafeMutablePointer<UInt16>.allocate(capacity: 1)
  fileprivate private(set) var y = MutableFloatPointer.allocate(capacity: 1)
  private var capacity = (x: 0, y: 0)
  private(set) lazy var tile = PackedTile()
  /// By the kernels' numbers.
  private var memories: [UnsafeMutablePointer<rt_product_memory>?] = []
  fileprivate let stream = Engine.shared.makeStream()

  deinit {
    x.deallocate()
    y.deallocate()
    for case let memory? in memories {
      rt_product_memory_destroy(memory)
      memory.deallocate()
    }
    dnnl_stream_destroy(stream)
  }

  fileprivate func reserve(inputSize: Int, outputSize: Int) {
    if inputSize > capacity.x {
      x.deallocate()
      x = Self.aligned(Kernel.mostRows * inputSize)
      capacity.x = inputSize
    }
    if outputSize > capacity.y {
      y.deallocate()
      y = Self.aligned(Kernel.fewestRows * outputSize)
      capacity.y = outputSize
    }
  }

  private static func aligned<T: BitwiseCopyable>(_ count: Int) -> UnsafeMutablePointer<T> {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<T>.stride, alignment: 64)
    return raw.bindMemory(to: T.self, capacity: count)
  }

  fileprivate func memory(of kernel: Kernel) -> UnsafeMutablePointer<rt_product_memory> {
    if kernel.number < memories.count, let memory = memories[kernel.number] { return memory }
    while memories.count <= kernel.number { memories.append(nil) }
    let memory = UnsafeMutablePointer<rt_product_memory>.allocate(capacity: 1)
    memory.initialize(to: rt_product_memory())
    check(rt_product_memory_create(memory, kernel.product, Engine.shared.engine), "memory")
    memories[kernel.number] = memory
    return memory
  }
}

extension BFloat16Scratch {
  /// [rows, n], what `addToSums` has added up.
  var sums: FloatPointer { FloatPointer(tile.sums) }

  /// Adds x·W to the sums, or sets them, for a tile W [k, n] of a matrix, which is packed on the spot.
  /// - Parameters:
  ///   - row: the length of a row of x.
  ///   - weight: the tile, or with `isTransposed` its n rows of k.
  ///   - accumulate: whether to add.
  /// - Precondition: at most `PackedTile.mostRows` rows.
  func addToSums(
    _ x: FloatPointer, row: Int, tile weight: FloatPointer, inputSize: Int, outputSize: Int, isTransposed: Bool,
    rows: Int, accumulate: Bool
  ) {
    let kernels = Kernels.of(inputSize: inputSize, outputSize: outputSize)
    kernels.pack(weight, isTransposed: isTransposed, into: tile.packed)
    kernels.multiply(x, row: row, tile.packed, into: tile.sums, rows: rows, accumulate: accumulate, self)
  }
}

/// Room for a packed tile of a frozen matrix and for products with it.
final class PackedTile {
  /// Rows that are multiplied with a tile before it is packed again.
  static let mostRows = 1024

  let packed = UnsafeMutableRawPointer.allocate(
    byteCount: rt_panel_bytes(FrozenMatrix.tileSide, FrozenMatrix.tileSide), alignment: 64)
  private let buffer = Buffer(count: mostRows * FrozenMatrix.tileSide)
  var sums: MutableFloatPointer { buffer.base }

  deinit { packed.deallocate() }
}

// MARK: - oneDNN's objects

/// oneDNN refuses nothing that is asked of it here but for want of memory.
private func check(_ status: dnnl_status_t, _ what: String) {
  precondition(status == dnnl_success, "oneDNN refused \(what): status \(status.rawValue)")
}

/// The CPU, as oneDNN sees it.
private final class Engine: @unchecked Sendable {
  // Unchecked: oneDNN's engines may be used by any thread.
  static let shared = Engine()
  let engine: dnnl_engine_t

  private init() {
    var engine: dnnl_engine_t?
    check(dnnl_engine_create(&engine, dnnl_cpu, 0), "an engine")
    guard let engine else { preconditionFailure("oneDNN gave no engine") }
    self.engine = engine
  }

  func makeStream() -> dnnl_stream_t {
    var stream: dnnl_stream_t?
    check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)), "a stream")
    guard let stream else { preconditionFailure("oneDNN gave no stream") }
    return stream
  }
}

/// The generated code for one number of rows.
private final class Kernel: @unchecked Sendable {
  // Unchecked: oneDNN's primitives may be run by several threads, each with memory of its own.

  /// So many rows are converted at once: they stay in a core's own cache while they are multiplied.
  static let mostRows = 64
  /// What the last rows of a batch are rounded up to.
  static let fewestRows = 16

  /// Kernels so far: a worker finds its memory by it.
  let number: Int
  let rows: Int
  let product: UnsafeMutablePointer<rt_product>

  init(number: Int, rows: Int, inputSize: Int, outputSize: Int, accumulate: Bool) {
    self.number = number
    self.rows = rows
    product = .allocate(capacity: 1)
    product.initialize(to: rt_product())
    check(
      rt_product_create(product, Engine.shared.engine, rows, inputSize, outputSize, accumulate),
      "a product of \(rows)×\(inputSize) and \(inputSize)×\(outputSize)")
  }

  deinit {
    dnnl_primitive_destroy(product.pointee.primitive)
    product.deallocate()
  }

  @inline(__always)
  func run(_ scratch: BFloat16Scratch, _ weight: UnsafeRawPointer, into y: MutableFloatPointer) {
    check(
      rt_product_run(product, scratch.memory(of: self), scratch.stream, scratch.x, weight, y), "to multiply")
  }
}

/// The kernels of one shape, for all weights that have it.
private final class Kernels: @unchecked Sendable {
  // Unchecked: never written after init.
  private struct Shape: Hashable { let inputSize, outputSize: Int }
  private static let all = Mutex<[Shape: Kernels]>([:])

  private let shape: Shape
  private let setting, adding: (many: Kernel, few: Kernel)

  static func of(inputSize: Int, outputSize: Int) -> Kernels {
    all.withLock { all in
      let shape = Shape(inputSize: inputSize, outputSize: outputSize)
      if let known = all[shape] { return known }
      let new = Kernels(shape, firstNumber: 4 * all.count)
      all[shape] = new
      return new
    }
  }

  private init(_ shape: Shape, firstNumber: Int) {
    func kernel(_ number: Int, rows: Int, accumulate: Bool) -> Kernel {
      Kernel(
        number: firstNumber + number, rows: rows, inputSize: shape.inputSize, outputSize: shape.outputSize,
        accumulate: accumulate)
    }
    self.shape = shape
    setting = (
      kernel(0, rows: Kernel.mostRows, accumulate: false), kernel(1, rows: Kernel.fewestRows, accumulate: false)
    )
    adding = (
      kernel(2, rows: Kernel.mostRows, accumulate: true), kernel(3, rows: Kernel.fewestRows, accumulate: true)
    )
  }

  private func best(forRows rows: Int, accumulate: Bool) -> Kernel {
    let kernels = accumulate ? adding : setting
    return rows >= Kernel.mostRows ? kernels.many : kernels.few
  }

  /// - Parameter weight: W [k, n], or with `isTransposed` n rows of k.
  func pack(_ weight: FloatPointer, isTransposed: Bool, into packed: UnsafeMutableRawPointer) {
    (isTransposed ? rt_pack_transposed_panels : rt_pack_panels)(weight, shape.inputSize, shape.outputSize, packed)
  }

  /// y ← x·W, or y ← y + x·W. x is [rows, k], each row `row` floats after the last; y is [rows, n].
  func multiply(
    _ x: FloatPointer, row length: Int, _ packed: UnsafeRawPointer, into y: MutableFloatPointer, rows: Int,
    accumulate: Bool, _ scratch: BFloat16Scratch
  ) {
    let (inputSize, outputSize) = (shape.inputSize, shape.outputSize)
    scratch.reserve(inputSize: inputSize, outputSize: outputSize)
    var row = 0
    while row < rows {
      let kernel = best(forRows: rows - row, accumulate: accumulate)
      let count = min(kernel.rows, rows - row)
      if length == inputSize {
        rt_to_bfloat16(x + row * length, scratch.x, count * inputSize)
      } else {
        for i in 0..<count { rt_to_bfloat16(x + (row + i) * length, scratch.x + i * inputSize, inputSize) }
      }
      let target = y + row * outputSize
      if count == kernel.rows {
        kernel.run(scratch, packed, into: target)
      } else {
        // The last few rows: the kernel writes more than there are.
        (scratch.x + count * inputSize).update(repeating: 0, count: (kernel.rows - count) * inputSize)
        if accumulate { scratch.y.update(from: target, count: count * outputSize) }
        kernel.run(scratch, packed, into: scratch.y)
        target.update(from: scratch.y, count: count * outputSize)
      }
      row += count
    }
  }
}
