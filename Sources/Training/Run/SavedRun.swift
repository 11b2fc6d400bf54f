// Runs that are on disk: which there are, and what they hold.

import Foundation
import Models

/// A run's folder with what was written into it.
public struct SavedRun: Sendable {
  /// `snapshots/step-N`, or `step-N-2` and so on where that was taken.
  public struct Snapshot: Sendable, Equatable {
    public var step: Int
    /// 1 for the first of its step.
    public var number: Int
    public var path: String

    /// - Returns: nil for another folder's name.
    init?(name: String, in folder: String) {
      let parts = name.split(separator: "-", omittingEmptySubsequences: false)
      guard parts.first == "step", 2...3 ~= parts.count, let step = Int(parts[1]) else { return nil }
      guard let number = parts.count == 3 ? Int(parts[2]) : 1 else { return nil }
      self.step = step
      self.number = number
      path = folder + "/" + name
    }

    func holds(_ file: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + file) }
  }

  public let folder: RunFolder
  /// In the order of their steps, the newest last.
  public let snapshots: [Snapshot]

  public var name: String { folder.path.split(separator: "/").last.map(String.init) ?? folder.path }

  public init(folder: RunFolder) {
    self.folder = folder
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.snapshots)) ?? []
    snapshots = names.compactMap { Snapshot(name: $0, in: folder.snapshots) }
      .sorted { ($0.step, $0.number) < ($1.step, $1.number) }
  }

  /// A run by its name in `runs` or by its folder; the newest in `runs` where nothing is named.
  /// - Throws: of kind `missing`.
  public static func find(_ name: String?, runs: String) throws(InputError) -> SavedRun {
    let manager = FileManager.default
    func isRun(_ path: String) -> Bool { manager.fileExists(atPath: RunFolder(path: path).experiment) }
    if let name {
      for candidate in RunFolder.candidates(name, runs: runs) where isRun(candidate) {
        return SavedRun(folder: RunFolder(path: candidate))
      }
      throw InputError(.missing, file: name, "no run; expected a run's folder, or the name of one in \(runs)")
    }
    guard let newest = all(in: runs).first else {
      throw InputError(.missing, file: runs, "no run in this folder")
    }
    return newest
  }

  /// All runs in a folder, the newest first.
  public static func all(in runs: String) -> [SavedRun] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: runs)) ?? []
    let folders = names.map { RunFolder(path: runs + "/" + $0) }
      .filter { FileManager.default.fileExists(atPath: $0.experiment) }
    return folders.map { ($0.startDate, $0) }.sorted { ($0.0, $0.1.path) > ($1.0, $1.1.path) }
      .map { SavedRun(folder: $0.1) }
  }

  /// Steps done as of the newest checkpoint that is whole; nil where there is none.
  public var checkpointStep: Int? { CheckpointFolder(path: folder.checkpoints).newest().checkpoint?.state.step }

  /// Whether it was trained to its end and left its adapter.
  public func isComplete(_ experiment: Experiment) -> Bool { isComplete(experiment, checkpointStep) }

  /// A checkpoint is read only where there is an adapter.
  private func isComplete(_ experiment: Experiment, _ checkpointStep: @autoclosure () -> Int?) -> Bool {
    FileManager.default.fileExists(atPath: folder.adapter + "/" + PEFTAdapter.configName)
      && checkpointStep() == experiment.training.totalStep
  }

  /// Steps done as far as its database or its checkpoints know, and whether it is complete. Reads a checkpoint once,
  /// whole.
  public func progress(_ experiment: Experiment) -> (stepsDone: Int, isComplete: Bool) {
    let saved = checkpointStep
    let recorded = try? TelemetryReader(path: folder.telemetry).live()?.stepsDone
    return (max(recorded ?? 0, saved ?? 0), isComplete(experiment, saved))
  }

  /// The newest whole snapshot.
  /// - Parameter step: steps done; nil takes the last.
  /// - Throws: of kind `missing`, with the steps that there are.
  public func snapshot(at step: Int?) throws(InputError) -> Snapshot {
    try snapshot(at: step, holding: "snapshot.json")
  }

  /// The folder of the adapter at the end, or as of a step's snapshot.
  /// - Throws: of kind `missing`, with the steps that there are.
  public func adapter(at step: Int?) throws(InputError) -> String {
    if step == nil, FileManager.default.fileExists(atPath: folder.adapter + "/" + PEFTAdapter.configName) {
      return folder.adapter
    }
    return try snapshot(at: step, holding: "adapter/" + PEFTAdapter.configName).path + "/adapter"
  }

  private func snapshot(at step: Int?, holding file: String) throws(InputError) -> Snapshot {
    let usable = snapshots.filter { $0.holds(file) }
    if let found = usable.last(where: { step == nil || $0.step == step }) { return found }
    let steps = usable.map(\.step).reduce(into: [Int]()) { if $0.last != $1 { $0.append($1) } }
    let known =
      steps.isEmpty ? "there is none" : "there are those of step " + steps.map(String.init).joined(separator: ", ")
    throw InputError(
      .missing, file: folder.snapshots,
      (step.map { "no snapshot of step \($0)" } ?? "no snapshot") + " with \(file); \(known)")
  }
}
