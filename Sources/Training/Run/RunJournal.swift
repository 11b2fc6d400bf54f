// What makes a run last: checkpoints, the log of its changes and its database, kept in step with the training.

import AdaLoRA
import Foundation
import GRDB
import Models

/// Keeps one run in its folder. Used from the trainer's thread; the database has a thread of its own.
///
/// Order matters, since the process may end between any two lines: rows reach the disk before the checkpoint that
/// follows them, a change is checkpointed and logged before it has effect, and going back is logged before anything is
/// removed.
final class RunJournal {
  let checkpoints: CheckpointFolder
  private let folder: RunFolder
  private let changes: InterventionLog
  private let recorder: TelemetryRecorder
  private let every: Int
  private var best: CheckpointState.Best?
  private var beforeChange: Int?
  /// Of earlier processes.
  private var wallSeconds: Double
  private let start = ContinuousClock.now

  /// - Parameters:
  ///   - origin: what the run goes on from; nil where it begins.
  ///   - facts: of the machine and the run, for the database.
  ///   - onCommit: what the disk says of each transaction, see `TelemetryRecorder`.
  init(
    _ folder: RunFolder, description: RunDescription, experiment: Experiment, origin: Checkpoint?,
    facts: [String: String], onCommit: @escaping @Sendable (Database) throws -> Void = { _ in }
  ) throws(InputError) {
    self.folder = folder
    checkpoints = CheckpointFolder(path: folder.checkpoints)
    try checkpoints.make()
    changes = try InterventionLog(path: folder.interventions)
    every = experiment.training.checkpointEvery
    best = origin?.state.best
    beforeChange = origin?.state.beforeChange
    wallSeconds = origin?.state.wallSeconds ?? 0
    recorder = try TelemetryRecorder(
      path: folder.telemetry, description: description, facts: facts, scoresEvery: experiment.telemetry.scoresEvery,
      resumeAt: origin?.state.step ?? 0, onCommit: onCommit)
    // Not before it is sure that the run can go on.
    checkpoints.remove(after: origin?.state.step ?? -1)
    AtomicFile.syncFolder(of: folder.checkpoints)
  }

  // MARK: Steps

  /// The last step that the database has a row of.
  var lastRecordedStep: Int? { recorder.lastStep }

  /// Returns when all that was recorded is on disk.
  func flush() throws(InputError) {
    guard recorder.flush() else {
      throw InputError(.unwritable, file: "", recorder.trouble ?? "\(folder.telemetry): cannot be written")
    }
  }

  /// Why nothing can be recorded at the moment; nil when all is well.
  var trouble: String? { recorder.trouble }

  func record(_ record: StepRecord, _ session: Session, masked: Bool) {
    let wants = recorder.wantsTriplets(step: record.step, masked: masked)
    let ranks = wants ? session.currentRanks : ([], [])
    recorder.record(
      step: record, learningRate: session.trainer.options.learningRate, triplets: wants ? session.tripletFrame() : nil,
      ranks: ranks.0, nonzero: ranks.1, masked: masked,
      orth: wants ? OrthogonalityRegularizer.norms(session.trainer.store) : nil)
  }

  func record(_ event: Event) { recorder.record(event) }
  func record(schedule: BudgetSchedule, from step: Int) { recorder.record(schedule, from: step) }
  func record(test: Evaluation, step: Int) { recorder.record(test, split: "test", step: step) }
  func setLive(_ live: LiveState) { recorder.setLive(live) }

  /// Records the time and the memory that the run has taken so far.
  func recordCost() { recorder.record(wallSeconds: secondsSoFar, peakRSSBytes: Machine.peakResidentBytes) }

  /// Whether a checkpoint is due when so many steps are done.
  func isDue(_ stepsDone: Int) -> Bool { every > 0 && stepsDone % every == 0 }

  /// Notes an evaluation; the best so far is kept.
  /// - Returns: whether it is the best.
  func note(_ evaluation: Evaluation, step: Int) -> Bool {
    guard evaluation.merit.isFinite, evaluation.merit > best?.value ?? -.infinity else { return false }
    best = CheckpointState.Best(step: step, value: evaluation.merit)
    return true
  }

  // MARK: Checkpoints

  /// Writes the state as it is now.
  func checkpoint(_ session: Session, isBeforeChange: Bool = false) throws(InputError) {
    let step = session.trainer.stepsDone
    try flush()
    if isBeforeChange { beforeChange = step }
    try Checkpoint.write(session.trainer, to: checkpoints.file(step: step)) { state in
      state.interventions = session.interventions
      state.lastEvaluation = session.lastEvaluation
      state.best = best
      state.beforeChange = beforeChange
      state.wallSeconds = secondsSoFar
    }
    checkpoints.prune(keeping: [best?.step, beforeChange])
  }

  private var secondsSoFar: Double { wallSeconds + start.duration(to: .now) / .seconds(1) }

  // MARK: Changes

  /// Scheduled commands that were done.
  var doneSchedule: Set<Int> { changes.doneSchedule }

  /// Changes that were logged after the state that the run goes on from.
  func changes(after state: [Intervention]) -> [Intervention] {
    let standing = changes.standing
    return standing.count > state.count ? Array(standing[state.count...]) : []
  }

  /// Makes a change durable, before it has effect.
  func log(_ change: Intervention, scheduled: Int?) throws(InputError) {
    try changes.append(change, scheduled: scheduled)
  }

  func record(_ change: Intervention) { recorder.record(change) }

  /// The newest checkpoint at or before a step whose changes are the beginning of those given.
  func checkpoint(upTo step: Int, within standing: [Intervention]) -> Checkpoint? {
    checkpoints.newest(upTo: step, of: standing).checkpoint
  }

  /// Goes back to a checkpoint: everything after it is removed, from the log only in effect.
  func goBack(to checkpoint: Checkpoint, keeping kept: Int) throws(InputError) {
    try changes.goBack(keeping: kept)
    checkpoints.remove(after: checkpoint.state.step)
    best = checkpoint.state.best
    beforeChange = checkpoint.state.beforeChange
    recorder.truncate(from: checkpoint.state.step)
  }

  /// - Throws: what of the database could not be written.
  func close() throws(InputError) { try recorder.close() }
}
