// A run as whoever watches it finds it: by name or folder, in its database, with the file for its commands.

import Dashboard
import Foundation
import Models
import Training

/// A run's folder that holds a database. Another program's run may have nothing else.
struct WatchedRun {
  let folder: RunFolder

  /// A run by its name in `runs` or by its folder; the one that was written last where nothing is named.
  /// - Throws: of kind `missing`.
  static func find(_ name: String?, runs: String) throws(InputError) -> WatchedRun {
    let manager = FileManager.default
    func run(_ path: String) -> WatchedRun? {
      let run = WatchedRun(folder: RunFolder(path: path))
      return manager.fileExists(atPath: run.folder.telemetry) ? run : nil
    }
    if let name {
      for candidate in RunFolder.candidates(name, runs: runs) {
        if let found = run(candidate) { return found }
      }
      throw InputError(
        .missing, file: name, "no recorded run; expected a folder with telemetry.sqlite, or the name of one in \(runs)")
    }
    let all = ((try? manager.contentsOfDirectory(atPath: runs)) ?? []).compactMap { run(runs + "/" + $0) }
    guard let newest = all.max(by: { ($0.written, $0.folder.path) < ($1.written, $1.folder.path) }) else {
      throw InputError(.missing, file: runs, "no recorded run in this folder")
    }
    return newest
  }

  /// When its database, or what waits to go into it, was written last.
  private var written: Date {
    [folder.telemetry, folder.telemetry + "-wal"].compactMap { path in
      (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }.max() ?? .distantPast
  }

  /// Frames of another run, as long as the mailbox is held.
  static func beside(_ name: String, runs: String) throws(InputError) -> Mailbox<Frame> {
    let frames = Mailbox<Frame> { EndRequest.wakeUp() }
    try find(name, runs: runs).follow(into: frames).start()
    return frames
  }

  /// Opens it and follows it into a mailbox.
  func follow(into mailbox: Mailbox<Frame>) throws(InputError) -> RunFollower {
    try RunFollower(to: mailbox) { () throws(InputError) in try RecordedRun(folder) }
  }

  /// Where its commands go; nil where it takes none.
  func commandFile() throws(InputError) -> CommandFile? {
    guard let name = try TelemetryReader(path: folder.telemetry).facts["control"] else { return nil }
    return try CommandFile(folder: folder.path, name: name)
  }
}

/// A run's database, and who writes it.
private final class RecordedRun: RunReading {
  private let folder: RunFolder
  private let reader: TelemetryReader

  init(_ folder: RunFolder) throws(InputError) {
    self.folder = folder
    reader = try TelemetryReader(path: folder.telemetry)
  }

  func refresh() throws(InputError) -> Frame? { try reader.refresh() }

  func trainer() throws(InputError) -> RunTrainer {
    let live = try reader.live()
    return RunTrainer(
      holdsLock: folder.hasLock ? folder.isTrained : nil,
      isAlive: live?.pid.map { kill(pid_t($0), 0) == 0 || errno == EPERM }, updated: live?.updated)
  }
}
