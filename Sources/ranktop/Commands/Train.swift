// `ranktop train`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

/// What every command that trains can be told.
struct TrainingArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Write one JSON object a step.", valueName: "file"))
  var trace: String?

  @Option(
    help: ArgumentHelp("Write events for TensorBoard into a folder of the run's name in here.", valueName: "dir"))
  var tensorboard: String?

  @Option(help: ArgumentHelp("Seed of everything random.", valueName: "n"))
  var seed: Int?

  @Option(help: ArgumentHelp("Worker threads; 0 = one per core.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, threads < 0 || threads > 1024 {
      throw ValidationError("--threads \(threads): expected 0 to 1024")
    }
    if let seed, seed < 0 { throw ValidationError("--seed \(seed): expected 0 or more") }
    if tensorboard == "" { throw ValidationError("--tensorboard: expected a folder") }
  }

  /// What writes `session`'s events; nil where none are asked for.
  func tensorBoard(_ session: Session) throws(InputError) -> TensorBoardRun? {
    guard let tensorboard else { return nil }
    let run = session.description
    return try TensorBoardRun(folder: tensorboard + "/" + run.run, description: run)
  }
}

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fine-tune a model as an experiment file says and leave a PEFT adapter behind.",
    discussion: """
      Example:
        ranktop train experiments/sst2-adalora.toml --headless --trace trace.jsonl --set adapter.beta1=0.9 --seed 1

      Ends with the run's summary, one JSON object, on standard output.
      """)

  @Argument(help: "The experiment, a TOML file.")
  var experiment: String

  @OptionGroup var training: TrainingArguments

  @OptionGroup var screen: ScreenArguments

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the experiment; repeatable.", valueName: "key=value"))
  var overrides: [String] = []

  func run() throws {
    let experiment = try Experiment.load(
      path: experiment, overrides: overrides, seed: training.seed, threads: training.threads)
    let trace = try training.trace.map { path in try TraceWriter(path: path) }
    let conductor = try Conductor(screen)
    let run = try TrainingRun(
      experiment, runs: runs, commands: conductor.commands, frames: conductor.frames, snapshots: SnapshotWriter())
    let tensorBoard = try training.tensorBoard(run.session)
    Console.note("run \(run.folder.path)")
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
    Console.result(summary.json.serialized(pretty: false))
    let place = run.hasAdapter ? "adapter \(run.folder.adapter)" : "no adapter kept"
    switch ending {
    case .finished: Console.note(place)
    case .stopped: Console.note("stopped after \(summary.steps) steps; \(place)")
    case .failed(let reason):
      Console.error("\(reason); \(place)")
      throw ExitStatus.failed
    }
    if status != 0 { throw ExitCode(status) }
  }
}
