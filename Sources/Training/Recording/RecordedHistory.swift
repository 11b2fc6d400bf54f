// A run's past out of its database, in fixed memory.

/// The points of a frame's history: a grid of steps that is coarser the longer the run is, every evaluation as long as
/// there are not too many, and the newest step.
struct RecordedHistory {
  struct Point {
    var point: HistoryPoint
    /// The row of triplets that it shows.
    var tripletStep: Int?
    /// Whether it is there for its evaluation or for being the newest alone.
    var isOffGrid: Bool
  }

  private(set) var points: [Point] = []
  /// Steps a cell of the grid; the first step of each cell stays.
  private(set) var spacing = 1
  /// Rows of triplets nearer than so many steps to the one before are not loaded.
  private(set) var tripletSpacing = 0
  private let cellsATriplet: Int
  /// Where the next cell begins that has not been read.
  private(set) var nextCell = 0

  /// - Parameter frameBytes: of one moment's triplets.
  init(frameBytes: Int) {
    let most = RecordedLimits.history / max(frameBytes, 1)
    cellsATriplet = most >= RecordedLimits.points ? 0 : (RecordedLimits.points + most - 1) / max(most, 1)
  }

  var isEmpty: Bool { points.isEmpty }

  /// Forgets everything and lays a grid over the steps up to `last`.
  mutating func reset(last: Int) {
    points = []
    nextCell = 0
    spacing = 1
    while last / spacing >= RecordedLimits.points { spacing *= 2 }
    tripletSpacing = spacing * cellsATriplet
  }

  /// Where a point of this step stands, or would.
  func position(of step: Int) -> Int {
    var low = 0
    var high = points.count
    while low < high {
      let middle = (low + high) / 2
      if points[middle].point.record.step < step { low = middle + 1 } else { high = middle }
    }
    return low
  }

  subscript(step step: Int) -> Point? {
    let position = position(of: step)
    return position < points.count && points[position].point.record.step == step ? points[position] : nil
  }

  /// The point before `step` whose triplets a new point may share, if it shows the row `tripletStep` or one near.
  func shared(before step: Int, tripletStep: Int) -> Point? {
    let position = position(of: step)
    guard position > 0, let shown = points[position - 1].tripletStep, shown <= tripletStep,
      tripletStep - shown < max(tripletSpacing, 1)
    else { return nil }
    return points[position - 1]
  }

  /// Adds a point, or puts it in the place of the one of its step.
  mutating func set(_ point: Point) {
    let position = position(of: point.point.record.step)
    if position < points.count, points[position].point.record.step == point.point.record.step {
      let isOffGrid = points[position].isOffGrid && point.isOffGrid
      points[position] = point
      points[position].isOffGrid = isOffGrid
    } else {
      points.insert(point, at: position)
    }
  }

  /// Drops what is there only for having been the newest.
  mutating func dropOldNewest(_ newest: Int) {
    points.removeAll { $0.isOffGrid && $0.point.record.eval == nil && $0.point.record.step != newest }
  }

  /// The cells up to `last` have been read. Where there are too many points, every second goes.
  mutating func advance(through last: Int) {
    nextCell = last / spacing * spacing + spacing
    while last / spacing >= RecordedLimits.points {
      spacing *= 2
      var cell = -1
      points = points.compactMap { point in
        var point = point
        let own = point.point.record.step / spacing
        if !point.isOffGrid {
          point.isOffGrid = own == cell
          cell = own
        }
        return point.isOffGrid && point.point.record.eval == nil ? nil : point
      }
      tripletSpacing = spacing * cellsATriplet
      nextCell = last / spacing * spacing + spacing
    }
    while points.count(where: { $0.isOffGrid && $0.point.record.eval != nil }) > RecordedLimits.points {
      var count = 0
      points.removeAll { point in
        guard point.isOffGrid, point.point.record.eval != nil else { return false }
        count += 1
        return count % 2 == 0
      }
    }
  }
}
