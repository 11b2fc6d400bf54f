// A snapshot: one moment of a run as a folder of tables, pictures, text and the adapter.

import Models
import Training

/// Writes snapshots. The same state gives the same bytes in every file but `timing.json`, which alone holds what the
/// clock decides.
public struct SnapshotWriter: SnapshotWriting {
  public init() {}

  /// The groups of files that can be asked for.
  enum Format: String, CaseIterable {
    case json, csv, svg, txt, adapter
  }

  /// - Throws: of kind `usage` for an unknown format, of kind `unwritable`, or what `adapter` throws.
  public func write(
    _ frame: Frame, formats: [String], to path: String, adapter: (String) throws(InputError) -> Void
  ) throws(InputError) -> String {
    let formats = try Self.formats(formats)
    return try AtomicFolder.write(to: path) { (folder) throws(InputError) in
      for (name, text) in Self.files(frame, formats) { try AtomicFile.write(text, to: folder + "/" + name) }
      if formats.contains(.adapter) { try adapter(folder + "/adapter") }
    }
  }

  static func formats(_ names: [String]) throws(InputError) -> Set<Format> {
    var formats: Set<Format> = []
    for name in names where !name.isEmpty {
      guard let format = Format(rawValue: name) else {
        let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
        throw InputError(.usage, file: "", place: "export", "no format \(name); expected \(known)")
      }
      formats.insert(format)
    }
    return formats.isEmpty ? Set(Format.allCases) : formats
  }

  /// Every file but the adapter's, in the order they are written.
  static func files(_ frame: Frame, _ formats: Set<Format>) -> [(name: String, text: String)] {
    let moment = frame.timeless
    var files: [(String, String)] = []
    if formats.contains(.json) {
      files.append(("snapshot.json", SnapshotJSON.snapshot(moment)))
      files.append(("timing.json", SnapshotJSON.timing(frame)))
    }
    if formats.contains(.csv) {
      files.append(("ranks.csv", SnapshotTables.ranks(moment)))
      files.append(("triplets.csv", SnapshotTables.triplets(moment)))
      files.append(("steps.csv", SnapshotTables.steps(moment)))
      files.append(("budget.csv", SnapshotTables.budget(moment)))
    }
    if formats.contains(.svg) {
      files.append(("ranks.svg", RanksPicture.svg(moment)))
      files.append(("importance.svg", ImportancePicture.svg(moment)))
      files.append(("budget.svg", BudgetPicture.svg(moment)))
      files.append(("loss.svg", LossPicture.svg(moment)))
    }
    if formats.contains(.txt) { files.append(("screen.txt", screen(moment))) }
    return files
  }

  /// The dashboard at 120×40.
  static func screen(_ frame: Frame) -> String {
    var state = DashboardState(width: 120, height: 40)
    _ = update(&state, .frame(frame))
    var canvas = Canvas(width: state.width, height: state.height)
    view(
      state, area: Area(x: 0, y: 0, width: state.width, height: state.height), on: &canvas, glyphs: .braille,
      colors: .none)
    return canvas.text + "\n"
  }
}

extension Frame {
  /// The same moment without what the clock decides, what is still on its way, and what tells of snapshots: writing one
  /// changes nothing of the run.
  var timeless: Frame {
    var frame = self
    frame.eta = nil
    frame.tokensPerSecond = 0
    frame.pending = []
    frame.events.removeAll { $0.kind == .export }
    return frame
  }
}
