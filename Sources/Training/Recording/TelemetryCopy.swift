// A run's database as another run's beginning.

import Foundation
import GRDB
import Models

extension TelemetryRecorder {
  /// Copies a database as it is at this moment, while another process may write it. Nothing where there is none.
  static func copy(from source: String, to path: String) throws(InputError) {
    guard FileManager.default.fileExists(atPath: source) else { return }
    // Refuses what is not a run's database.
    _ = try TelemetryReader(path: source)
    do {
      var configuration = Configuration()
      configuration.readonly = true
      let from = try DatabaseQueue(path: source, configuration: configuration)
      let to = try DatabaseQueue(path: path)
      try from.backup(to: to)
      try from.close()
      try to.close()
    } catch {
      throw InputError(.unwritable, file: path, "cannot be copied from \(source): \(error)")
    }
  }
}
