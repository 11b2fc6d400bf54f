// A new run out of an old one: the same up to a step, then something else.

import Foundation
import Models

/// Makes the folder of a run that goes on from another's state; `TrainingRun` in `existing` then trains it.
public enum RunFork {
  /// Keys that a running trainer can change: they act from the fork's step on, as an intervention.
  static let live: [String: Hyperparameter] = [
    "adapter.beta1": .beta1, "adapter.beta2": .beta2, "adapter.orth_reg_weight": .orthRegWeight,
    "training.learning_rate": .learningRate, "adapter.deltaT": .deltaT, "adapter.target_r": .targetR,
  ]

  /// Keys that may differ from the checkpoint on, since its state does not depend on them.
  static let loose: Set<String> = [
    "name", "adapter.score", "adapter.lora_dropout", "training.weight_decay", "training.max_grad_norm",
    "training.eval_every", "training.checkpoint_every", "training.base_dropout", "training.threads",
    "training.schedule", "training.warmup_ratio", "data.eval", "telemetry.scores_every",
  ]

  /// What was made.
  public struct Fork: Sendable {
    public var folder: RunFolder
    /// The step of the checkpoint that it goes on from; 0 is the beginning.
    public var origin: Int
    /// What the user should know.
    public var notes: [String]
  }

  /// - Parameters:
  ///   - source: may be training in another process.
  ///   - step: steps done at which the changes act.
  ///   - changes: `section.key=value`, as `--set` has them.
  /// - Throws: for a key that cannot differ at this step, or a step that the run has not reached.
  public static func make(
    of source: SavedRun, at step: Int, changes: [String] = [], runs: String
  ) throws(InputError) -> Fork {
    let old = try Experiment.load(path: source.folder.experiment)
    let total = old.training.totalStep
    guard step >= 0, step < total else {
      throw InputError(.usage, file: "", place: "--at \(step)", "expected a step from 0 to \(total - 1)")
    }
    var experiment = try Experiment.load(path: source.folder.experiment, overrides: changes)
    try source.folder.refuseLinks()
    var entries = InterventionLog.repeating(try InterventionLog.read(source.folder.interventions), before: step)
    let standing = InterventionLog.standing(entries)
    let found = CheckpointFolder(path: source.folder.checkpoints).newest(upTo: step, of: standing)
    let origin = found.checkpoint
    var notes = found.skipped.map { "passed over: \($0)" }

    let keys = try changes.map { (change) throws(InputError) in
      let key = change.prefix { $0 != "=" }.trimmingCharacters(in: .whitespaces)
      guard step == 0 || live[key] != nil || loose.contains(key) else {
        let possible = (Array(live.keys) + Array(loose)).sorted().joined(separator: ", ")
        throw InputError(
          .usage, file: "", place: "--set \(change)",
          "cannot differ from step \(step) on, only from --at 0; what can: \(possible)")
      }
      return key
    }
    if step > 0 {
      for (key, parameter) in live.sorted(by: { $0.key < $1.key }) where keys.contains(key) {
        let value = standing.last { $0.parameter == parameter }?.new ?? old.value(of: parameter)
        entries.append(
          InterventionLog.Entry(
            change: Intervention(
              step: step, parameter: parameter, old: value, new: experiment.value(of: parameter),
              isUndo: false),
            kept: nil, scheduled: nil, time: Date().formatted(.iso8601)))
      }
      experiment.restoreLiveValues(from: old)
      let loosely = keys.filter { live[$0] == nil && $0 != "name" }
      if !loosely.isEmpty, origin?.state.step ?? 0 != step {
        notes.append("\(loosely.joined(separator: ", ")): from step \(origin?.state.step ?? 0) on, the checkpoint's")
      }
    }
    let folder = try prepare(experiment, in: runs, log: entries, origin: origin)
    if origin != nil { try TelemetryRecorder.copy(from: source.folder.telemetry, to: folder.telemetry) }
    try AtomicFile.write(
      "\(source.name) at step \(step), from \(origin.map { "the checkpoint of step \($0.state.step)" } ?? "the beginning")\n",
      to: folder.path + "/forked_from.txt")
    return Fork(folder: folder, origin: origin?.state.step ?? 0, notes: notes)
  }

  /// A new run that does all of another again: its experiment, and its changes at their steps.
  public static func repeating(_ source: SavedRun, in runs: String) throws(InputError) -> RunFolder {
    let experiment = try Experiment.load(path: source.folder.experiment)
    try source.folder.refuseLinks()
    let log = try InterventionLog.read(source.folder.interventions)
    return try prepare(experiment, in: runs, log: InterventionLog.repeating(log), origin: nil)
  }

  /// The folder of a new run with what `TrainingRun` goes on from.
  /// - Parameter origin: a checkpoint of another run; nil begins at the beginning.
  static func prepare(
    _ experiment: Experiment, in runs: String, log: [InterventionLog.Entry], origin: Checkpoint?
  ) throws(InputError) -> RunFolder {
    let folder = try RunFolder.create(in: runs, name: experiment.name)
    try AtomicFile.write(experiment.tomlText, to: folder.experiment)
    try InterventionLog.write(log, to: folder.interventions)
    if let origin {
      let checkpoints = CheckpointFolder(path: folder.checkpoints)
      try checkpoints.make()
      try AtomicFile.copy(origin.path, to: checkpoints.file(step: origin.state.step))
    }
    return folder
  }
}

extension Experiment {
  func value(of parameter: Hyperparameter) -> Double {
    switch parameter {
    case .beta1: adapter.beta1
    case .beta2: adapter.beta2
    case .orthRegWeight: adapter.orthRegWeight
    case .learningRate: training.learningRate
    case .deltaT: Double(adapter.deltaT)
    case .targetR: Double(adapter.targetR)
    }
  }

  /// What began the run stays what began it; the changes stand in its log.
  mutating func restoreLiveValues(from other: Experiment) {
    adapter.beta1 = other.adapter.beta1
    adapter.beta2 = other.adapter.beta2
    adapter.orthRegWeight = other.adapter.orthRegWeight
    training.learningRate = other.training.learningRate
    adapter.deltaT = other.adapter.deltaT
    adapter.targetR = other.adapter.targetR
  }
}
