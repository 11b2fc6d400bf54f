// Labelled texts, before tokenization.

/// Texts, or pairs of texts, with their classes; the arrays run in parallel.
public struct TextExamples: Sendable, Equatable {
  public var texts: [String]
  /// The second text of each pair; nil where examples are single texts.
  public var pairs: [String]?
  /// Class ids, 0-based.
  public var labels: [Int32]

  public init(texts: [String], pairs: [String]? = nil, labels: [Int32]) {
    precondition(
      texts.count == labels.count && pairs?.count ?? texts.count == texts.count,
      "\(texts.count) texts, \(pairs?.count ?? texts.count) pairs, \(labels.count) labels")
    self.texts = texts
    self.pairs = pairs
    self.labels = labels
  }

  public var count: Int { texts.count }
}
