// Which row of a table of relative embeddings a distance between two tokens has: DeBERTa's logarithmic buckets.

import Glibc

/// A table of 2·span rows for the distances i − j of a query i from a key j. Without buckets every distance below the reach
/// has its own row; with them those up to half their number have, and farther ones share rows by their logarithm.
///
/// Source: `build_relative_position` in `transformers/models/deberta_v2/modeling_deberta_v2.py`.
public struct RelativePositions: Sendable, Equatable {
  /// `max_relative_positions`.
  public let reach: Int
  /// `position_buckets`; 0 where there are none.
  public let buckets: Int

  /// - Precondition: reach ≥ 1; with buckets, reach − 1 > buckets / 2 ≥ 1.
  public init(reach: Int, buckets: Int) {
    precondition(
      reach >= 1 && (buckets == 0 || buckets / 2 >= 1 && reach - 1 > buckets / 2),
      "\(buckets) buckets for a reach of \(reach)")
    self.reach = reach
    self.buckets = buckets
  }

  public var span: Int { buckets > 0 ? buckets : reach }

  /// The table's row for a distance; rows never fall as distances grow.
  public func row(_ distance: Int) -> Int { min(max(bucket(distance) + span, 0), 2 * span - 1) }

  /// The rows that sequences of at most `length` tokens use.
  public func rows(length: Int) -> Range<Int> { length < 1 ? 0..<0 : row(1 - length)..<row(length - 1) + 1 }

  private func bucket(_ distance: Int) -> Int {
    let middle = buckets / 2
    guard buckets > 0, abs(distance) > middle else { return distance }
    let share = log(Double(abs(distance)) / Double(middle)) / log(Double(reach - 1) / Double(middle))
    return distance.signum() * (Int((share * Double(middle - 1)).rounded(.up)) + middle)
  }
}
