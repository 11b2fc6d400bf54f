// The adapter of a run as of one of its checkpoints.

import Foundation
import Models

public enum CheckpointExport {
  /// Writes the PEFT adapter that a run had when so many steps were done.
  /// - Parameters:
  ///   - step: of a checkpoint; nil is the newest that is whole.
  ///   - masked: by the last mask instead of λ ≠ 0.
  ///   - folder: is filled.
  /// - Throws: where no checkpoint of that step is left, with the steps of those that are.
  public static func write(
    _ source: SavedRun, step: Int?, masked: Bool, to folder: String
  ) throws(InputError) {
    let checkpoints = CheckpointFolder(path: source.folder.checkpoints)
    guard let origin = checkpoints.newest(upTo: step ?? .max).checkpoint, step == nil || origin.state.step == step
    else {
      let steps = checkpoints.steps.map(String.init)
      throw InputError(
        .missing, file: source.folder.checkpoints,
        (step.map { "no checkpoint of step \($0)" } ?? "no checkpoint") + "; "
          + (steps.isEmpty ? "there is none" : "there are those of step \(steps.joined(separator: ", "))"))
    }
    // A run of its own, so that nothing of the source is touched.
    let place = FileManager.default.temporaryDirectory.appending(path: "ranktop-export-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: place) }
    let experiment = try Experiment.load(path: source.folder.experiment)
    let log = origin.state.interventions.map {
      InterventionLog.Entry(change: $0, kept: nil, scheduled: nil, time: "")
    }
    let copy = try RunFork.prepare(experiment, in: place, log: log, origin: origin)
    let run = try TrainingRun(experiment, in: .existing(copy))
    try run.writeAdapter(to: folder, masked: masked)
  }
}
