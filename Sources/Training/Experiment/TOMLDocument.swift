// A TOML text as plain values, with the line of each key.

import Models
import TOMLKit

/// A TOML value; dates and times, which no key takes, left out.
package indirect enum TOMLNode: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case number(Double)
  case bool(Bool)
  case array([TOMLNode])
  case table([String: TOMLNode])

  /// - Parameter depth: levels still to go down; deeper ones come out empty.
  fileprivate init(_ value: TOMLValueConvertible, depth: Int = 16) {
    switch value.type {
    case .string: self = .string(value.string ?? "")
    case .int: self = .integer(value.int ?? 0)
    case .double: self = .number(value.double ?? 0)
    case .bool: self = .bool(value.bool ?? false)
    case .date, .time, .dateTime: self = .string(value.tomlValue.debugDescription)  // Refused by `TOMLLines`.
    case .array:
      let array = value.array ?? TOMLArray()
      self = .array(depth == 0 ? [] : (0..<array.count).map { TOMLNode(array[$0], depth: depth - 1) })
    case .table: self = .table(depth == 0 ? [:] : Self.entries(value.table ?? TOMLTable(), depth: depth - 1))
    }
  }

  /// TOMLKit's own iterator traps on a key that holds a NUL, which C strings cut short.
  fileprivate static func entries(_ table: TOMLTable, depth: Int = 16) -> [String: TOMLNode] {
    var entries: [String: TOMLNode] = [:]
    for key in table.keys { entries[key] = table[key].map { TOMLNode($0, depth: depth) } ?? .table([:]) }
    return entries
  }

  /// The value as an error shows it: as TOML writes it, cut short.
  package var shown: String {
    let text: String
    switch self {
    case .string(let value): text = Self.quoted(value)
    case .integer(let value): text = String(value)
    case .number(let value): text = String(value)
    case .bool(let value): text = String(value)
    case .array(let items):
      text = "[" + items.prefix(8).map(\.shown).joined(separator: ", ") + (items.count > 8 ? ", …]" : "]")
    case .table: text = "a table"
    }
    return text.count > 80 ? text.prefix(79) + "…" : text
  }

  /// A string as a TOML basic string.
  static func quoted(_ value: String) -> String {
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case let control where control.properties.generalCategory == .control:
        let digits = String(control.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

/// A TOML text, parsed.
package struct TOMLDocument {
  package let entries: [String: TOMLNode]
  /// Where each key and section stands; what could not be found for certain is left out.
  package let lines: [[String]: Int]

  /// - Parameter file: the path, for errors.
  /// - Throws: for text that is not UTF-8 or not TOML, with the line.
  package init(_ bytes: [UInt8], file: String) throws(InputError) {
    try UTF8Text.check(bytes, file: file)
    let text = String(decoding: bytes, as: UTF8.self)
    // C strings underneath would end at a NUL, silently.
    for null in ["\0", #"\u0000"#, #"\U00000000"#] {
      if let range = text.utf8.firstRange(of: null.utf8) {
        let offset = text.utf8.distance(from: text.utf8.startIndex, to: range.lowerBound)
        throw InputError(
          file: file, place: "line \(UTF8Text.line(of: offset, in: bytes))", "a NUL character, expected text")
      }
    }
    lines = try TOMLLines(bytes, file: file).lines
    do {
      entries = TOMLNode.entries(try TOMLTable(string: text))
    } catch let error as TOMLParseError {
      let line = error.source.begin.line
      throw InputError(
        file: file, place: line > 0 ? "line \(line)" : "",
        "not TOML: " + error.description.unicodeScalars.map { Self.printable($0) }.joined())
    } catch {
      throw InputError(file: file, "not TOML")
    }
  }

  private static func printable(_ scalar: Unicode.Scalar) -> String {
    scalar.properties.generalCategory == .control ? " " : String(scalar)
  }

  /// One value, as after `=` in a file; nil if the text is no such value.
  static func value(_ text: String) -> TOMLNode? {
    guard let document = try? TOMLDocument(Array("value = \(text)".utf8), file: ""), document.entries.count == 1
    else { return nil }
    return document.entries["value"]
  }
}
