// A data set as the model sees it: token ids end to end.

import Models

/// Tokenized examples in flat arrays; example i is `ids[offsets[i]..<offsets[i + 1]]`.
public struct TokenizedDataset: Sendable {
  public private(set) var ids: [Int32] = []
  /// 0 for the first text of a pair, 1 for the second.
  public private(set) var types: [Int32] = []
  public private(set) var offsets: [Int] = [0]
  public private(set) var labels: [Int32] = []

  public init() {}

  /// - Parameter maxLength: in tokens, the special ones included.
  public init(_ examples: TextExamples, tokenizer: any Tokenizer, maxLength: Int) {
    for i in examples.texts.indices {
      let encoding = tokenizer.encode(examples.texts[i], pair: examples.pairs?[i], maxLength: maxLength)
      append(ids: encoding.ids, types: encoding.typeIDs, label: examples.labels[i])
    }
  }

  public mutating func append(ids newIDs: [Int32], types newTypes: [Int32], label: Int32) {
    ids += newIDs
    types += newTypes
    offsets.append(ids.count)
    labels.append(label)
  }

  public var count: Int { labels.count }

  public func length(_ example: Int) -> Int { offsets[example + 1] - offsets[example] }

  /// The most tokens that `sequences` examples can have together.
  public func mostTokens(in sequences: Int) -> Int {
    (0..<count).map(length).sorted(by: >).prefix(sequences).reduce(0, +)
  }
}
