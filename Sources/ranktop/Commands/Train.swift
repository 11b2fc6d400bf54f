// `ranktop train`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

/// What every command that starts a training from the beginning can be told.
struct TrainingArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Seed of everything random.", valueName: "n"))
  var seed: Int?

  @Option(help: ArgumentHelp("Worker threads; 0 = one per core.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, threads < 0 || threads > 1024 {
      throw ValidationError("--threads \(threads): expected 0 to 1024")
    }
    if let seed, seed < 0 { throw ValidationError("--seed \(seed): expected 0 or more") }
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

  @OptionGroup var output: OutputArguments

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
    try RunConductor(screen).train(experiment, in: .new(runs: runs), output: output)
  }
}
