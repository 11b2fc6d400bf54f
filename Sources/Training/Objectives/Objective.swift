// What a step minimises: each objective sees the model's outputs and, through taps, every linear module's.

import Foundation
import Kernels
import Models

/// A task loss over a batch that workers evaluate shard by shard.
public protocol Objective: AnyObject, Sendable {
  /// Whether the loss's gradient enters through the model's outputs.
  var usesOutputs: Bool { get }
  /// Called on the trainer's thread when a batch is filled.
  func begin(_ batch: PackedBatch)
  /// Run by every worker before any of them begins the model's forward; nil where there is nothing to prepare.
  var preparation: (any ParallelPhase)? { get }
  /// What listens to the model's modules while `worker` runs it.
  func tap(worker: Int) -> (any ModuleTap)?
  /// This shard's share of the batch's loss, after forward.
  /// - Parameters:
  ///   - outputs: of the model: logits, [sequences.count, columns], or a language model's states, [tokens, columns].
  ///   - gradient: receives the share's gradient times `scale`, laid out like the outputs.
  ///   - workspace: the worker's.
  func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, outputs: FloatPointer, columns: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float, _ workspace: Workspace
  ) -> Double
}

/// Of an objective that looks at the model's outputs alone.
extension Objective {
  public func begin(_ batch: PackedBatch) {}
  public var preparation: (any ParallelPhase)? { nil }
  public func tap(worker: Int) -> (any ModuleTap)? { nil }
}

/// Mean cross entropy of the right class over the batch's sequences.
public final class ClassificationObjective: Objective {
  public init() {}

  public var usesOutputs: Bool { true }

  public func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, outputs: FloatPointer, columns: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float, _ workspace: Workspace
  ) -> Double {
    let share = 1 / Double(batch.sequences)
    var sum = 0.0
    for (row, sequence) in sequences.enumerated() {
      let label = Int(batch.labels[sequence])
      sum += CrossEntropy.forward(
        outputs + row * columns, label: label, classes: columns, gradient: gradient + row * columns,
        scale: share * Double(scale))
    }
    return sum * share
  }
}

/// −log softmax(logits)[label].
public enum CrossEntropy {
  /// The loss of one row; `gradient` receives scale·(softmax − onehot). Sums in double.
  public static func forward(
    _ logits: FloatPointer, label: Int, classes: Int, gradient: MutableFloatPointer, scale: Double
  ) -> Double {
    precondition(label >= 0 && label < classes, "label \(label) of \(classes) classes")
    var largest = logits[0]
    for k in 1..<max(classes, 1) { largest = max(largest, logits[k]) }
    var sum = 0.0
    for k in 0..<classes { sum += exp(Double(logits[k] - largest)) }
    for k in 0..<classes {
      let p = exp(Double(logits[k] - largest)) / sum
      gradient[k] = Float(scale * (p - (k == label ? 1 : 0)))
    }
    return log(sum) - Double(logits[label] - largest)
  }
}
