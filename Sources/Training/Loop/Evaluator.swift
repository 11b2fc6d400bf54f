// Runs a model over a data set without dropout.

import Kernels
import Models

/// Evaluates in packed batches of like lengths, over all workers.
final class Evaluator {
  private let dataset: TokenizedDataset
  private let order: [Int]
  private let batchSize: Int
  /// Sequences at once, of short texts.
  static let batchSize = 64
  private var planner: ShardPlanner
  private let batch: PackedBatch

  init(_ dataset: TokenizedDataset, batchSize: Int = Evaluator.batchSize, workers: Int) {
    self.dataset = dataset
    self.batchSize = min(batchSize, max(dataset.count, 1))
    // Like lengths together, so that the arena's largest need is met once; ties in file order.
    order = (0..<dataset.count).sorted { (dataset.length($0), $0) > (dataset.length($1), $1) }
    planner = ShardPlanner(sequences: self.batchSize, workers: workers)
    batch = PackedBatch(
      sequenceCapacity: self.batchSize, tokenCapacity: dataset.mostTokens(in: self.batchSize), workers: workers)
  }

  /// - Parameter onLogits: called with each example's number and its logits, in no particular order; a language model's
  ///   are those of what follows the example.
  func evaluate(
    _ team: WorkerTeam, shouldStop: () -> Bool = { false }, onLogits: ((Int, [Float]) -> Void)? = nil
  ) -> Evaluation? {
    let classes = team.model.labelCount
    var confusion = ConfusionMatrix(classes: classes)
    var loss = 0.0
    // What the loss is a mean over: examples, or counted tokens.
    var counted = 0
    let gradient = Buffer(count: classes)
    for start in stride(from: 0, to: dataset.count, by: batchSize) {
      guard !shouldStop() else { return nil }
      let count = min(batchSize, dataset.count - start)
      batch.clear()
      planner.plan(count: count) { dataset.length(order[start + $0]) }
      planner.forEach(count: count) { i, worker in
        batch.append(dataset, example: order[start + i], worker: worker)
      }
      team.forward(batch)
      if let head = team.model.tokenHead {
        loss += team.tokenLoss(batch, head)
        counted += batch.targetCount
        guard let onLogits else { continue }
        for (worker, shard) in batch.shards.enumerated() {
          guard let states = team.outputs(worker) else { continue }
          for sequence in shard {
            let last = Int(batch.offsets[sequence + 1] - batch.offsets[shard.lowerBound]) - 1
            onLogits(
              Int(batch.examples[sequence]),
              head.logits(states + last * head.weight.inputSize, team.workspace(worker)))
          }
        }
        continue
      }
      counted += batch.sequences
      for worker in batch.shards.indices {
        for (row, sequence) in batch.shards[worker].enumerated() {
          guard let shard = team.outputs(worker) else { continue }
          let logits = shard + row * classes
          let label = Int(batch.labels[sequence])
          loss += CrossEntropy.forward(logits, label: label, classes: classes, gradient: gradient.base, scale: 1)
          let prediction = (0..<classes).reduce(0) { logits[$1] > logits[$0] ? $1 : $0 }
          confusion.add(truth: label, prediction: prediction)
          onLogits?(Int(batch.examples[sequence]), (0..<classes).map { logits[$0] })
        }
      }
    }
    let mean = loss / Double(max(counted, 1))
    if team.model.tokenHead != nil { return Evaluation(loss: mean) }
    return Evaluation(
      loss: mean, accuracy: confusion.accuracy, matthews: confusion.matthews,
      f1: confusion.f1)
  }
}
