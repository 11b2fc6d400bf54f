// What a run needs of whoever writes its snapshots: pictures are drawn above this target.

import Models

/// Writes one moment of a run as files.
public protocol SnapshotWriting: Sendable {
  /// Called on the trainer's thread between two steps.
  /// - Parameters:
  ///   - formats: of `json`, `csv`, `svg`, `txt` and `adapter`; empty = all.
  ///   - path: the folder to make; where it is taken, `-2`, `-3`, … is appended.
  ///   - adapter: writes the adapter as it is now into the folder that it is given.
  /// - Returns: the folder's path.
  func write(
    _ frame: Frame, formats: [String], to path: String, adapter: (String) throws(InputError) -> Void
  ) throws(InputError) -> String
}
