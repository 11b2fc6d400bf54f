// Records and fields of TSV and CSV, as ranges of bytes.

import Models

/// How a data file is laid out.
public enum TableFormat: String, Sendable, CaseIterable {
  /// A line a row, fields between tabs, nothing quoted (as GLUE's files are).
  case tsv
  /// RFC 4180: fields between commas, quoted where they hold commas, quotes or line ends.
  case csv
  /// A JSON object a line.
  case jsonl
}

/// What the files of an experiment are.
public enum DataFormat: String, Sendable, CaseIterable {
  case tsv, csv, jsonl
  /// Running text, for language models.
  case text

  /// Nil where there are no rows.
  var table: TableFormat? { TableFormat(rawValue: rawValue) }
}

/// Reads records one by one. Line ends are LF or CRLF; blank lines at the end are no records; a byte order mark is
/// skipped.
struct DelimitedText {
  /// The bytes of a field, without its quotes.
  struct Field {
    var range: Range<Int>
    /// Holds doubled quotes.
    var hasEscapes = false
  }

  private let bytes: [UInt8]
  private let file: String
  private let isQuoting: Bool
  private let end: Int
  private var position: Int
  private var nextLine = 1
  /// Of the record read last.
  private(set) var fields: [Field] = []
  /// The 1-based line that it begins on.
  private(set) var line = 0

  /// - Parameter format: `tsv` or `csv`.
  init(_ bytes: [UInt8], format: TableFormat, file: String) {
    self.bytes = bytes
    self.file = file
    isQuoting = format == .csv
    position = Self.start(bytes)
    end = Self.end(bytes, from: position)
  }

  /// Where text begins, after a byte order mark.
  static func start(_ bytes: [UInt8]) -> Int { bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0 }

  /// Where it ends, before line ends at the end.
  static func end(_ bytes: [UInt8], from start: Int) -> Int {
    var end = bytes.count
    while end > start, bytes[end - 1] == newline || bytes[end - 1] == carriageReturn { end -= 1 }
    return end
  }

  static let newline = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  private static let quote = UInt8(ascii: "\"")

  /// Moves to the next record.
  /// - Returns: false at the end.
  mutating func next() throws(InputError) -> Bool {
    guard position < end else { return false }
    line = nextLine
    fields.removeAll(keepingCapacity: true)
    if isQuoting { try readQuoting() } else { readLiterally() }
    return true
  }

  /// The text of a field of the record read last.
  func text(_ field: Int) -> String {
    let range = fields[field].range
    guard fields[field].hasEscapes else { return String(decoding: bytes[range], as: UTF8.self) }
    var unescaped: [UInt8] = []
    unescaped.reserveCapacity(range.count)
    var i = range.lowerBound
    while i < range.upperBound {
      unescaped.append(bytes[i])
      i += bytes[i] == Self.quote ? 2 : 1
    }
    return String(decoding: unescaped, as: UTF8.self)
  }

  private mutating func readLiterally() {
    var start = position
    var i = position
    while i < end, bytes[i] != Self.newline {
      if bytes[i] == UInt8(ascii: "\t") {
        fields.append(Field(range: start..<i))
        start = i + 1
      }
      i += 1
    }
    let isCRLF = i < end && i > start && bytes[i - 1] == Self.carriageReturn
    fields.append(Field(range: start..<(isCRLF ? i - 1 : i)))
    position = i + 1
    nextLine += 1
  }

  private mutating func readQuoting() throws(InputError) {
    while true {
      let isQuoted = position < end && bytes[position] == Self.quote
      fields.append(isQuoted ? try quotedField() : try bareField())
      if position < end, bytes[position] == UInt8(ascii: ",") {
        position += 1
        continue
      }
      // A field ends only at a comma, a line end or the end.
      if position < end, bytes[position] == Self.carriageReturn { position += 1 }
      position += 1
      nextLine += 1
      return
    }
  }

  /// Whether a line end begins here.
  private func isLineEnd(_ i: Int) -> Bool {
    bytes[i] == Self.newline || (bytes[i] == Self.carriageReturn && i + 1 < end && bytes[i + 1] == Self.newline)
  }

  private mutating func bareField() throws(InputError) -> Field {
    let start = position
    while position < end, bytes[position] != UInt8(ascii: ","), !isLineEnd(position) {
      guard bytes[position] != Self.quote else {
        throw InputError(
          file: file, place: "line \(nextLine)", "a quote inside an unquoted field, expected the field in quotes")
      }
      position += 1
    }
    return Field(range: start..<position)
  }

  private mutating func quotedField() throws(InputError) -> Field {
    let opened = nextLine
    let start = position + 1
    var hasEscapes = false
    position = start
    while position < end {
      if bytes[position] == Self.newline { nextLine += 1 }
      guard bytes[position] == Self.quote else {
        position += 1
        continue
      }
      if position + 1 < end, bytes[position + 1] == Self.quote {
        hasEscapes = true
        position += 2
        continue
      }
      let field = Field(range: start..<position, hasEscapes: hasEscapes)
      position += 1
      if position == end || bytes[position] == UInt8(ascii: ",") || isLineEnd(position) { return field }
      throw InputError(
        file: file, place: "line \(nextLine)", "text after a closing quote, expected a comma or the line's end")
    }
    throw InputError(file: file, place: "line \(opened)", "a quoted field begins here and never ends")
  }
}
