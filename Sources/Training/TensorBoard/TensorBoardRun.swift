// What a run tells TensorBoard, under the tags of loralib where it has them.

import AdaLoRA
import Foundation
import Models

/// Writes the steps of one run. Used from one thread.
///
/// `train/`, `eval/`, `Budget/` and `Ranknum/` are scalars, `Scores/` and `Importance/` histograms. loralib's tags, so
/// that its runs and these share their charts: `Ranknum/<module>.lora_E`, `Budget/total_rank`, `Budget/mask_threshold`,
/// `Budget/sum_param`, `Orth_regu_loss/<module>.lora_A` (Q) and `.lora_B` (P), `train/orth_regu_loss`.
public final class TensorBoardRun {
  private let log: TensorBoardLog
  private let description: RunDescription
  private let isAdaptive: Bool
  /// As written last.
  private var ranks: [Int] = []

  /// - Parameters:
  ///   - folder: of this run alone: a run is a folder to TensorBoard, and the newest in it counts.
  ///   - step: the first that will be written.
  ///   - now: Unix time in seconds of the step that is written.
  public init(
    folder: String, description: RunDescription, from step: Int = 0,
    now: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws(InputError) {
    log = try TensorBoardLog(folder: folder, from: step, now: now)
    self.description = description
    isAdaptive = description.allocates
  }

  /// The event file.
  public var path: String { log.path }

  /// The run goes on from `step` again: what has been written of it and of later steps is void.
  public func restart(from step: Int) {
    log.restart(from: step)
    ranks = []
  }

  /// Writes a step; it is in the file afterwards.
  /// - Parameters:
  ///   - ranks: kept triplets a module; empty where rank is fixed. They are written when one has changed, and with scores.
  ///   - triplets: on steps whose scores are wanted.
  ///   - orth: ‖PᵀP − I‖_F and ‖QQᵀ − I‖_F a module.
  /// - Throws: of kind `unwritable`, once: after a failure nothing is written any more.
  public func write(
    record: StepRecord, ranks: [Int], triplets: TripletFrame? = nil, orth: [Float]? = nil
  ) throws(InputError) {
    let step = record.step
    func scalars(_ group: String, _ values: KeyValuePairs<String, Double>) {
      for (name, value) in values { log.scalar("\(group)/\(name)", value, step: step) }
    }
    scalars(
      "train",
      [
        "loss": record.loss, "task_loss": record.taskLoss, "grad_norm": record.gradNorm, "lr": record.lr,
        "tokens": Double(record.tokens), "step_ms": record.stepMs,
      ])
    for metric in record.eval?.metrics ?? [] { log.scalar("eval/\(metric.name)", metric.value, step: step) }
    if isAdaptive {
      scalars(
        "train",
        [
          "orth": record.orth, "beta1": record.beta1, "beta2": record.beta2, "orth_reg_weight": record.orthRegWeight,
          "deltaT": Double(record.deltaT), "target_r": record.targetR,
        ])
      scalars(
        "Budget",
        [
          "budget": Double(record.budget), "total_rank": Double(record.kept), "nonzero": Double(record.nonzero),
        ])
      if let threshold = record.threshold { log.scalar("Budget/mask_threshold", threshold, step: step) }
      if ranks != self.ranks || triplets != nil { write(ranks, step: step) }
    }
    if let triplets { write(triplets, step: step) }
    if let orth { write(orth: orth, step: step) }
    try log.flush()
  }

  /// Writes the step that `session` has just done. From its `onStep`.
  ///
  /// Scores and norms are written at even steps, as many as TensorBoard shows of a histogram, and after the last step.
  public func write(_ record: StepRecord, of session: Session) throws(InputError) {
    guard let allocator = session.trainer.allocator else { return try write(record: record, ranks: []) }
    let interval = (description.totalSteps + Self.shown - 2) / (Self.shown - 1)
    let isWanted = record.step % interval == 0 || record.step == description.totalSteps - 1
    try write(
      record: record, ranks: allocator.ranks, triplets: isWanted ? session.tripletFrame() : nil,
      orth: isWanted ? OrthogonalityRegularizer.norms(session.trainer.store) : nil)
  }

  /// Of more, TensorBoard draws a sample.
  private static let shown = 51

  private func write(_ ranks: [Int], step: Int) {
    var parameters = 0
    for (module, rank) in zip(description.modules, ranks) {
      log.scalar("Ranknum/\(module.name).lora_E", Double(rank), step: step)
      parameters += rank * (module.outputSize + module.inputSize)
    }
    log.scalar("Budget/sum_param", Double(parameters), step: step)
    self.ranks = ranks
  }

  /// S by the run's own rule, of all triplets and of each module's.
  private func write(_ triplets: TripletFrame, step: Int) {
    guard let scores = triplets.scores[description.score] else { return }
    log.histogram("Scores/S", scores, step: step)
    let rank = description.initialRank
    for (k, module) in description.modules.enumerated() where (k + 1) * rank <= scores.count {
      log.histogram("Importance/\(module.name)", scores[k * rank..<(k + 1) * rank], step: step)
    }
  }

  private func write(orth norms: [Float], step: Int) {
    for (k, module) in description.modules.enumerated() where 2 * k + 1 < norms.count {
      log.scalar("Orth_regu_loss/\(module.name).lora_B", Double(norms[2 * k]), step: step)
      log.scalar("Orth_regu_loss/\(module.name).lora_A", Double(norms[2 * k + 1]), step: step)
    }
    let mean = norms.reduce(0) { $0 + Double($1) } / Double(max(norms.count, 1))
    log.scalar("train/orth_regu_loss", mean, step: step)
  }
}
