// Safetensors files, written.

/// Writes float32 tensors. The same input gives the same bytes.
public enum SafetensorsWriter {
  /// - Parameters:
  ///   - tensors: in the file's order; values row-major.
  ///   - metadata: the header's `__metadata__`, sorted by key; left out if empty.
  /// - Throws: of kind `unwritable`; the old file, if any, is untouched then.
  /// - Precondition: names are distinct, and each tensor has as many values as its shape asks for.
  public static func write(
    _ tensors: [(name: String, shape: [Int], values: [Float])], metadata: [String: String], to path: String
  ) throws(InputError) {
    var entries: [(String, JSON)] = []
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      entries.append(("__metadata__", .object(JSONObject(sorted.map { ($0.key, .string($0.value)) }))))
    }
    var offset = 0
    for tensor in tensors {
      precondition(tensor.name != "__metadata__", "a tensor named __metadata__")
      precondition(
        tensor.values.count == tensor.shape.reduce(1, *),
        "\(tensor.name): \(tensor.values.count) values for \(tensor.shape)")
      let end = offset + 4 * tensor.values.count
      entries.append(
        (
          tensor.name,
          .object(
            JSONObject([
              ("dtype", .string("F32")), ("shape", .array(tensor.shape.map { .integer($0) })),
              ("data_offsets", .array([.integer(offset), .integer(end)])),
            ]))
        ))
      offset = end
    }
    var header = Array(JSON.object(JSONObject(entries)).serialized(pretty: false).utf8)
    // Data begin at a multiple of 8, so that a reader may use them where they are.
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    try AtomicFile.write(to: path) { (output) throws(InputError) in
      try (length + header).withUnsafeBufferPointer { (bytes) throws(InputError) in
        try output.write(UnsafeRawBufferPointer(bytes))
      }
      for tensor in tensors {
        try tensor.values.withUnsafeBufferPointer { (values) throws(InputError) in
          try output.write(UnsafeRawBufferPointer(values))
        }
      }
    }
  }
}
