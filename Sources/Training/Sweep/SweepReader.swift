// A sweep as another process sees it: its database, and what its running runs tell of themselves.

import Foundation
import GRDB
import Models

/// Reads a sweep's folder; never writes. Used from one thread at a time.
public final class SweepReader {
  private let folder: String
  private let path: String
  private let queue: DatabaseQueue
  private var live = LiveRuns()

  /// Whether a folder is a sweep's.
  public static func isSweep(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/sweep.sqlite")
  }

  /// - Throws: for a folder without a sweep's database.
  public init(folder: String) throws(InputError) {
    self.folder = folder
    path = folder + "/sweep.sqlite"
    do {
      queue = try ForeignDatabase.open(path)
      try queue.read { [path] in try SweepSchema.database.check($0, path: path) }
    } catch {
      throw InputError(error, database: path, writing: false)
    }
  }

  /// The sweep as it is now.
  public func frame() throws(InputError) -> SweepFrame {
    let rows: [SweepRun]
    do {
      rows = try queue.read { [path] in try SweepSchema.runs($0, path: path) }
    } catch {
      throw InputError(error, database: path, writing: false)
    }
    let own = RunFolder(path: folder)
    let isDriven = own.isTrained
    var runs = rows.filter(\.isListed)
    for index in runs.indices where runs[index].state == .running || runs[index].state == .waiting {
      guard let name = runs[index].folder else { continue }
      let run = RunFolder(path: folder + "/" + name)
      let isTrained = run.isTrained
      // Between two runs' processes the one that drives the sweep knows better.
      if isTrained { runs[index].state = .running } else if !isDriven { runs[index].state = .waiting }
      live.update(&runs[index], in: run)
    }
    return SweepFrame(name: own.name, jobs: nil, runs: runs, isDriven: isDriven, now: Date().timeIntervalSince1970)
  }
}

/// What running runs tell of themselves, from databases that are kept open.
struct LiveRuns {
  private var readers: [String: TelemetryReader] = [:]

  /// Brings how far a run is up to date; what cannot be read at the moment stays as it is.
  mutating func update(_ run: inout SweepRun, in folder: RunFolder) {
    run.eta = nil
    guard run.state == .running else {
      readers[folder.path] = nil
      return
    }
    do throws(InputError) {
      let reader = if let open = readers[folder.path] { open } else { try TelemetryReader(path: folder.telemetry) }
      readers[folder.path] = reader
      guard let live = try reader.live() else { return }
      run.step = live.stepsDone ?? run.step
      run.eta = live.eta
      run.tokensPerSecond = live.tokensPerSecond ?? run.tokensPerSecond
      if run.step > 0, let record = try reader.records(in: run.step - 1...run.step - 1).last {
        run.loss = record.taskLoss.isFinite ? record.taskLoss : nil
      }
      if let last = try reader.evaluations().last(where: { $0.split == "eval" })?.evaluation { run.take(last) }
    } catch {
      readers[folder.path] = nil
    }
  }
}

extension SweepRun {
  mutating func take(_ evaluation: Evaluation) {
    accuracy = evaluation.accuracy
    matthews = evaluation.matthews
    f1 = evaluation.f1
  }
}
