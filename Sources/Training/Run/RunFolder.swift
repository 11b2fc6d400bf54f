// The folder of a run: `runs/<name>-<n>/`.

import Foundation
import Models

/// A run's folder and what goes where in it.
public struct RunFolder: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  public var experiment: String { path + "/experiment.toml" }
  public var adapter: String { path + "/adapter" }
  public var snapshots: String { path + "/snapshots" }
  public var log: String { path + "/log.txt" }
  public var telemetry: String { path + "/telemetry.sqlite" }
  var checkpoints: String { path + "/checkpoints" }
  var interventions: String { path + "/interventions.jsonl" }

  /// When its experiment was written.
  public var startDate: Date {
    let attributes = try? FileManager.default.attributesOfItem(atPath: experiment)
    return attributes?[.modificationDate] as? Date ?? .distantPast
  }

  /// The folder of runs that it lies in.
  public var parent: String {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return parts.isEmpty ? "." : parts.joined(separator: "/")
  }

  public var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Where what is named may be, a run or a sweep: it is its folder, or one in `runs`.
  public static func candidates(_ name: String, runs: String) -> [String] {
    var path = name[...]
    while path.count > 1, path.last == "/" { path.removeLast() }
    return [String(path), runs + "/" + path]
  }

  /// Makes the next free `<runs>/<name>-<n>`, n from 1. Safe against other processes that do the same.
  public static func create(in runs: String, name: String) throws(InputError) -> RunFolder {
    let manager = FileManager.default
    do {
      try manager.createDirectory(atPath: runs, withIntermediateDirectories: true)
      let taken = try manager.contentsOfDirectory(atPath: runs).compactMap { entry -> Int? in
        guard entry.hasPrefix(name + "-"), let number = Int(entry.dropFirst(name.count + 1)) else { return nil }
        return number < .max ? number : nil
      }
      var number = (taken.max() ?? 0) + 1
      while true {
        let path = "\(runs)/\(name)-\(number)"
        if mkdir(path, 0o755) == 0 { return RunFolder(path: path) }
        guard errno == EEXIST else { break }
        number += 1
      }
      throw InputError(.unwritable, file: runs, "cannot be written: \(String(cString: strerror(errno)))")
    } catch let error as InputError {
      throw error
    } catch {
      throw InputError(.unwritable, file: runs, "cannot be made: \(error.localizedDescription)")
    }
  }
}

extension RunFolder {
  /// - Throws: where something in the folder is a symbolic link: what is written there would land elsewhere.
  func refuseLinks() throws(InputError) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      var status = stat()
      guard lstat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { continue }
      throw InputError(file: path + "/" + name, "a symbolic link, expected the run's own")
    }
  }

  /// Removes what processes that were killed had begun to write. Only for who holds the run's lock.
  func removeLeftovers() {
    for folder in [path, checkpoints, adapter, snapshots] {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      where name.contains(#/\.\d+-[0-9a-z]+\.tmp$/#) {
        try? FileManager.default.removeItem(atPath: folder + "/" + name)
      }
    }
  }
}

/// Held by the process that trains a run, or drives a sweep, so that no other does.
final class RunLock {
  private let descriptor: Int32

  /// - Parameter task: what its holder does, for the error.
  /// - Throws: where another process holds it.
  init(_ folder: RunFolder, task: String = "trains this run") throws(InputError) {
    let path = folder.path + "/.lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else {
      throw InputError(.unwritable, file: path, "cannot be opened: \(String(cString: strerror(errno)))")
    }
    // Whoever asks whether it is held holds it for a moment.
    let isHeld = (0..<5).contains { attempt in
      if attempt > 0 { usleep(20_000) }
      return flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }
    guard isHeld else {
      close(descriptor)
      throw InputError(.unwritable, file: folder.path, "another process \(task); ranktop watch shows it")
    }
  }

  /// Whether some process holds it.
  static func isHeld(_ folder: RunFolder) -> Bool {
    let descriptor = open(folder.path + "/.lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return true }
    return false
  }

  deinit { close(descriptor) }
}

extension RunFolder {
  /// Whether a process trains the run at the moment.
  public var isTrained: Bool { RunLock.isHeld(self) }

  /// Whether it has a lock: another program's run has none.
  public var hasLock: Bool { FileManager.default.fileExists(atPath: path + "/.lock") }
}
