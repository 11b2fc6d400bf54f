// The classes of a task: names in files, ids in the model.

import Models

/// The names of the classes; a class's id is its place.
public struct LabelSet: Sendable, Equatable {
  public let names: [String]

  public init(names: [String]) { self.names = names }

  /// The classes that occur among labels: by value where all are integers, else by text (code point order).
  public init(found labels: some Sequence<String>) {
    let distinct = Set(labels)
    let byText = distinct.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let numbered = byText.compactMap { name in Int(name).map { (value: $0, name: name) } }
    // The sort is stable, so that 01 comes before 1.
    names = numbered.count == distinct.count ? numbered.sorted { $0.value < $1.value }.map(\.name) : byText
  }

  /// A name's class id.
  var ids: [String: Int32] {
    Dictionary(names.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
  }

  /// The names as an error lists them.
  var shown: String {
    let quoted = names.prefix(10).map { LabelledRows.shown($0) }
    return names.count > 10
      ? quoted.joined(separator: ", ") + " or \(names.count - 10) more" : quoted.joined(alternatives: "or")
  }

  /// Reads `labels.json`, an array of names in the order of their ids.
  public static func load(from path: String) throws(InputError) -> LabelSet {
    var names: [String] = []
    for (i, item) in try JSON.read(path: path).array(file: path, at: "").enumerated() {
      names.append(try item.string(file: path, at: "[\(i)]"))
    }
    guard names.count > 0 else { throw InputError(file: path, "no names, expected one a class") }
    guard Set(names).count == names.count else { throw InputError(file: path, "a name occurs twice") }
    return LabelSet(names: names)
  }

  /// Writes `labels.json`, aside first and then in its place.
  public func save(to path: String) throws(InputError) {
    try AtomicFile.write(JSON.array(names.map { .string($0) }).serialized(pretty: false) + "\n", to: path)
  }
}
