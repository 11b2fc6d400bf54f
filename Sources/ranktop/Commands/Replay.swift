// `ranktop replay`.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Training

struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a run again from its experiment, its seed and its interventions.",
    discussion: """
      Makes a new run. With --check it is compared with the recorded one, bit for bit and step by step, and removed
      again; the status is 1 on a difference. Another thread count, CPU or BLAS core changes the last bits of the
      numbers; it is said before the training where that is so.

      Example:
        ranktop replay sst2-adalora-1 --check
      """)

  @Argument(help: ArgumentHelp("A run's name or folder; the newest where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  @Flag(help: "Compare with what was recorded.")
  var check = false

  @OptionGroup var output: OutputArguments

  @OptionGroup var screen: ScreenArguments

  func run() throws {
    let saved = try SavedRun.find(source, runs: runs)
    guard check else {
      let folder = try RunFork.repeating(saved, in: runs)
      let experiment = try Experiment.load(path: folder.experiment)
      return try RunConductor(screen).train(experiment, in: .existing(folder), output: output)
    }
    let place = FileManager.default.temporaryDirectory.appending(path: "ranktop-replay-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: place) }
    let check = try ReplayCheck(of: saved, in: place)
    for difference in check.machineDifferences { Console.note("bits may differ: \(difference)") }
    let progress = Progress(total: check.run.experiment.training.totalStep)
    let verdict = try check.run { record, session in progress.show(record, session) }
    progress.finish()
    guard let first = verdict.difference else {
      return Console.result("\(saved.name): \(verdict.steps) steps are the same, bit for bit\(verdict.adapter)")
    }
    Console.result("\(saved.name): \(first)")
    if !check.machineDifferences.isEmpty {
      Console.note("this machine is not the recorded one: \(check.machineDifferences.joined(separator: "; "))")
    }
    throw ExitStatus.failed
  }
}
