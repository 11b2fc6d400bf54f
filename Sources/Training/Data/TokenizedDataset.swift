// A data set as the model sees it: token ids end to end.

import Kernels
import Models

/// Tokenized examples in flat arrays; example i is `ids[offsets[i]..<offsets[i + 1]]`.
public struct TokenizedDataset: Sendable {
  public private(set) var ids: [Int32] = []
  /// 0 for the first text of a pair, 1 for the second.
  public private(set) var types: [Int32] = []
  public private(set) var offsets: [Int] = [0]
  /// One an example; empty of a language model's data.
  public private(set) var labels: [Int32] = []
  /// Of a language model's data, for each token: whether its prediction counts in the loss. Empty where examples have
  /// labels.
  public private(set) var counted: [Bool] = []

  public init() {}

  /// - Parameters:
  ///   - maxLength: in tokens, the special ones included.
  ///   - pool: shares the work, to the same ids; nil does it on this thread.
  public init(_ examples: TextExamples, tokenizer: any Tokenizer, maxLength: Int, on pool: WorkerPool? = nil) {
    self.init(count: examples.count, on: pool) { index, dataset in
      tokenizer.append(
        examples.texts[index], pair: examples.pairs?[index], maxLength: maxLength, to: &dataset.ids,
        typeIDs: &dataset.types)
      dataset.offsets.append(dataset.ids.count)
    }
    labels = examples.labels
  }

  /// The data set that `append` makes of places 0..<count, one after another.
  init(count: Int, on pool: WorkerPool?, append: @escaping @Sendable (Int, inout TokenizedDataset) -> Void) {
    let phase = TokenizePhase(count, workers: pool?.count ?? 1, append)
    if let pool { pool.run(phase) } else { phase.run(worker: 0) }
    let parts = phase.parts
    ids.reserveCapacity(parts.reduce(0) { $0 + $1.ids.count })
    types.reserveCapacity(ids.capacity)
    offsets.reserveCapacity(parts.reduce(1) { $0 + $1.count })
    for part in parts {
      let start = ids.count
      ids += part.ids
      types += part.types
      counted += part.counted
      offsets += part.offsets.dropFirst().lazy.map { $0 + start }
    }
  }

  public mutating func append(ids newIDs: [Int32], types newTypes: [Int32], label: Int32) {
    ids += newIDs
    types += newTypes
    offsets.append(ids.count)
    labels.append(label)
  }

  /// Adds a sequence for a language model.
  /// - Parameter newCounted: for each token, whether its prediction from those before it counts; the first has none
  ///   before it, so that what is said of it makes no difference.
  public mutating func append(ids newIDs: [Int32], counted newCounted: [Bool]) {
    precondition(newIDs.count == newCounted.count, "\(newIDs.count) tokens, \(newCounted.count) flags")
    ids += newIDs
    types += Array(repeating: 0, count: newIDs.count)
    counted += newCounted
    offsets.append(ids.count)
  }

  public var count: Int { offsets.count - 1 }

  public func length(_ example: Int) -> Int { offsets[example + 1] - offsets[example] }

  /// The most tokens that `sequences` examples can have together.
  public func mostTokens(in sequences: Int) -> Int {
    (0..<count).map(length).sorted(by: >).prefix(sequences).reduce(0, +)
  }
}

/// Each worker tokenizes a run of examples of its own.
private final class TokenizePhase: ParallelPhase, @unchecked Sendable {
  // Unchecked: workers write to shares of their own; the rest is never written.
  private let count: Int
  private let append: @Sendable (Int, inout TokenizedDataset) -> Void
  private let shares: [Share]

  private final class Share {
    var dataset = TokenizedDataset()
  }

  init(_ count: Int, workers: Int, _ append: @escaping @Sendable (Int, inout TokenizedDataset) -> Void) {
    self.count = count
    self.append = append
    shares = (0..<workers).map { _ in Share() }
  }

  /// In the order of the examples.
  var parts: [TokenizedDataset] { shares.map(\.dataset) }

  func run(worker: Int) {
    var part = TokenizedDataset()
    for index in count * worker / shares.count..<count * (worker + 1) / shares.count { append(index, &part) }
    shares[worker].dataset = part
  }
}
