// Tables as RFC 4180 has them: a header, CRLF after each line, quotes where a field needs them.

struct CSVTable {
  private(set) var text = ""
  private let columns: Int

  init(_ header: [String]) {
    columns = header.count
    add(header)
  }

  /// - Precondition: as many fields as the header has.
  mutating func add(_ fields: [String]) {
    precondition(fields.count == columns, "\(fields.count) fields in a table of \(columns)")
    text += fields.map(Self.quoted).joined(separator: ",") + "\r\n"
  }

  private static func quoted(_ field: String) -> String {
    let needsQuotes = field.unicodeScalars.contains { $0 == "," || $0 == "\"" || $0 == "\r" || $0 == "\n" }
    guard needsQuotes else { return field }
    var text = "\""
    for scalar in field.unicodeScalars {
      if scalar == "\"" { text += "\"" }
      text.unicodeScalars.append(scalar)
    }
    return text + "\""
  }

  // MARK: Fields

  /// The shortest text that reads back as the same value; `nan`, `inf` and `-inf` as Python and R read them.
  static func field(_ value: Double) -> String { value.description }
  static func field(_ value: Double?) -> String { value?.description ?? "" }
  /// The float's exact value, so that a reader of doubles gets what the run had.
  static func field(_ value: Float?) -> String { value.map { Double($0).description } ?? "" }
  static func field(_ value: Int?) -> String { value.map(String.init) ?? "" }
  static func field(_ value: Bool?) -> String { value.map { $0 ? "true" : "false" } ?? "" }
}
