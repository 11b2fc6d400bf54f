// The JSON reader: recursive descent over bytes in place.

struct JSONParser {
  static let maximumDepth = 128

  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private let firstLine: Int
  private let allowNonFinite: Bool
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, file: String, line: Int, allowNonFinite: Bool) {
    self.bytes = bytes
    self.file = file
    firstLine = line
    self.allowNonFinite = allowNonFinite
  }

  mutating func document() throws(InputError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw unexpected("the end after the value") }
    return value
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(InputError) -> JSON {
    skipSpace()
    guard let byte = peek else { throw unexpected("a value") }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < Self.maximumDepth else { throw error("more than \(Self.maximumDepth) levels", at: position) }
      return byte == UInt8(ascii: "{") ? .object(try object(depth: depth)) : .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default:
      if take("true") { return .bool(true) }
      if take("false") { return .bool(false) }
      if take("null") { return .null }
      if allowNonFinite && take("NaN") { return .number(.nan) }
      if allowNonFinite && take("Infinity") { return .number(.infinity) }
      throw unexpected("a value")
    }
  }

  private mutating func object(depth: Int) throws(InputError) -> JSONObject {
    var object = JSONObject()
    position += 1
    skipSpace()
    if take("}") { return object }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
      let start = position
      let key = try string()
      skipSpace()
      guard take(":") else { throw unexpected("':' after the key") }
      guard object.append(key, try value(depth: depth + 1)) else {
        throw error("the key \(JSON.quoted(key.excerpt)) occurs twice", at: start)
      }
      skipSpace()
      if take("}") { return object }
      guard take(",") else { throw unexpected("',' or '}'") }
    }
  }

  private mutating func array(depth: Int) throws(InputError) -> [JSON] {
    var array: [JSON] = []
    position += 1
    skipSpace()
    if take("]") { return array }
    while true {
      array.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return array }
      guard take(",") else { throw unexpected("',' or ']'") }
    }
  }

  private mutating func number() throws(InputError) -> JSON {
    let start = position
    let isNegative = take("-")
    if isNegative && allowNonFinite && take("Infinity") { return .number(-.infinity) }
    var magnitude: UInt64 = 0
    var fits = true
    if !take("0") {
      let digits = try self.digits { digit in
        let (product, high) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
        magnitude = sum
        fits = fits && !high && !carry
      }
      fits = fits && digits > 0
    }
    var isInteger = true
    if take(".") {
      isInteger = false
      try digits { _ in }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if !take("+") { take("-") }
      try digits { _ in }
    }
    if isInteger && fits {
      if !isNegative, let integer = Int(exactly: magnitude) { return .integer(integer) }
      if isNegative && magnitude <= UInt64(Int.max) + 1 { return .integer(Int(truncatingIfNeeded: 0 &- magnitude)) }
    }
    let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
    guard let value = Double(text), value.isFinite || allowNonFinite else {
      throw error("the number \(text.excerpt) is out of range", at: start)
    }
    return .number(value)
  }

  /// Passes over one digit or more and returns how many.
  @discardableResult @inline(__always)
  private mutating func digits(_ body: (UInt8) -> Void) throws(InputError) -> Int {
    let start = position
    while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      body(byte - UInt8(ascii: "0"))
      position += 1
    }
    guard position > start else { throw unexpected("a digit") }
    return position - start
  }

  // MARK: Strings

  private mutating func string() throws(InputError) -> String {
    let start = position
    position += 1
    let first = position
    try passOrdinary()
    if peek == UInt8(ascii: "\"") {
      position += 1
      return try decoded(UnsafeRawBufferPointer(rebasing: bytes[first..<position - 1]), from: start)
    }
    var unescaped = Array(bytes[first..<position])
    while !take("\"") {
      // Here stands a backslash: nothing else ends a run of ordinary bytes.
      unescaped.append(contentsOf: String(try escape()).utf8)
      let run = position
      try passOrdinary()
      unescaped.append(contentsOf: bytes[run..<position])
    }
    let content = unescaped
    return try content.withUnsafeBufferPointer { (buffer) throws(InputError) in
      try decoded(UnsafeRawBufferPointer(buffer), from: start)
    }
  }

  /// Moves to the next quote or backslash.
  private mutating func passOrdinary() throws(InputError) {
    while let byte = peek {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
      guard byte >= 0x20 else { throw unexpected("no control character in a string") }
      position += 1
    }
    throw unexpected("a closing quote")
  }

  private func decoded(_ content: UnsafeRawBufferPointer, from start: Int) throws(InputError) -> String {
    guard let string = String(validating: content, as: UTF8.self) else {
      throw error("a string that is not valid UTF-8", at: start)
    }
    return string
  }

  private mutating func escape() throws(InputError) -> Unicode.Scalar {
    let start = position
    position += 1
    guard let byte = peek else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try hexadecimal(from: start)
      var code = unit
      if unit >> 10 == 0xD800 >> 10 && take("\\u") {
        let low = try hexadecimal(from: start)
        guard low >> 10 == 0xDC00 >> 10 else { throw error("a lone surrogate", at: start) }
        code = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("a lone surrogate", at: start) }
      return scalar
    default: throw error("an unknown escape", at: start)
    }
  }

  private mutating func hexadecimal(from start: Int) throws(InputError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("\\u without four hexadecimal digits", at: start)
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  // MARK: Bytes

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  /// Passes over `literal` if it comes next.
  @discardableResult @inline(__always)
  private mutating func take(_ literal: StaticString) -> Bool {
    let count = literal.utf8CodeUnitCount
    guard bytes.count - position >= count else { return false }
    for i in 0..<count where bytes[position + i] != literal.utf8Start[i] { return false }
    position += count
    return true
  }

  // MARK: Errors

  private func unexpected(_ expected: String) -> InputError {
    let found =
      switch peek {
      case nil: "the end"
      case .some(let byte) where byte > 0x20 && byte < 0x7F: "'\(Character(Unicode.Scalar(byte)))'"
      case .some(let byte): "byte 0x\(String(byte, radix: 16, uppercase: true))"
      }
    return error("expected \(expected), found \(found)", at: position)
  }

  private func error(_ message: String, at offset: Int) -> InputError {
    let before = bytes[..<offset]
    let line = firstLine + before.count { $0 == 0x0A }
    let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    // Columns count characters: continuation bytes of UTF-8 begin with 10.
    let column = 1 + bytes[start..<offset].count { $0 & 0xC0 != 0x80 }
    return InputError(file: file, place: "line \(line), column \(column)", message)
  }
}

extension String {
  /// Short enough for an error's line.
  var excerpt: String {
    let limit = 80
    return unicodeScalars.count <= limit ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(limit))) + "…"
  }
}
