// A safetensors header, and all that can be wrong with it.

struct SafetensorsHeader {
  /// As the reference implementation limits it.
  static let maximumLength = 100_000_000

  private(set) var metadata: [String: String] = [:]
  /// In header order.
  private(set) var tensors: [(name: String, info: TensorInfo)] = []
  private let path: String
  /// Where the data begin and end in the file.
  private let data: Range<Int>

  init(_ file: MappedFile) throws(InputError) {
    path = file.path
    let bytes = file.bytes
    guard bytes.count >= 8 else {
      throw InputError(file: path, "truncated: \(bytes.count) bytes, expected at least the 8 of the header's length")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= Self.maximumLength else {
      throw InputError(
        file: path, place: "header", "claims \(length) bytes, expected at most \(Self.maximumLength): not safetensors?")
    }
    guard Int(length) <= bytes.count - 8 else {
      throw InputError(
        file: path, place: "header", "claims \(length) bytes, but only \(bytes.count - 8) follow in the file")
    }
    data = 8 + Int(length)..<bytes.count
    let text = UnsafeRawBufferPointer(rebasing: bytes[8..<data.lowerBound])
    guard text.first == UInt8(ascii: "{") else {
      throw InputError(file: path, place: "header", "expected a JSON object that begins with '{'")
    }
    for (name, entry) in try Self.parse(text, path) {
      if name == "__metadata__" {
        try readMetadata(entry)
      } else {
        tensors.append((name, try info(name, entry)))
      }
    }
    try checkCover()
  }

  private static func parse(_ text: UnsafeRawBufferPointer, _ path: String) throws(InputError) -> JSONObject {
    do throws(InputError) {
      return try JSON.parse(text, file: path).object(file: path, at: "")
    } catch {
      throw InputError(file: path, place: error.place.isEmpty ? "header" : "header, \(error.place)", error.message)
    }
  }

  private mutating func readMetadata(_ entry: JSON) throws(InputError) {
    for (key, value) in try entry.object(file: path, at: "header: __metadata__") {
      metadata[key] = try value.string(file: path, at: "header: __metadata__.\(key.excerpt)")
    }
  }

  private func info(_ name: String, _ entry: JSON) throws(InputError) -> TensorInfo {
    let place = "tensor \(name.excerpt)"
    let typeName = try entry.field("dtype", file: path, at: place).string(file: path, at: "\(place).dtype")
    guard let dtype = TensorInfo.DType(rawValue: typeName) else {
      let known = TensorInfo.DType.allCases.map(\.rawValue).joined(separator: ", ")
      throw InputError(
        file: path, place: place, "unknown dtype \(JSON.quoted(typeName.excerpt)), expected one of \(known)")
    }
    let shape = try sizes(entry, "shape", place)
    let offsets = try sizes(entry, "data_offsets", place)
    guard offsets.count == 2 else {
      throw InputError(file: path, place: "\(place).data_offsets", "\(offsets.count) values, expected begin and end")
    }
    guard offsets[0] <= offsets[1] else {
      throw InputError(file: path, place: place, "data_offsets \(offsets), expected the begin before the end")
    }
    guard offsets[1] <= data.count else {
      throw InputError(
        file: path, place: place, "data_offsets \(offsets), but the file has only \(data.count) bytes of data")
    }
    var size = dtype.size
    for length in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: length)
      guard !overflow else { throw InputError(file: path, place: place, "a shape too large to count its elements") }
      size = product
    }
    guard size == offsets[1] - offsets[0] else {
      throw InputError(
        file: path, place: place,
        "\(offsets[1] - offsets[0]) bytes, expected \(size) for \(dtype.rawValue) of \(shape.description.excerpt)")
    }
    return TensorInfo(
      dtype: dtype, shape: shape, bytes: data.lowerBound + offsets[0]..<data.lowerBound + offsets[1])
  }

  private func sizes(_ entry: JSON, _ key: String, _ place: String) throws(InputError) -> [Int] {
    let values = try entry.field(key, file: path, at: place).array(file: path, at: "\(place).\(key)")
    var sizes: [Int] = []
    for (i, value) in values.enumerated() {
      let place = "\(place).\(key)[\(i)]"
      let size = try value.integer(file: path, at: place)
      guard size >= 0 else { throw InputError(file: path, place: place, "\(size), expected at least 0") }
      sizes.append(size)
    }
    return sizes
  }

  /// Tensors cover the data without gap or overlap, in whatever order the header has them.
  private func checkCover() throws(InputError) {
    var end = data.lowerBound
    var last = ""
    let ordered = tensors.sorted {
      ($0.info.bytes.lowerBound, $0.info.bytes.upperBound) < ($1.info.bytes.lowerBound, $1.info.bytes.upperBound)
    }
    for (name, info) in ordered {
      let begin = info.bytes.lowerBound
      guard begin >= end else {
        throw InputError(file: path, place: "tensor \(name.excerpt)", "its data overlap those of \(last.excerpt)")
      }
      guard begin == end else {
        throw InputError(
          file: path, place: "tensor \(name.excerpt)",
          "begins at byte \(begin - data.lowerBound), expected \(end - data.lowerBound): a gap that no tensor covers")
      }
      end = info.bytes.upperBound
      last = name
    }
    guard end == data.upperBound else {
      throw InputError(file: path, "\(data.upperBound - end) bytes after the last tensor, expected none")
    }
  }
}
