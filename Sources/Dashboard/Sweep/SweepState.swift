// Everything the table of a sweep knows, as one value: the newest frame and what the person has chosen to look at.

import Training

/// What the keys mean at the moment.
public enum SweepMode: Sendable, Equatable {
  case normal
  case help(scroll: Int)
  /// The filter under edit, with what it was before.
  case filter(LineEditor, previous: String)
  /// Whether the runs are to be stopped is asked.
  case quitting
  /// The command that compares runs is shown.
  case comparing(command: String)
}

public struct SweepState: Sendable {
  /// Cells of the terminal.
  public var width: Int
  public var height: Int
  /// Where the sweep is kept, as a command names it.
  let folder: String
  /// Whether this process drives the sweep, so that leaving stops it.
  let isOwn: Bool
  /// Seconds of the clock that the events bring.
  var now = 0.0
  public internal(set) var frame: SweepFrame?
  /// Shows only runs that have every word of it.
  var filter = ""
  /// nil: in the order in which they are run.
  var order: SweepColumn?
  var isReversed = false
  /// Among the visible ones; nil where there are none.
  var selected: SweepRun.Key?
  var marked: Set<SweepRun.Key> = []
  /// First run that is seen.
  var scroll = 0
  public internal(set) var mode = SweepMode.normal
  var toasts: [Toast] = []

  public init(width: Int, height: Int, folder: String, isOwn: Bool) {
    self.width = width
    self.height = height
    self.folder = folder
    self.isOwn = isOwn
  }

  /// Whether leaving has to be asked about: runs of this process are under way.
  var isBusy: Bool { isOwn && (frame.map { !$0.isOver } ?? true) }

  /// The runs that pass the filter, in the order that is shown.
  var visible: [SweepRun] {
    guard let frame else { return [] }
    let terms = FilterTerms(filter)
    let runs = frame.runs.filter { terms.isEmpty || terms.match($0.filterText) }
    guard let order else { return isReversed ? runs.reversed() : runs }
    return order.sorted(runs, in: frame, isReversed: isReversed)
  }

  /// The columns that find room in the table.
  var columns: [(column: SweepColumn, x: Int, width: Int)] {
    frame.map { SweepColumn.places(in: $0, width: layout.table.inner.width - SweepLayout.firstColumn) } ?? []
  }

  var layout: SweepLayout { SweepLayout(width: width, height: height) }

  mutating func toast(_ text: String, isWarning: Bool = false) {
    toasts.removeAll { $0.text == text }
    toasts.append(Toast(text: text, isWarning: isWarning, expires: now + DashboardState.toastSeconds))
  }
}

/// Where everything stands.
struct SweepLayout {
  static let detailHeight = 6

  let isTooSmall: Bool
  let header: Area
  let table: Area
  let detail: Area
  let footer: Area

  init(width: Int, height: Int) {
    isTooSmall = width < ScreenLayout.minimumWidth || height < ScreenLayout.minimumHeight
    header = Area(x: 0, y: 0, width: width, height: 2)
    footer = Area(x: 0, y: height - 1, width: width, height: 1)
    detail = Area(x: 0, y: height - 1 - Self.detailHeight, width: width, height: Self.detailHeight)
    table = Area(x: 0, y: 2, width: width, height: max(height - 3 - Self.detailHeight, 0))
  }

  /// Runs that are seen at once, below the columns' names.
  var capacity: Int { max(table.inner.height - 1, 0) }

  /// Where the first column begins in the table, after the marks.
  static let firstColumn = 3
}
