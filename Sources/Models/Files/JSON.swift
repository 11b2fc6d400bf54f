// JSON values, and how a caller takes what it expects out of them.

/// A JSON value. Objects keep the order of their file.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number written without fraction or exponent that an `Int` can hold.
  case integer(Int)
  /// Any other number.
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  // MARK: Reading

  /// Reads one value (RFC 8259) and nothing after it but white space. Strict: duplicate keys, invalid UTF-8, lone
  /// surrogates and more than 128 levels are errors. Linear in the number of bytes.
  /// - Parameters:
  ///   - file: named in errors.
  ///   - line: the number of the first line, for errors: a JSONL reader passes each line with its own.
  ///   - allowNonFinite: whether `NaN`, `Infinity` and `-Infinity` are numbers, as Python writes them.
  /// - Throws: an error whose place is line and column.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, file: String, line: Int = 1, allowNonFinite: Bool = false
  ) throws(InputError) -> JSON {
    var parser = JSONParser(bytes, file: file, line: line, allowNonFinite: allowNonFinite)
    return try parser.document()
  }

  public static func parse(
    _ bytes: [UInt8], file: String, line: Int = 1, allowNonFinite: Bool = false
  ) throws(InputError) -> JSON {
    try bytes.withUnsafeBufferPointer { (buffer) throws(InputError) in
      try parse(UnsafeRawBufferPointer(buffer), file: file, line: line, allowNonFinite: allowNonFinite)
    }
  }

  public static func read(path: String, allowNonFinite: Bool = false) throws(InputError) -> JSON {
    let file = try MappedFile(path: path)
    return try parse(file.bytes, file: path, allowNonFinite: allowNonFinite)
  }

  // MARK: Access

  /// The value of an object's key; nil where there is no such key or this is no object.
  public subscript(key: String) -> JSON? {
    if case .object(let object) = self { object[key] } else { nil }
  }

  /// The value of an object's key.
  /// - Parameter place: this object's own path, such as `model.vocab`; empty for the root.
  /// - Throws: where this is no object or has no such key.
  public func field(_ key: String, file: String, at place: String = "") throws(InputError) -> JSON {
    guard let value = try object(file: file, at: place)[key] else {
      throw InputError(file: file, place: place.isEmpty ? key : "\(place).\(key)", "missing")
    }
    return value
  }

  /// - Parameter place: the value's path, such as `model.vocab`; empty for the root. So for all that follow.
  public func object(file: String, at place: String) throws(InputError) -> JSONObject {
    guard case .object(let object) = self else { throw mismatch("an object", file, place) }
    return object
  }

  public func array(file: String, at place: String) throws(InputError) -> [JSON] {
    guard case .array(let array) = self else { throw mismatch("an array", file, place) }
    return array
  }

  public func string(file: String, at place: String) throws(InputError) -> String {
    guard case .string(let string) = self else { throw mismatch("a string", file, place) }
    return string
  }

  public func bool(file: String, at place: String) throws(InputError) -> Bool {
    guard case .bool(let bool) = self else { throw mismatch("true or false", file, place) }
    return bool
  }

  /// Numbers with a fraction or an exponent are no integers here, whatever their value.
  public func integer(file: String, at place: String) throws(InputError) -> Int {
    guard case .integer(let integer) = self else { throw mismatch("an integer", file, place) }
    return integer
  }

  /// Of an integer as well.
  public func double(file: String, at place: String) throws(InputError) -> Double {
    switch self {
    case .integer(let integer): return Double(integer)
    case .number(let number): return number
    default: throw mismatch("a number", file, place)
    }
  }

  private func mismatch(_ expected: String, _ file: String, _ place: String) -> InputError {
    let found =
      switch self {
      case .null: "null"
      case .bool(let bool): "\(bool)"
      case .integer: "an integer"
      case .number(let number): "the number \(number)"
      case .string: "a string"
      case .array: "an array"
      case .object: "an object"
      }
    return InputError(file: file, place: place, "expected \(expected), found \(found)")
  }
}
