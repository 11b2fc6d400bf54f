// A run's past in fixed memory: the longer the run, the coarser the grid.

/// Keeps at most `capacity` points of a run, evenly spread: when full, every second one goes and the spacing doubles.
/// Evaluations and masks are not favoured; the newest point is always there.
public struct HistoryRing: Sendable {
  public private(set) var points: [HistoryPoint] = []
  /// Steps between retained points.
  public private(set) var spacing = 1
  private let capacity: Int
  /// Whether the last point is only there for being the newest.
  private var endsOffGrid = false

  /// - Precondition: capacity ≥ 4.
  public init(capacity: Int = 1024) {
    precondition(capacity >= 4, "a history of \(capacity) points")
    self.capacity = capacity
    points.reserveCapacity(capacity + 1)
  }

  /// Whether a point of this step would stay.
  public func retains(step: Int) -> Bool { step % spacing == 0 }

  /// Adds the newest point. Amortised O(1).
  public mutating func append(_ point: HistoryPoint) {
    if endsOffGrid { points.removeLast() }
    points.append(point)
    endsOffGrid = !retains(step: point.record.step)
    guard points.count > capacity else { return }
    spacing *= 2
    points = points.enumerated().filter { retains(step: $1.record.step) || $0 == points.count - 1 }.map(\.element)
    endsOffGrid = !retains(step: point.record.step)
  }
}
