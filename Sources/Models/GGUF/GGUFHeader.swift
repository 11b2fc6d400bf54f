// A GGUF file's header, and all that can be wrong with it: metadata, then what there is to know of each tensor.

import Kernels

struct GGUFHeader {
  struct Tensor {
    let name: String
    let format: WeightFormat
    /// As HuggingFace has it: the row's length last. The file has it first.
    let shape: [Int]
    /// Where its bytes are in the file.
    let bytes: Range<Int>
  }

  /// The metadata, as if they came from JSON: what an `Int` cannot hold is a number.
  private(set) var metadata = JSONObject()
  /// In the file's order.
  private(set) var tensors: [Tensor] = []

  /// - Throws: where the bytes are no GGUF of version 2 or 3, end too early, contradict themselves, or hold a tensor in a
  ///   format that is not read here.
  init(_ file: MappedFile) throws(InputError) {
    var reader = GGUFReader(file)
    let magic = try reader.bytes(4, "magic")
    guard magic.elementsEqual("GGUF".utf8) else {
      throw InputError(file: file.path, "does not begin with GGUF: expected a GGUF file")
    }
    let version = try reader.number(UInt32.self, "version")
    guard 2...3 ~= version else {
      let isForeign = 2...3 ~= version.byteSwapped
      throw InputError(
        file: file.path, place: "version",
        isForeign ? "big-endian, expected a little-endian file" : "\(version), expected 2 or 3")
    }
    // A tensor takes at least 24 bytes, a key with its value at least 13.
    let tensorCount = try reader.count(minimumBytes: 24, "tensor count")
    let keyCount = try reader.count(minimumBytes: 13, "key count")
    for i in 0..<keyCount {
      let key = try reader.string("key \(i)")
      let place = "key \(key.excerpt)"
      let type = try reader.number(UInt32.self, place)
      guard metadata.append(key, try reader.value(type, place)) else {
        throw InputError(file: file.path, place: place, "occurs twice")
      }
    }
    try readTensors(tensorCount, &reader)
  }

  private mutating func readTensors(_ count: Int, _ reader: inout GGUFReader) throws(InputError) {
    let alignment = try alignment(reader.path)
    var found: [(name: String, format: WeightFormat, shape: [Int], size: Int, offset: Int)] = []
    for i in 0..<count {
      let name = try reader.string("tensor \(i)")
      let place = "tensor \(name.excerpt)"
      let dimensions = try reader.number(UInt32.self, place)
      guard dimensions <= 4 else { throw reader.error(place, "\(dimensions) dimensions, expected at most 4") }
      var shape: [Int] = []
      for _ in 0..<dimensions { shape.insert(try reader.size(place), at: 0) }
      let format = try Self.format(try reader.number(UInt32.self, place), place, reader)
      let size = try Self.bytes(format, shape, place, reader)
      let offset = try reader.size(place)
      guard offset % alignment == 0 else {
        throw reader.error(place, "begins at byte \(offset) of the data, expected a multiple of \(alignment)")
      }
      found.append((name, format, shape, size, offset))
    }
    let start = (reader.position + alignment - 1) / alignment * alignment
    var names = Set<ExactKey>()
    for tensor in found {
      let place = "tensor \(tensor.name.excerpt)"
      guard names.insert(ExactKey(tensor.name)).inserted else { throw reader.error(place, "occurs twice") }
      let available = reader.end - start
      guard tensor.offset <= available, tensor.size <= available - tensor.offset else {
        throw reader.error(
          place, "takes \(tensor.size) bytes from byte \(tensor.offset) of the data, which are \(max(available, 0))")
      }
      let begin = start + tensor.offset
      tensors.append(
        Tensor(name: tensor.name, format: tensor.format, shape: tensor.shape, bytes: begin..<begin + tensor.size))
    }
    try refuseOverlap(reader)
  }

  private func alignment(_ path: String) throws(InputError) -> Int {
    let key = "general.alignment"
    guard let value = metadata[key] else { return 32 }
    let alignment = try value.integer(file: path, at: key)
    guard (8...1 << 20).contains(alignment), alignment % 8 == 0 else {
      throw InputError(file: path, place: key, "\(alignment), expected a multiple of 8 up to \(1 << 20)")
    }
    return alignment
  }

  /// ggml's types by their numbers, those without a name being gone or never stored.
  private static let types = [
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
  ]

  private static func format(
    _ type: UInt32, _ place: String, _ reader: GGUFReader
  ) throws(InputError) -> WeightFormat {
    let name = types[Int(type)]
    guard let format = name.flatMap(WeightFormat.init(rawValue:)) else {
      let known = WeightFormat.allCases.map(\.rawValue).joined(separator: ", ")
      throw reader.error(place, "type \(name ?? String(type)) is not supported; expected one of \(known)")
    }
    return format
  }

  private static func bytes(
    _ format: WeightFormat, _ shape: [Int], _ place: String, _ reader: GGUFReader
  ) throws(InputError) -> Int {
    let row = shape.last ?? 1
    guard row % format.blockValues == 0 else {
      throw reader.error(
        place, "rows of \(row) in \(format.rawValue), expected a multiple of \(format.blockValues)")
    }
    var count = 1
    for length in shape + [format.blockBytes] {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard !overflow else { throw reader.error(place, "a shape too large to count its elements") }
      count = product
    }
    return count / format.blockValues
  }

  /// Between tensors there may be bytes that fill up to the alignment; no byte belongs to two.
  private func refuseOverlap(_ reader: GGUFReader) throws(InputError) {
    let ordered = tensors.sorted {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    for (tensor, next) in zip(ordered, ordered.dropFirst()) where next.bytes.lowerBound < tensor.bytes.upperBound {
      throw reader.error("tensor \(next.name.excerpt)", "its data overlap those of \(tensor.name.excerpt)")
    }
  }
}

/// Takes values off the front of a GGUF file, each checked against what is left of it.
struct GGUFReader {
  let path: String
  private let data: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ file: MappedFile) {
    path = file.path
    data = file.bytes
  }

  var end: Int { data.count }

  func error(_ place: String, _ message: String) -> InputError { InputError(file: path, place: place, message) }

  mutating func bytes(_ count: Int, _ place: String) throws(InputError) -> UnsafeRawBufferPointer.SubSequence {
    guard count <= data.count - position else {
      throw error(place, "\(count) bytes at byte \(position), but the file ends at \(data.count)")
    }
    defer { position += count }
    return data[position..<position + count]
  }

  mutating func number<T: BitwiseCopyable>(_ type: T.Type, _ place: String) throws(InputError) -> T {
    let start = try bytes(MemoryLayout<T>.size, place).startIndex
    return data.loadUnaligned(fromByteOffset: start, as: type)
  }

  /// An unsigned number of 64 bits that an `Int` can hold.
  mutating func size(_ place: String) throws(InputError) -> Int {
    let value = try number(UInt64.self, place)
    guard let size = Int(exactly: value) else { throw error(place, "\(value), expected at most \(Int.max)") }
    return size
  }

  /// How many things follow, each of at least `minimumBytes`.
  mutating func count(minimumBytes: Int, _ place: String) throws(InputError) -> Int {
    let count = try size(place)
    guard count <= (data.count - position) / minimumBytes else {
      throw error(place, "\(count), more than the \(data.count - position) bytes that follow could hold")
    }
    return count
  }

  mutating func string(_ place: String) throws(InputError) -> String {
    let length = try count(minimumBytes: 1, place)
    guard let string = String(validating: try bytes(length, place), as: UTF8.self) else {
      throw error(place, "no UTF-8")
    }
    return string
  }

  /// - Parameters:
  ///   - type: GGUF's number for it.
  ///   - depth: arrays that it is in.
  mutating func value(_ type: UInt32, _ place: String, depth: Int = 0) throws(InputError) -> JSON {
    switch type {
    case 0: return .integer(Int(try number(UInt8.self, place)))
    case 1: return .integer(Int(try number(Int8.self, place)))
    case 2: return .integer(Int(try number(UInt16.self, place)))
    case 3: return .integer(Int(try number(Int16.self, place)))
    case 4: return .integer(Int(try number(UInt32.self, place)))
    case 5: return .integer(Int(try number(Int32.self, place)))
    case 6: return .number(Double(try number(Float.self, place)))
    case 7: return .bool(try number(UInt8.self, place) != 0)
    case 8: return .string(try string(place))
    case 9: return .array(try array(place, depth: depth))
    case 10:
      let value = try number(UInt64.self, place)
      return Int(exactly: value).map(JSON.integer) ?? .number(Double(value))
    case 11: return .integer(Int(try number(Int64.self, place)))
    case 12: return .number(try number(Double.self, place))
    default: throw error(place, "a value of type \(type), expected 0 to 12")
    }
  }

  private mutating func array(_ place: String, depth: Int) throws(InputError) -> [JSON] {
    guard depth < 4 else { throw error(place, "arrays in each other, more than 4 deep") }
    let type = try number(UInt32.self, place)
    let smallest: [UInt32: Int] = [2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 8: 8, 9: 12, 10: 8, 11: 8, 12: 8]
    let count = try count(minimumBytes: smallest[type] ?? 1, place)
    var values: [JSON] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try value(type, place, depth: depth + 1)) }
    return values
  }
}
