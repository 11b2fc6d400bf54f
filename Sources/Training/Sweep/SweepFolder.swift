// What a sweep's folder holds of its runs: each run's newest folder, and how the run in it stands.

import Foundation
import Models

/// The folders of runs in a sweep's, as they were when it was looked into.
struct SweepFolder {
  let path: String
  /// The newest folder of each name, the number left out.
  private var newest: [String: RunFolder] = [:]

  init(path: String) {
    self.path = path
    var numbers: [String: Int] = [:]
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      guard let dash = entry.lastIndex(of: "-"), let number = Int(entry[entry.index(after: dash)...]) else { continue }
      let name = String(entry[..<dash])
      guard number > numbers[name] ?? 0 else { continue }
      numbers[name] = number
      newest[name] = RunFolder(path: path + "/" + entry)
    }
  }

  /// How a run stands.
  enum Standing {
    /// Nothing of it is there, or nothing that counts.
    case absent
    /// Another process trains it.
    case trained(RunFolder)
    case complete(RunFolder)
    /// Ended by itself before its end.
    case failed(RunFolder, reason: String)
    /// Begun, or made and not begun.
    case unfinished(RunFolder)
  }

  /// How the run of an experiment stands. One that was begun with another experiment of this name does not count where it
  /// failed.
  /// - Throws: where it was begun, has not failed, and its experiment differs.
  func standing(_ experiment: Experiment) throws(InputError) -> Standing {
    guard let folder = newest[experiment.name] else { return .absent }
    // A process that was killed may have left it without an experiment.
    guard FileManager.default.fileExists(atPath: folder.experiment) else { return .absent }
    let standing = try Self.standing(in: folder, experiment)
    let begun = try Experiment.load(path: folder.experiment)
    guard let difference = experiment.difference(from: begun) else { return standing }
    if case .failed = standing { return .absent }
    if case .unfinished = standing, !FileManager.default.fileExists(atPath: folder.telemetry) { return .absent }
    throw InputError(
      file: folder.path,
      "was begun with another experiment: \(difference); undo the change, or give the sweep another name")
  }

  private static func standing(in folder: RunFolder, _ experiment: Experiment) throws(InputError) -> Standing {
    if folder.isTrained { return .trained(folder) }
    if SavedRun(folder: folder).isComplete(experiment) { return .complete(folder) }
    guard FileManager.default.fileExists(atPath: folder.telemetry) else { return .unfinished(folder) }
    switch try TelemetryReader(path: folder.telemetry).live()?.state {
    case .failed(let reason), .halted(let reason): return .failed(folder, reason: reason)
    case .training, .paused, .evaluating, .waiting, .done, nil: return .unfinished(folder)
    }
  }
}

extension Experiment {
  /// The first key in which two experiments differ, with both values; the number of threads does not count. nil: none.
  fileprivate func difference(from other: Experiment) -> String? {
    for key in ExperimentKey.all where key.path != "training.threads" {
      let (new, old) = (key.text(self), key.text(other))
      if new != old { return "\(key.path) is \(new ?? "left out") and was \(old ?? "left out")" }
    }
    return schedule == other.schedule ? nil : "what is scheduled differs"
  }
}
