// Reading labelled texts from TSV, CSV and JSONL files.

import Models

public enum DatasetReader {
  /// Reads a data file.
  /// - Parameters:
  ///   - text, label, pair, split: columns, by name or (where there is no header, or none of that name) by 0-based index
  ///     in digits; fields of each object for `jsonl`.
  ///   - header: whether the first line names the columns; `jsonl` has none.
  /// - Throws: for a file that is missing, empty, not UTF-8 or ragged, a column that is not there, an empty label.
  public static func read(
    path: String, format: TableFormat, text: String, label: String, pair: String? = nil, header: Bool = true,
    split: String? = nil
  ) throws(InputError) -> LabelledRows {
    try read(
      try FileBytes.read(path), file: path, format: format, text: text, label: label, pair: pair, header: header,
      split: split)
  }

  /// Reads a data file for classes that are already known.
  /// - Parameter textPair: empty for single texts.
  /// - Throws: as `read`, and for a label that is not among `labels`.
  public static func examples(
    path: String, format: TableFormat, text: String, label: String, textPair: String = "", header: Bool = true,
    labels: LabelSet
  ) throws(InputError) -> TextExamples {
    try read(
      path: path, format: format, text: text, label: label, pair: textPair.isEmpty ? nil : textPair, header: header
    ).examples(labels)
  }

  /// `read`, for bytes at hand.
  static func read(
    _ bytes: [UInt8], file: String, format: TableFormat, text: String, label: String, pair: String? = nil,
    header: Bool = true, split: String? = nil
  ) throws(InputError) -> LabelledRows {
    try UTF8Text.check(bytes, file: file)
    var rows = LabelledRows(file: file, hasPairs: pair != nil, hasSplits: split != nil)
    let names = Columns(text: text, label: label, pair: pair, split: split)
    if format == .jsonl {
      try JSONLines.read(bytes, names, into: &rows)
    } else {
      try readDelimited(bytes, format, names, header: header, into: &rows)
    }
    guard rows.count > 0 else {
      let start = DelimitedText.start(bytes)
      let isEmpty = DelimitedText.end(bytes, from: start) == start
      throw InputError(file: file, isEmpty ? "empty, expected rows" : "no rows after the header line")
    }
    return rows
  }

  /// What is asked of each row.
  struct Columns<Column> {
    var text: Column
    var label: Column
    var pair: Column?
    var split: Column?
  }

  private static func readDelimited(
    _ bytes: [UInt8], _ format: TableFormat, _ names: Columns<String>, header: Bool, into rows: inout LabelledRows
  ) throws(InputError) {
    var table = DelimitedText(bytes, format: format, file: rows.file)
    guard try table.next() else { return }
    let count = table.fields.count
    let header = header ? table.fields.indices.map { table.text($0) } : nil
    func find(_ name: String) throws(InputError) -> Int {
      try column(name, header: header, count: count, file: rows.file)
    }
    let columns = Columns(
      text: try find(names.text), label: try find(names.label), pair: try names.pair.map(find),
      split: try names.split.map(find))
    if header != nil { guard try table.next() else { return } }
    repeat {
      guard table.fields.count == count else {
        throw InputError(
          file: rows.file, place: "line \(table.line)",
          "\(table.fields.count) \(table.fields.count == 1 ? "column" : "columns"), expected \(count) as in line 1")
      }
      try rows.append(
        text: table.text(columns.text), pair: columns.pair.map { table.text($0) }, label: table.text(columns.label),
        split: columns.split.map { table.text($0) }, line: table.line)
    } while try table.next()
  }

  /// The index of a column.
  private static func column(
    _ name: String, header: [String]?, count: Int, file: String
  ) throws(InputError) -> Int {
    if let header {
      let matches = header.indices.filter { header[$0] == name }
      if matches.count > 1 {
        throw InputError(
          file: file, place: "line 1",
          "\(matches.count) columns are called \(LabelledRows.shown(name)), expected a 0-based index")
      }
      if let match = matches.first { return match }
    }
    // A plus sign makes no index.
    if let index = Int(name), index >= 0, name.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") }), index < count {
      return index
    }
    let known =
      header.map { "the columns are " + LabelledRows.shown($0) }
      ?? "without a header expected an index, \(count == 1 ? "0" : "0 to \(count - 1)")"
    throw InputError(file: file, place: "line 1", "no column \(LabelledRows.shown(name)), \(known)")
  }
}
