// The rows of a data file, labels still as text.

import Models

/// What a data file holds, a row an element in each array, in file order.
public struct LabelledRows: Sendable, Equatable {
  /// The path, for errors.
  public let file: String
  public internal(set) var texts: [String] = []
  /// nil where no pair column was asked for; likewise `splits`.
  public internal(set) var pairs: [String]?
  public internal(set) var labels: [String] = []
  public internal(set) var splits: [Split]?
  /// The 1-based line that each row begins on.
  public internal(set) var lines: [Int] = []

  /// Which part of an experiment a row belongs to.
  public enum Split: String, Sendable, CaseIterable {
    case train, dev, test

    /// - Parameter text: as a split column has it; `validation` is another word for dev.
    init?(text: String) {
      self.init(rawValue: text == "validation" ? "dev" : text)
    }
  }

  /// - Parameters:
  ///   - hasPairs: whether rows will come with a second text.
  ///   - hasSplits: whether rows will say their split.
  init(file: String, hasPairs: Bool, hasSplits: Bool) {
    self.file = file
    pairs = hasPairs ? [] : nil
    splits = hasSplits ? [] : nil
  }

  /// - Throws: for an empty label or an unknown split.
  mutating func append(text: String, pair: String?, label: String, split: String?, line: Int) throws(InputError) {
    guard !label.isEmpty else { throw InputError(file: file, place: "line \(line)", "the label is empty") }
    texts.append(text)
    labels.append(label)
    lines.append(line)
    if let pair { pairs?.append(pair) }
    if let split {
      guard let part = Split(text: split) else {
        throw InputError(
          file: file, place: "line \(line)",
          "split \(Self.shown(split)), expected train, dev, validation or test")
      }
      splits?.append(part)
    }
  }

  public var count: Int { texts.count }

  /// The rows of one split, or all of them where there is no split column.
  func rows(of split: Split) -> LabelledRows {
    guard let splits else { return self }
    var part = LabelledRows(file: file, hasPairs: pairs != nil, hasSplits: false)
    for i in splits.indices where splits[i] == split {
      part.texts.append(texts[i])
      part.labels.append(labels[i])
      part.lines.append(lines[i])
      if let pairs { part.pairs?.append(pairs[i]) }
    }
    return part
  }

  /// The rows with class ids.
  /// - Throws: for a label that is not among `set`.
  func examples(_ set: LabelSet) throws(InputError) -> TextExamples {
    let known = set.ids
    var ids: [Int32] = []
    ids.reserveCapacity(count)
    for (i, label) in labels.enumerated() {
      guard let id = known[label] else {
        throw InputError(
          file: file, place: "line \(lines[i])",
          "label \(Self.shown(label)) does not occur in training, expected \(set.shown)")
      }
      ids.append(id)
    }
    return TextExamples(texts: texts, pairs: pairs, labels: ids)
  }

  /// A cell as an error shows it.
  static func shown(_ text: String) -> String { TOMLNode.string(text).shown }

  /// Column names as an error lists them.
  static func shown(_ names: [String]) -> String {
    names.prefix(20).map { shown($0) }.joined(separator: ", ") + (names.count > 20 ? ", …" : "")
  }
}
