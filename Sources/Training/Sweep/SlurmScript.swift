// A sweep as a job array of Slurm's, and the run of one of its tasks.

import Foundation
import Models

extension SweepPlan {
  /// The script for `sbatch`: a task a run, by its number.
  /// - Parameters:
  ///   - program: the path of this program, as the nodes see it.
  ///   - arguments: with which the sweep is read again, the same on every node.
  public func slurmScript(program: String, arguments: [String]) -> String {
    let words = ([program, "sweep"] + arguments).map(\.shellQuoted).joined(separator: " ")
    let threads = cells.map { max($0.experiment.training.threads, 1) }.max() ?? 1
    return """
      #!/bin/bash
      # The \(cells.count) runs of a sweep. Submit it with sbatch; submitted again, it goes on where it stopped. Then collect
      # the results on one machine: the last line with --collect in place of --only.
      #SBATCH --job-name=\(Self.plain(name))
      #SBATCH --array=0-\(cells.count - 1)\(jobs > 0 ? "%\(jobs)" : "")
      #SBATCH --cpus-per-task=\(threads)
      #SBATCH --requeue
      exec \(words) --only "$SLURM_ARRAY_TASK_ID"

      """
  }

  private static func plain(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
  }

  /// The folder of one run, made where it is not there, for a process that trains this run alone. A run that has failed
  /// begins anew.
  /// - Returns: nil where the run is complete.
  /// - Throws: where another process trains it, or it was begun with another experiment.
  public func place(of index: Int) throws(InputError) -> RunFolder? {
    let experiment = cells[index].experiment
    switch try SweepFolder(path: folder).standing(experiment) {
    case .complete: return nil
    // Whoever trains it says so.
    case .trained(let found), .unfinished(let found): return found
    case .absent, .failed: return try RunFork.prepare(experiment, in: folder, log: [], origin: nil)
    }
  }
}

extension String {
  /// As a shell takes it for one word, whatever is in it.
  public var shellQuoted: String { "'" + replacing("'", with: #"'\''"#) + "'" }
}
