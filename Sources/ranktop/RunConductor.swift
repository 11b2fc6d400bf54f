// Trains a run that is kept in a folder, new or gone on with, and says how it ended.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

/// What `train`, `resume`, `fork` and `replay` do once they know the experiment and the folder.
struct RunConductor {
  private let screen: ScreenArguments

  init(_ screen: ScreenArguments) { self.screen = screen }

  /// Trains to the end, or to whatever else ends it; prints the summary.
  /// - Throws: an exit status that is not 0, or the error that ended it.
  func train(_ experiment: Experiment, in place: TrainingRun.Place, output: OutputArguments) throws {
    let isNew = if case .new = place { true } else { false }
    // A new trace is opened first: where it cannot be written, no run is made.
    var trace = isNew ? try output.trace.map { path in try TraceWriter(path: path) } : nil
    let conductor = try Conductor(screen)
    let run = try TrainingRun(
      experiment, in: place, commands: conductor.commands, frames: conductor.frames, snapshots: SnapshotWriter())
    if !isNew {
      trace = try output.trace.map { path in try TraceWriter(path: path, before: run.session.trainer.stepsDone) }
    }
    let tensorBoard = try output.tensorBoard(run.session)
    conductor.openBeside = { [runs = run.folder.parent] name throws(InputError) in
      try WatchedRun.beside(name, runs: runs)
    }
    Console.note("run \(run.folder.path)")
    for note in run.notes { Console.note(note) }
    if conductor.frames == nil {
      let keep = run.session.onEvent
      run.session.onEvent = { event in
        keep?(event)
        if [.warning, .resumed, .refused].contains(event.kind) { Console.note("step \(event.step): \(event.text)") }
      }
    }
    run.session.makeFork = { [folder = run.folder] step throws(InputError) in
      let fork = try RunFork.make(of: SavedRun(folder: folder), at: step, runs: folder.parent)
      try RunProcess.start(fork.folder, output: "background.txt")
      return "\(fork.folder.name) trains in the background; ranktop watch \(fork.folder.name) shows it"
    }
    let ((ending, summary), status) = try conductor.run(
      total: experiment.training.totalStep, log: run.folder.log,
      savedPlace: "the run is in \(run.folder.path)", session: run.session
    ) { onStep in
      let result = try run.train { record throws(InputError) in
        try trace?.write(record)
        try tensorBoard?.write(record, of: run.session)
        onStep(record)
      }
      try trace?.write(result.summary)
      return result
    }
    if conductor.goesOnInBackground {
      run.release()
      try RunProcess.start(run.folder, output: "background.txt")
      return Console.note("\(run.folder.name) trains on in the background; ranktop watch \(run.folder.name) shows it")
    }
    Console.result(summary.json.serialized(pretty: false))
    let kept = run.hasAdapter ? "adapter \(run.folder.adapter)" : "no adapter kept"
    switch ending {
    case .finished: Console.note(kept)
    case .stopped:
      Console.note("stopped after \(summary.steps) steps; \(kept); ranktop resume \(run.folder.path) goes on")
    case .failed(let reason):
      Console.error("\(reason); \(kept); the run is in \(run.folder.path)")
      throw ExitStatus.failed
    }
    if status != 0 { throw ExitCode(status) }
  }
}
