// What a run's database says of the whole run: what its steps cost, and how its ranks went.

import GRDB
import Models

extension TelemetryReader {
  /// The ranks after one step.
  public struct RecordedRanks: Sendable, Equatable {
    public var step: Int
    /// Kept triplets a module.
    public var kept: [Int]
  }

  /// What the steps cost.
  public struct RecordedCost: Sendable, Equatable {
    /// Median time of a step.
    public var stepMs: Double
    /// Real tokens over the time of the steps.
    public var tokensPerSecond: Double
  }

  /// nil where no step was timed.
  public func cost() throws(InputError) -> RecordedCost? {
    try read { database in
      let sums = try self.rows(
        database, "step",
        "SELECT count(step_ms) AS count, total(step_ms) AS time, total(tokens) AS tokens FROM step "
          + "WHERE step_ms IS NOT NULL"
      ).first
      guard let sums, case let count = try sums.integer("count", in: 0...RecordedLimits.step), count > 0 else {
        return nil
      }
      let median = try self.rows(
        database, "step",
        "SELECT step_ms FROM step WHERE step_ms IS NOT NULL ORDER BY step_ms LIMIT 1 OFFSET ?", [count / 2]
      ).first
      let seconds = try sums.number("time") / 1000
      return RecordedCost(
        stepMs: try median?.number("step_ms") ?? .nan,
        tokensPerSecond: seconds > 0 ? try sums.number("tokens") / seconds : .nan)
    }
  }

  /// The ranks as they changed, evenly spread where there are more than about `count` records, the first and the last
  /// always; empty for LoRA.
  public func ranks(atMost count: Int) throws(InputError) -> [RecordedRanks] {
    try read { database in
      func step(_ choice: String, from start: Int) throws -> Int? {
        try self.rows(database, "rank", "SELECT \(choice)(step) AS step FROM rank WHERE step >= ?", [start]).first?
          .optionalInteger("step", in: 0...RecordedLimits.step)
      }
      guard var next = try step("min", from: 0), let last = try step("max", from: 0) else { return [] }
      let spacing = max((last - next) / max(count, 1), 1)
      var found: [RecordedRanks] = []
      while next < last {
        found.append(RecordedRanks(step: next, kept: try self.ranks(database, step: next).kept))
        next = min(try step("min", from: next + spacing) ?? last, last)
      }
      return found + [RecordedRanks(step: last, kept: try self.ranks(database, step: last).kept)]
    }
  }
}
