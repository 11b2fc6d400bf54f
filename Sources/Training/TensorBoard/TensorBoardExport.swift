// A recorded run as event files for TensorBoard.

import Foundation
import Models

extension TensorBoardRun {
  /// Writes what a database has, as the run itself would have: histograms and norms at the steps whose triplets are
  /// recorded, times by the steps' durations from the run's start.
  /// - Parameter folder: of this run alone.
  public static func export(_ source: SavedRun, to folder: String) throws(InputError) {
    let reader = try TelemetryReader(path: source.folder.telemetry)
    let clock = Clock(source.folder.startDate.timeIntervalSince1970)
    let board = try TensorBoardRun(folder: folder, description: reader.description, now: { clock.seconds })
    var ranks: [Int] = []
    for record in try reader.records() {
      clock.seconds += record.stepMs / 1000
      let row = try reader.tripletRow(at: record.step)
      if let row { ranks = row.ranks }
      try board.write(record: record, ranks: ranks, triplets: row?.frame, orth: row?.orth)
    }
  }

  private final class Clock {
    var seconds: Double
    init(_ seconds: Double) { self.seconds = seconds }
  }
}
