// The loss of a language model: the next token, wherever one counts.

import Kernels
import Models

/// Mean cross entropy of the next token over all counted tokens of a batch, whichever worker has them. Where a step has
/// several micro-batches, each counts alike, however many tokens it has.
public final class LanguageModelObjective: Objective {
  private let head: TokenHead

  public init(_ head: TokenHead) { self.head = head }

  public var usesOutputs: Bool { true }

  public func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, outputs: FloatPointer, columns: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float, _ workspace: Workspace
  ) -> Double {
    let share = 1 / Double(max(batch.targetCount, 1))
    let sum = head.loss(
      outputs, targets: batch.targets + Int(batch.offsets[sequences.lowerBound]), gradient: gradient,
      scale: share * Double(scale), rows: batch.rows(sequences), workspace)
    return sum * share
  }
}

extension SequenceModel {
  /// What the model learns by: the right class, or the next token.
  var objective: any Objective { tokenHead.map { LanguageModelObjective($0) } ?? ClassificationObjective() }
}
