// `ranktop runs`.

import ArgumentParser
import Foundation
import Models
import Training

struct Runs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the runs, the newest first.",
    discussion: """
      Example:
        ranktop runs --runs runs
      """)

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  func run() throws {
    var rows = [["run", "method", "steps", "state", "started"]]
    for saved in SavedRun.all(in: runs) {
      let started = saved.folder.startDate.formatted(.iso8601)
      guard let experiment = try? Experiment.load(path: saved.folder.experiment) else {
        rows.append([saved.name, "?", "?", "its experiment.toml cannot be read", started])
        continue
      }
      let total = experiment.training.totalStep
      let (done, isComplete) = saved.progress(experiment)
      let state =
        saved.folder.isTrained
        ? "training" : isComplete ? "done" : "stopped; ranktop resume \(saved.name)"
      rows.append([saved.name, experiment.adapter.method.title, "\(done)/\(total)", state, started])
    }
    guard rows.count > 1 else { return Console.note("no run in \(runs)") }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    for row in rows {
      let cells = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
      Console.result(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
    }
  }
}
