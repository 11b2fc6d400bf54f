// Where batches come from: shuffled data sets, recordings, or a random generator.

import Kernels
import Models

/// Fills one batch after another, without allocating.
public protocol BatchSource: AnyObject {
  /// The most sequences and tokens a batch can have.
  var capacity: (sequences: Int, tokens: Int) { get }
  /// Clears the batch and fills it with the next examples, spread over its shards.
  func fill(_ batch: PackedBatch)
}

/// Where a batch source stands: what it needs to go on with the very next batch.
struct BatchPosition: Codable, Sendable, Equatable {
  var random: RandomSource
  /// Of the examples; empty where there is no data set.
  var order: [Int32] = []
  /// The next place in `order`.
  var offset = 0
}

/// A source that a run can be resumed on.
protocol ResumableBatchSource: BatchSource {
  var position: BatchPosition { get }
  /// - Returns: false, and nothing changed, where the position is not one of this source's.
  func seek(to position: BatchPosition) -> Bool
}

/// Deals sequences to workers so that each gets about as much work: linear layers cost by the token, attention by the
/// square of a length.
struct ShardPlanner {
  private var owner: [Int]
  private var order: [Int]
  private var load: [Int]

  init(sequences: Int, workers: Int) {
    owner = Array(repeating: 0, count: sequences)
    order = Array(repeating: 0, count: sequences)
    load = Array(repeating: 0, count: workers)
  }

  /// The length at which attention costs as much as everything else: 6·d of a transformer of width d, here 512, of which
  /// the exact value hardly matters.
  private static let attentionLength = 6 * 512

  /// Longest first, each to the least loaded worker. O(n²) in the batch's sequences, of which there are few.
  mutating func plan(count: Int, length: (Int) -> Int) {
    for worker in load.indices { load[worker] = 0 }
    for i in 0..<count {
      var place = i
      while place > 0, length(order[place - 1]) < length(i) {
        order[place] = order[place - 1]
        place -= 1
      }
      order[place] = i
    }
    for place in 0..<count {
      var lightest = 0
      for worker in load.indices where load[worker] < load[lightest] { lightest = worker }
      owner[order[place]] = lightest
      let tokens = length(order[place])
      load[lightest] += tokens * (Self.attentionLength + tokens)
    }
  }

  /// Calls `body` with each sequence and its worker, worker by worker.
  func forEach(count: Int, _ body: (_ sequence: Int, _ worker: Int) -> Void) {
    for worker in load.indices {
      for i in 0..<count where owner[i] == worker { body(i, worker) }
    }
  }
}

/// Batches of a data set in a seeded order, drawn anew when fewer than a batch are left, as PEFT's example loops do.
public final class ShuffledBatches: ResumableBatchSource {
  private let dataset: TokenizedDataset
  private let batchSize: Int
  private var random: RandomSource
  private var order: [Int32]
  private var offset: Int
  private var planner: ShardPlanner
  public let capacity: (sequences: Int, tokens: Int)

  public init(_ dataset: TokenizedDataset, batchSize: Int, seed: UInt64, workers: Int) {
    self.dataset = dataset
    self.batchSize = min(batchSize, dataset.count)
    random = RandomSource(seed: seed, purpose: 4)
    order = (0..<Int32(dataset.count)).map { $0 }
    offset = dataset.count
    planner = ShardPlanner(sequences: self.batchSize, workers: workers)
    capacity = (self.batchSize, dataset.mostTokens(in: self.batchSize))
  }

  public func fill(_ batch: PackedBatch) {
    if dataset.count - offset < batchSize {
      random.shuffle(&order)
      offset = 0
    }
    let first = offset
    offset += batchSize
    batch.clear()
    planner.plan(count: batchSize) { dataset.length(Int(order[first + $0])) }
    planner.forEach(count: batchSize) { i, worker in
      batch.append(dataset, example: Int(order[first + i]), worker: worker)
    }
  }
}

extension ShuffledBatches {
  var position: BatchPosition { BatchPosition(random: random, order: order, offset: offset) }

  func seek(to position: BatchPosition) -> Bool {
    guard position.order.count == order.count, position.offset >= 0, position.offset <= order.count,
      isPermutation(position.order)
    else { return false }
    random = position.random
    order = position.order
    offset = position.offset
    return true
  }

  private func isPermutation(_ order: [Int32]) -> Bool {
    var seen = [Bool](repeating: false, count: order.count)
    for example in order {
      guard example >= 0, Int(example) < seen.count, !seen[Int(example)] else { return false }
      seen[Int(example)] = true
    }
    return true
  }
}

extension PackedBatch {
  /// Adds one example of a data set.
  func append(_ dataset: TokenizedDataset, example: Int, worker: Int) {
    dataset.ids.withUnsafeBufferPointer { ids in
      dataset.types.withUnsafeBufferPointer { types in
        dataset.counted.withUnsafeBufferPointer { counted in
          guard let id = ids.baseAddress, let type = types.baseAddress else { return }
          let start = dataset.offsets[example]
          append(
            id + start, types: type + start, counted: counted.isEmpty ? nil : counted.baseAddress.map { $0 + start },
            count: dataset.length(example), label: dataset.labels.isEmpty ? 0 : dataset.labels[example],
            example: Int32(example), worker: worker)
        }
      }
    }
  }
}
