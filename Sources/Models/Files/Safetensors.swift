// Safetensors files, read by mapping them: 8 bytes of header length, a JSON header, then the tensors end to end.

import Kernels

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
public final class SafetensorsFile: WeightSource, Sendable {
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

  /// A tensor of F32, F16 or BF16.
  public func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let info = tensor(name) else {
      throw error(name, "missing" + (shape.map { "; expected one of shape \($0)" } ?? ""))
    }
    try check(info.shape, of: name, asked: shape)
    guard let format = WeightFormat(rawValue: info.dtype.rawValue) else {
      throw error(name, "dtype \(info.dtype.rawValue), expected F32, F16 or BF16")
    }
    // A tensor of no values may lie at the end of the file, whose first byte is mapped in any case.
    guard let base = file.bytes.baseAddress else { preconditionFailure("a header in an empty file") }
    return StoredTensor(base + info.bytes.lowerBound, format, shape: info.shape, owner: file)
  }

  private func error(_ name: String, _ message: String) -> InputError {
    InputError(file: path, place: "tensor \(name.excerpt)", message)
  }
}
