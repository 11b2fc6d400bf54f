// The skeleton of a TOML text: where each key stands, and whether keys, strings and brackets are in order.

import Models

/// A pass over a TOML text before the parser's, for two reasons. The parser (toml++ 3.4, in TOMLKit) does not tell where
/// a key stands; and it aborts the process on some malformed texts, such as `[&`, `a = [}` or `a = 07:32:00.`. What
/// passes here has a name or a value wherever one must be; repeated keys, escapes and sizes are left to the parser.
struct TOMLLines {
  /// For each key path its 1-based line; for a section, where it is first opened. In the path of what stands in an array
  /// of tables, the array's name is followed by the element's number, from 0. Keys with escapes are left out.
  private(set) var lines: [[String]: Int] = [:]

  /// Elements so far of each array of tables.
  private var elements: [[String]: Int] = [:]

  private let bytes: [UInt8]
  private let file: String
  private var position = 0
  private var line = 1

  private static let maximumDepth = 64

  /// - Parameter file: the path, for errors.
  /// - Throws: at the first line that is not TOML.
  init(_ bytes: [UInt8], file: String) throws(InputError) {
    self.bytes = bytes
    self.file = file
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    try scan()
  }

  private func expected(_ what: String, line: Int? = nil) -> InputError {
    InputError(file: file, place: "line \(line ?? self.line)", "not TOML: expected \(what)")
  }

  // MARK: Characters

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func at(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count else { return false }
    return (0..<count).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
  }

  private mutating func take(_ text: StaticString) -> Bool {
    guard at(text) else { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  private mutating func skipBlanks() {
    while let byte = current, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
  }

  private mutating func takeLineEnd() -> Bool {
    guard take("\n") || take("\r\n") else { return false }
    line += 1
    return true
  }

  /// Blanks and a comment.
  private mutating func skipToLineEnd() {
    skipBlanks()
    guard at("#") else { return }
    while let byte = current, byte != UInt8(ascii: "\n"), !at("\r\n") {
      _ = byte
      position += 1
    }
  }

  /// Blanks, comments and line ends.
  private mutating func skipLines() {
    repeat { skipToLineEnd() } while takeLineEnd()
  }

  // MARK: Structure

  private mutating func scan() throws(InputError) {
    var section: [String]? = []
    while true {
      skipLines()
      guard current != nil else { return }
      if take("[") {
        let isArray = take("[")
        let path = try key()
        guard take("]"), !isArray || take("]") else { throw expected(isArray ? "]]" : "]") }
        section = path.map { resolved($0, isArray: isArray) }
        note(section)
      } else {
        try entry(in: section, depth: 0)
      }
      skipToLineEnd()
      guard current == nil || takeLineEnd() else { throw expected("the end of the line") }
    }
  }

  /// The path of a section with the number of the last element after each array of tables; `[[…]]` begins a new one.
  private mutating func resolved(_ path: [String], isArray: Bool) -> [String] {
    var result: [String] = []
    for (index, part) in path.enumerated() {
      result.append(part)
      if isArray, index == path.count - 1 { elements[result, default: 0] += 1 }
      if let count = elements[result] { result.append(String(count - 1)) }
    }
    return result
  }

  /// Notes the line of `path` and of the tables on its way, where it is their first.
  private mutating func note(_ path: [String]?) {
    guard let path else { return }
    for count in 1...path.count where lines[Array(path.prefix(count))] == nil {
      lines[Array(path.prefix(count))] = line
    }
  }

  /// `key = value`. Noted before the value, which may end on a later line.
  /// - Parameter section: nil where keys are not noted.
  private mutating func entry(in section: [String]?, depth: Int) throws(InputError) {
    let key = try key()
    let path = section.flatMap { section in key.map { section + $0 } }
    note(path)
    guard take("=") else { throw expected("= after a key") }
    skipBlanks()
    try value(path, depth: depth)
  }

  /// A bare, quoted or dotted key and the blanks around it.
  /// - Returns: its parts; nil where an escape would have to be decoded.
  private mutating func key() throws(InputError) -> [String]? {
    var parts: [String] = []
    var hasEscapes = false
    repeat {
      skipBlanks()
      let start = position
      if at("\"") || at("'") {
        let isBasic = at("\"")
        position += 1
        try string(endingIn: isBasic ? "\"" : "'", escapes: isBasic)
        let content = bytes[start + 1..<position - 1]
        hasEscapes = hasEscapes || (isBasic && content.contains(UInt8(ascii: "\\")))
        parts.append(String(decoding: content, as: UTF8.self))
      } else {
        while let byte = current, Self.isBare(byte) { position += 1 }
        guard position > start else { throw expected("a key") }
        parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
      }
      guard parts.count <= Self.maximumDepth else { throw expected("at most \(Self.maximumDepth) levels") }
      skipBlanks()
    } while take(".")
    return hasEscapes ? nil : parts
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  // MARK: Values

  /// Passes over a value, which is `path`'s.
  private mutating func value(_ path: [String]?, depth: Int) throws(InputError) {
    guard depth < Self.maximumDepth else { throw expected("at most \(Self.maximumDepth) levels") }
    if take("\"\"\"") { return try string(endingIn: "\"\"\"", escapes: true) }
    if take("'''") { return try string(endingIn: "'''", escapes: false) }
    if take("\"") { return try string(endingIn: "\"", escapes: true) }
    if take("'") { return try string(endingIn: "'", escapes: false) }
    if take("[") { return try array(depth: depth + 1) }
    if take("{") { return try inlineTable(path, depth: depth + 1) }
    try bareValue()
  }

  /// A number or a boolean. Dates and times are TOML too, but no key takes one.
  private mutating func bareValue() throws(InputError) {
    let start = position
    while let byte = current, Self.isBare(byte) || ".+:".utf8.contains(byte) { position += 1 }
    guard position > start else { throw expected("a value") }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard Self.isNumberOrBoolean(text) else {
      throw expected("a number, true, false or a string in quotes, not \(TOMLNode.string(text).shown)")
    }
  }

  private static func isNumberOrBoolean(_ text: String) -> Bool {
    if text == "true" || text == "false" { return true }
    var rest = text[...]
    func takeDigits(_ digits: String) -> Bool {
      guard let first = rest.first, digits.contains(first) else { return false }
      rest = rest.drop { digits.contains($0) || $0 == "_" }
      return true
    }
    for (prefix, digits) in [("0x", "0123456789abcdefABCDEF"), ("0o", "01234567"), ("0b", "01")]
    where text.hasPrefix(prefix) {
      rest = rest.dropFirst(2)
      return takeDigits(digits) && rest.isEmpty
    }
    if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
    if rest == "inf" || rest == "nan" { return true }
    let decimal = "0123456789"
    guard takeDigits(decimal) else { return false }
    if rest.hasPrefix(".") {
      rest = rest.dropFirst()
      guard takeDigits(decimal) else { return false }
    }
    if rest.hasPrefix("e") || rest.hasPrefix("E") {
      rest = rest.dropFirst()
      if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
      guard takeDigits(decimal) else { return false }
    }
    return rest.isEmpty
  }

  /// The rest of a string; one with a single quote at its end ends on its line.
  private mutating func string(endingIn end: StaticString, escapes: Bool) throws(InputError) {
    let opened = line
    let isMultiline = end.utf8CodeUnitCount == 3
    while let byte = current {
      if take(end) {
        // Up to two quotes may stand right before the closing three.
        for _ in 0..<(isMultiline ? 2 : 0) where current == end.utf8Start[0] { position += 1 }
        return
      }
      if escapes && byte == UInt8(ascii: "\\") && position + 1 < bytes.count { position += 1 }
      if bytes[position] == UInt8(ascii: "\n") {
        guard isMultiline else { break }
        line += 1
      }
      position += 1
    }
    throw expected("the end of the string that begins here", line: opened)
  }

  private mutating func array(depth: Int) throws(InputError) {
    while true {
      skipLines()
      if take("]") { return }
      try value(nil, depth: depth)
      skipLines()
      if !take(",") && !at("]") { throw expected(", or ] in an array") }
    }
  }

  /// On one line, but for the arrays in it.
  private mutating func inlineTable(_ path: [String]?, depth: Int) throws(InputError) {
    skipBlanks()
    if take("}") { return }
    repeat {
      try entry(in: path, depth: depth)
      skipBlanks()
    } while take(",")
    guard take("}") else { throw expected(", or } in an inline table") }
  }
}
