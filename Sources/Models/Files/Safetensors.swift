// Safetensors files, read by mapping them: 8 bytes of header length, a JSON header, then the tensors end to end.

/// What a safetensors header says of a tensor.
public struct TensorInfo: Sendable, Equatable {
  public enum DType: String, Sendable, CaseIterable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint64 = "U64"
    case uint32 = "U32"
    case uint16 = "U16"
    case uint8 = "U8"
    case bool = "BOOL"
    case float8E4M3 = "F8_E4M3"
    case float8E5M2 = "F8_E5M2"

    /// Bytes an element.
    public var size: Int {
      switch self {
      case .float64, .int64, .uint64: 8
      case .float32, .int32, .uint32: 4
      case .float16, .bfloat16, .int16, .uint16: 2
      case .int8, .uint8, .bool, .float8E4M3, .float8E5M2: 1
      }
    }
  }

  public let dtype: DType
  public let shape: [Int]
  /// Where its bytes are in the file.
  public let bytes: Range<Int>
}

/// An open safetensors file. Its header is validated in full when it is opened: tensors cover the data exactly, and each
/// has the bytes that its shape and type ask for.
public final class SafetensorsFile: Sendable {
  public let path: String
  /// In header order.
  public let names: [String]
  /// The header's `__metadata__`.
  public let metadata: [String: String]
  private let tensors: [ExactKey: TensorInfo]
  private let file: MappedFile

  /// - Throws: where the file cannot be read or is not what the format demands.
  public init(path: String) throws(InputError) {
    self.path = path
    file = try MappedFile(path: path)
    let header = try SafetensorsHeader(file)
    metadata = header.metadata
    names = header.tensors.map(\.name)
    tensors = Dictionary(uniqueKeysWithValues: header.tensors.map { (ExactKey($0.name), $0.info) })
  }

  public func tensor(_ name: String) -> TensorInfo? { tensors[ExactKey(name)] }

  /// A tensor's values as float32: in place where the file holds aligned F32, else converted from F32, F16 or BF16,
  /// exactly.
  /// - Parameter shape: what the tensor must have; nil takes any.
  /// - Throws: for a missing tensor, another shape or another type.
  public func floats(_ name: String, shape: [Int]? = nil) throws(InputError) -> TensorData {
    guard let info = tensor(name) else {
      throw error(name, "missing" + (shape.map { "; expected one of shape \($0)" } ?? ""))
    }
    if let shape, info.shape != shape { throw error(name, "shape \(info.shape), expected \(shape)") }
    let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[info.bytes])
    switch info.dtype {
    case .float32:
      if let base = bytes.baseAddress, Int(bitPattern: base) % MemoryLayout<Float>.alignment == 0 {
        return TensorData(base.assumingMemoryBound(to: Float.self), shape: info.shape, owner: file)
      }
      return TensorData(shape: info.shape) { HalfPrecision.copyFloat32(bytes, into: $0) }
    case .float16: return TensorData(shape: info.shape) { HalfPrecision.widenFloat16(bytes, into: $0) }
    case .bfloat16: return TensorData(shape: info.shape) { HalfPrecision.widenBFloat16(bytes, into: $0) }
    default: throw error(name, "dtype \(info.dtype.rawValue), expected F32, F16 or BF16")
    }
  }

  private func error(_ name: String, _ message: String) -> InputError {
    InputError(file: path, place: "tensor \(name.excerpt)", message)
  }
}

/// Exact widening of stored floats. Files are little-endian, as the machines are that this runs on.
enum HalfPrecision {
  static func copyFloat32(_ bytes: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawBufferPointer(start: out, count: bytes.count).copyMemory(from: bytes)
  }

  static func widenBFloat16(_ bytes: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<Float>) {
    for i in 0..<bytes.count / 2 {
      let half = bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
      out[i] = Float(bitPattern: UInt32(half) << 16)
    }
  }

  static func widenFloat16(_ bytes: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<Float>) {
    for i in 0..<bytes.count / 2 {
      out[i] = widen(bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
    }
  }

  /// A float16, given by its bits.
  @inline(__always)
  static func widen(_ half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let magnitude = UInt32(half & 0x7FFF) << 13
    let exponent = half & 0x7C00
    // Exponents are biased by 15 there, by 127 here.
    var bits = magnitude + 112 << 23
    if exponent == 0x7C00 { bits = magnitude + 224 << 23 }
    // Below 2⁻¹⁴ there is no leading one: let a subtraction normalise (2⁻¹⁴ + m·2⁻²⁴) − 2⁻¹⁴.
    if exponent == 0 { bits = (Float(bitPattern: magnitude | 113 << 23) - 0x1p-14).bitPattern }
    return Float(bitPattern: bits | sign)
  }
}
