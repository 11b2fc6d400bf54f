// `ranktop resume`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct Resume: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Go on with a run from its newest good checkpoint.",
    discussion: """
      A run that was interrupted, killed or cut off ends with the same bits as one that was not. Checkpoints that are
      damaged are passed over, and said so.

      Example:
        ranktop resume sst2-adalora-1 --headless
      """)

  @Argument(help: ArgumentHelp("A run's name or folder; the newest where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @OptionGroup var output: OutputArguments

  @OptionGroup var screen: ScreenArguments

  func run() throws {
    let saved = try SavedRun.find(source, runs: runs)
    let experiment = try Experiment.load(path: saved.folder.experiment)
    guard !saved.isComplete(experiment) else {
      return Console.note("\(saved.name) is done: \(experiment.training.totalStep) steps; nothing to go on with")
    }
    try RunConductor(screen).train(experiment, in: .existing(saved.folder), output: output)
  }
}
