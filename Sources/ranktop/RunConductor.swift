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
      try DetachedRun.start(fork.folder)
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
      try DetachedRun.start(run.folder)
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

/// A `resume` of its own, without a terminal, that outlives this process.
enum DetachedRun {
  /// POSIX_SPAWN_SETSID, which Swift does not import: the child leaves the terminal's session.
  private static let newSession: Int32 = 0x80

  /// Starts this program anew: a process with threads must not be forked.
  static func start(_ folder: RunFolder) throws(InputError) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(newSession | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, folder.path + "/background.txt", O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    let words = ["ranktop", "resume", folder.path, "--headless"]
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &arguments, environ)
    guard code == 0 else {
      throw InputError(
        .unwritable, file: folder.path, "cannot be trained in the background: \(String(cString: strerror(code)))")
    }
  }
}
