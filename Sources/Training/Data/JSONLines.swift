// A JSON object a line.

import Models

enum JSONLines {
  /// Appends a row for each line.
  static func read(
    _ bytes: [UInt8], _ names: DatasetReader.Columns<String>, into rows: inout LabelledRows
  ) throws(InputError) {
    try forEachRow(bytes, file: rows.file) { row throws(InputError) in
      try rows.append(
        text: try row.text(names.text), pair: try names.pair.map(row.text), label: try row.label(names.label),
        split: try names.split.map(row.text), line: row.line)
    }
  }

  /// Calls `body` with each line's object. Blank lines at the end are no rows; other fields than those asked for are
  /// ignored.
  static func forEachRow(
    _ bytes: [UInt8], file: String, _ body: (Row) throws(InputError) -> Void
  ) throws(InputError) {
    let newline = DelimitedText.newline
    var start = DelimitedText.start(bytes)
    let end = DelimitedText.end(bytes, from: start)
    var line = 0
    while start < end {
      line += 1
      var stop = bytes[start..<end].firstIndex(of: newline) ?? end
      let next = stop + 1
      if stop > start, bytes[stop - 1] == DelimitedText.carriageReturn { stop -= 1 }
      try body(Row(object: try JSON.parse(Array(bytes[start..<stop]), file: file, line: line), file: file, line: line))
      start = next
    }
  }

  struct Row {
    let object: JSON
    let file: String
    let line: Int

    func text(_ name: String) throws(InputError) -> String {
      let value = try field(name)
      guard case .string(let text) = value else { throw wrong(name, "a string", value) }
      return text
    }

    /// A string, or an integer or a boolean as JSON writes it.
    func label(_ name: String) throws(InputError) -> String {
      let value = try field(name)
      switch value {
      case .string(let text): return text
      case .integer(let number): return String(number)
      case .bool(let flag): return String(flag)
      default: throw wrong(name, "a string, an integer or a boolean", value)
      }
    }

    /// A list of messages, each an object with `role` and `content`.
    func messages(_ name: String) throws(InputError) -> [ChatMessage] {
      let value = try field(name)
      guard case .array(let entries) = value, !entries.isEmpty else { throw wrong(name, "a list of messages", value) }
      var messages: [ChatMessage] = []
      for (index, entry) in entries.enumerated() {
        let place = "\(name)[\(index)]"
        guard case .string(let role)? = entry["role"], case .string(let content)? = entry["content"] else {
          throw wrong(place, "an object with role and content, both strings", entry)
        }
        guard let role = ChatRole(rawValue: role) else {
          throw InputError(
            file: file, place: "line \(line)",
            "field \(LabelledRows.shown(place)): role \(LabelledRows.shown(role)), expected "
              + ChatRole.allCases.map(\.rawValue).joined(alternatives: "or"))
        }
        messages.append(ChatMessage(role: role, content: content))
      }
      return messages
    }

    private func field(_ name: String) throws(InputError) -> JSON {
      guard case .object(let members) = object else {
        throw InputError(file: file, place: "line \(line)", "expected an object with the row's fields")
      }
      if let value = members[name] { return value }
      let known = members.isEmpty ? "it has none" : "the fields are " + LabelledRows.shown(members.map(\.key))
      throw InputError(file: file, place: "line \(line)", "no field \(LabelledRows.shown(name)), \(known)")
    }

    private func wrong(_ name: String, _ expected: String, _ value: JSON) -> InputError {
      let found =
        switch value {
        case .null: "null"
        case .bool, .integer, .number: value.serialized(pretty: false)
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
      return InputError(
        file: file, place: "line \(line)", "field \(LabelledRows.shown(name)) is \(found), expected \(expected)")
    }
  }
}
