// Sequences laid end to end, so that no padded position is ever computed.

/// A batch of sequences packed one after another, each with the number of its example and with its label, or its tokens
/// with what follows them.
public final class PackedBatch: @unchecked Sendable {
  // Unchecked: filled by the trainer's thread between steps, read by workers within one.
  public private(set) var sequences = 0
  public private(set) var tokens = 0
  /// [tokens].
  public let tokenIDs: UnsafeMutablePointer<Int32>
  /// [tokens], 0 for the first text of a pair and 1 for the second.
  public let typeIDs: UnsafeMutablePointer<Int32>
  /// [sequences + 1], the rows at which sequences begin.
  public let offsets: UnsafeMutablePointer<Int32>
  /// [sequences].
  public let labels: UnsafeMutablePointer<Int32>
  /// [tokens], the next token of each that a language model is to predict; −1 where none counts.
  public let targets: UnsafeMutablePointer<Int32>
  /// How many tokens have a target.
  public private(set) var targetCount = 0
  /// [sequences], where each came from.
  public let examples: UnsafeMutablePointer<Int32>
  /// One run of sequences for each worker.
  public private(set) var shards: [Range<Int>]
  private let sequenceCapacity: Int
  private let tokenCapacity: Int

  public init(sequenceCapacity: Int, tokenCapacity: Int, workers: Int) {
    self.sequenceCapacity = sequenceCapacity
    self.tokenCapacity = tokenCapacity
    tokenIDs = .allocate(capacity: tokenCapacity)
    typeIDs = .allocate(capacity: tokenCapacity)
    offsets = .allocate(capacity: sequenceCapacity + 1)
    labels = .allocate(capacity: sequenceCapacity)
    targets = .allocate(capacity: tokenCapacity)
    examples = .allocate(capacity: sequenceCapacity)
    shards = Array(repeating: 0..<0, count: workers)
    offsets[0] = 0
  }

  deinit {
    tokenIDs.deallocate()
    typeIDs.deallocate()
    offsets.deallocate()
    labels.deallocate()
    targets.deallocate()
    examples.deallocate()
  }

  public func clear() {
    sequences = 0
    tokens = 0
    targetCount = 0
    for worker in shards.indices { shards[worker] = 0..<0 }
  }

  /// Adds a sequence to the end, as part of `worker`'s shard. Workers must come in order.
  /// - Parameter counted: for each token, whether its prediction from those before it counts; nil where none does.
  /// - Precondition: there is room.
  public func append(
    _ ids: UnsafePointer<Int32>, types: UnsafePointer<Int32>?, counted: UnsafePointer<Bool>? = nil, count: Int,
    label: Int32, example: Int32, worker: Int
  ) {
    precondition(
      sequences < sequenceCapacity && tokens + count <= tokenCapacity,
      "a batch of \(sequenceCapacity) sequences and \(tokenCapacity) tokens is full")
    (tokenIDs + tokens).update(from: ids, count: count)
    if let types {
      (typeIDs + tokens).update(from: types, count: count)
    } else {
      (typeIDs + tokens).update(repeating: 0, count: count)
    }
    for i in 0..<count {
      let counts = i + 1 < count && counted?[i + 1] == true
      targets[tokens + i] = counts ? ids[i + 1] : -1
      targetCount += counts ? 1 : 0
    }
    labels[sequences] = label
    examples[sequences] = example
    shards[worker] = (shards[worker].isEmpty ? sequences : shards[worker].lowerBound)..<sequences + 1
    sequences += 1
    tokens += count
    offsets[sequences] = Int32(tokens)
  }

  /// The rows of a run of sequences.
  public func rows(_ range: Range<Int>) -> Int {
    range.isEmpty ? 0 : Int(offsets[range.upperBound] - offsets[range.lowerBound])
  }

  /// Σ length² over a run of sequences.
  public func squaredLengths(_ range: Range<Int>) -> Int {
    range.reduce(0) { sum, s in
      let length = Int(offsets[s + 1] - offsets[s])
      return sum + length * length
    }
  }
}
