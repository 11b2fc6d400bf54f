// JSON values as text.

extension JSON {
  /// The value as JSON, keys in their order. Numbers are the shortest text that reads back as the same value; NaN and the
  /// infinities, which JSON has no word for, become null.
  /// - Parameter pretty: a member a line, indented by two spaces; else all in one line without spaces.
  public func serialized(pretty: Bool) -> String {
    var text = ""
    write(into: &text, indent: pretty ? 0 : nil)
    return text
  }

  private func write(into text: inout String, indent: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let bool): text += bool ? "true" : "false"
    case .integer(let integer): text += String(integer)
    case .number(let number): text += number.isFinite ? number.description : "null"
    case .string(let string): Self.quote(string, into: &text)
    case .array(let array):
      Self.list(array, "[", "]", into: &text, indent) { value, text, inner in value.write(into: &text, indent: inner) }
    case .object(let object):
      Self.list(object, "{", "}", into: &text, indent) { entry, text, inner in
        Self.quote(entry.key, into: &text)
        text += inner == nil ? ":" : ": "
        entry.value.write(into: &text, indent: inner)
      }
    }
  }

  private static func list<Items: Collection>(
    _ items: Items, _ open: String, _ close: String, into text: inout String, _ indent: Int?,
    _ write: (Items.Element, inout String, Int?) -> Void
  ) {
    text += open
    var isFirst = true
    for item in items {
      if !isFirst { text += "," }
      isFirst = false
      if let indent { text += "\n" + String(repeating: " ", count: indent + 2) }
      write(item, &text, indent.map { $0 + 2 })
    }
    if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
    text += close
  }

  /// A string in quotes.
  static func quoted(_ string: String) -> String {
    var text = ""
    quote(string, into: &text)
    return text
  }

  private static func quote(_ string: String, into text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..<" ":
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
