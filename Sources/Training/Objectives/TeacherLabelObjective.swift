// The planted experiment from class labels alone, which do not tell where the teacher was changed.

import Kernels
import Models

/// Cross entropy against the class that a teacher finds most likely.
public final class TeacherLabelObjective: Objective, @unchecked Sendable {
  // Unchecked: workers write the labels of their own shard only.
  private let teacherPhase: TeacherPhase
  private let classification = ClassificationObjective()

  public init(teacher: any SequenceModel, workers: Int) {
    let classes = teacher.labelCount
    teacherPhase = TeacherPhase(teacher, taps: Array(repeating: nil, count: workers))
    teacherPhase.didRun = { _, batch, shard, logits in
      guard let logits else { return }
      for (row, sequence) in shard.enumerated() {
        var best = 0
        for k in 1..<classes where logits[row * classes + k] > logits[row * classes + best] { best = k }
        batch.labels[sequence] = Int32(best)
      }
    }
  }

  public var usesOutputs: Bool { true }
  public var preparation: (any ParallelPhase)? { teacherPhase }
  public func begin(_ batch: PackedBatch) { teacherPhase.prepare(batch) }

  public func loss(
    _ batch: PackedBatch, _ sequences: Range<Int>, outputs: FloatPointer, columns: Int, worker: Int,
    gradient: MutableFloatPointer, scale: Float, _ workspace: Workspace
  ) -> Double {
    classification.loss(
      batch, sequences, outputs: outputs, columns: columns, worker: worker, gradient: gradient, scale: scale, workspace)
  }
}
