// On which line of a TOML text each key stands, which the parser does not tell.

/// A scan of valid TOML that understands sections, dotted and quoted keys, comments, strings, arrays and inline tables,
/// and gives up at the first thing that it does not.
struct TOMLLines {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var found: [[String]: Int] = [:]

  /// - Returns: for each key path its 1-based line; of a section, where it is first opened.
  static func scan(_ bytes: [UInt8]) -> [[String]: Int] {
    var lines = TOMLLines(bytes)
    lines.scanDocument()
    return lines.found
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

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

  /// Blanks, comments and line ends.
  private mutating func skipLines() {
    while true {
      skipBlanks()
      if at("#") {
        while let byte = current, byte != UInt8(ascii: "\n") { position += 1 }
      } else if take("\n") {
        line += 1
      } else if !take("\r") {
        return
      }
    }
  }

  private mutating func scanDocument() {
    var section: [String] = []
    var inArray = false
    while true {
      skipLines()
      guard current != nil else { return }
      if take("[") {
        inArray = take("[")
        guard let path = key(), take("]"), !inArray || take("]") else { return }
        section = path
        record(path)
      } else {
        // Keys of the elements of an array of tables have no path of their own.
        guard entry(in: section, recording: !inArray) else { return }
      }
    }
  }

  /// Notes the line of `path` and of the tables on its way, where it is their first.
  private mutating func record(_ path: [String]) {
    for count in 1...path.count where found[Array(path.prefix(count))] == nil {
      found[Array(path.prefix(count))] = line
    }
  }

  /// `key = value`. Recorded before the value, which may end on a later line.
  private mutating func entry(in section: [String], recording: Bool) -> Bool {
    guard let path = key() else { return false }
    if recording { record(section + path) }
    guard take("=") else { return false }
    skipBlanks()
    return value(section + path, recording: recording)
  }

  /// A bare, quoted or dotted key and the blanks around it.
  private mutating func key() -> [String]? {
    var parts: [String] = []
    repeat {
      skipBlanks()
      let start = position
      if at("\"") || at("'") {
        let quote = bytes[position]
        position += 1
        while let byte = current, byte != quote {
          // An escape would have to be decoded to be the parser's key.
          guard byte != UInt8(ascii: "\\") || quote == UInt8(ascii: "'"), byte != UInt8(ascii: "\n") else { return nil }
          position += 1
        }
        guard current == quote else { return nil }
        parts.append(String(decoding: bytes[start + 1..<position], as: UTF8.self))
        position += 1
      } else {
        while let byte = current, Self.isBare(byte) { position += 1 }
        guard position > start else { return nil }
        parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
      }
      skipBlanks()
    } while take(".")
    return parts
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// Passes over a value.
  private mutating func value(_ path: [String], recording: Bool) -> Bool {
    if take("\"\"\"") { return string(endingIn: "\"\"\"", escapes: true) }
    if take("'''") { return string(endingIn: "'''", escapes: false) }
    if take("\"") { return string(endingIn: "\"", escapes: true) }
    if take("'") { return string(endingIn: "'", escapes: false) }
    if take("[") { return array(path) }
    if take("{") { return inlineTable(path, recording: recording) }
    let start = position
    while let byte = current, !",]}#\n\r".utf8.contains(byte) { position += 1 }
    return position > start
  }

  private mutating func string(endingIn end: StaticString, escapes: Bool) -> Bool {
    while let byte = current {
      if take(end) {
        // Up to two quotes may stand right before the closing three.
        if end.utf8CodeUnitCount == 3 {
          for _ in 0..<2 where current == end.utf8Start[0] { position += 1 }
        }
        return true
      }
      position += escapes && byte == UInt8(ascii: "\\") && position + 1 < bytes.count ? 1 : 0
      if bytes[position] == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
    return false
  }

  private mutating func array(_ path: [String]) -> Bool {
    while true {
      skipLines()
      if take("]") { return true }
      guard value(path, recording: false) else { return false }
      skipLines()
      if !take(",") && !at("]") { return false }
    }
  }

  private mutating func inlineTable(_ path: [String], recording: Bool) -> Bool {
    while true {
      skipLines()
      if take("}") { return true }
      guard entry(in: path, recording: recording) else { return false }
      skipLines()
      if !take(",") && !at("}") { return false }
    }
  }
}
