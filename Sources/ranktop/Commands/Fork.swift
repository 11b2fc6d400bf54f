// `ranktop fork`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct Fork: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start a new run from a step of another, with changes.",
    discussion: """
      Goes on from the nearest checkpoint at or before the step and trains again up to it, so that both runs are the
      same until then. β₁, β₂, γ, η, ΔT and the target act from that step on, as an intervention.

      Example:
        ranktop fork sst2-adalora-1 --at 300 --set adapter.beta1=0.95
      """)

  @Argument(help: ArgumentHelp("A run's name or folder; the newest where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Steps done where the runs part.", valueName: "step"))
  var at: Int

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a key of the experiment; repeatable.", valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @OptionGroup var output: OutputArguments

  @Flag(help: "Make the run and print its folder; ranktop resume trains it.")
  var only = false

  @OptionGroup var screen: ScreenArguments

  func run() throws {
    let saved = try SavedRun.find(source, runs: runs)
    let fork = try RunFork.make(of: saved, at: at, changes: overrides, runs: runs)
    for note in fork.notes { Console.note(note) }
    if only { return Console.result(fork.folder.path) }
    let experiment = try Experiment.load(path: fork.folder.experiment)
    try RunConductor(screen).train(experiment, in: .existing(fork.folder), output: output)
  }
}
