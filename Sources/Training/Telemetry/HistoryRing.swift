// A run's past in fixed memory: the longer the run, the coarser the grid.

/// Keeps at most `capacity` points of a run, evenly spread: when full, every second one goes and the spacing doubles.
/// Evaluations stay as long as they do not crowd out the rest; the newest point is always there.
public struct HistoryRing: Sendable {
  public private(set) var points: [HistoryPoint] = []
  /// Steps between retained points.
  public private(set) var spacing = 1
  private let capacity: Int
  /// Whether the last point is there only for being the newest.
  private var endsOffGrid = false

  /// - Precondition: capacity ≥ 4.
  public init(capacity: Int = 1024) {
    precondition(capacity >= 4, "a history of \(capacity) points")
    self.capacity = capacity
    points.reserveCapacity(capacity + 1)
  }

  /// Whether a point of this step would stay.
  public func retains(_ record: StepRecord) -> Bool { isOnGrid(record) || record.eval != nil }

  private func isOnGrid(_ record: StepRecord) -> Bool { record.step % spacing == 0 }

  /// Adds the newest point. Amortised O(1).
  public mutating func append(_ point: HistoryPoint) {
    if endsOffGrid { points.removeLast() }
    points.append(point)
    endsOffGrid = !retains(point.record)
    guard points.count > capacity else { return }
    spacing *= 2
    let newest = points.count - 1
    let thinned = points.indices.filter { retains(points[$0].record) || $0 == newest }
    let isCrowded = thinned.count > capacity * 3 / 4
    points = (isCrowded ? thinned.filter { isOnGrid(points[$0].record) || $0 == newest } : thinned).map { points[$0] }
    endsOffGrid = isCrowded ? !isOnGrid(point.record) : !retains(point.record)
  }
}
