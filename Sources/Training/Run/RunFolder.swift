// The folder of a run: `runs/<name>-<n>/`.

import Foundation
import Models

/// A run's folder and what goes where in it.
public struct RunFolder: Sendable {
  public let path: String

  public var experiment: String { path + "/experiment.toml" }
  public var adapter: String { path + "/adapter" }
  public var snapshots: String { path + "/snapshots" }
  public var log: String { path + "/log.txt" }

  /// Makes the next free `<runs>/<name>-<n>`, n from 1. Safe against other processes that do the same.
  public static func create(in runs: String, name: String) throws(InputError) -> RunFolder {
    let manager = FileManager.default
    do {
      try manager.createDirectory(atPath: runs, withIntermediateDirectories: true)
      let taken = try manager.contentsOfDirectory(atPath: runs).compactMap { entry -> Int? in
        entry.hasPrefix(name + "-") ? Int(entry.dropFirst(name.count + 1)) : nil
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
