// How the Ranks grid fills its panel: which rows and columns are seen, and how much each cell can say.

import Training

struct RanksGeometry {
  let labelWidth: Int
  /// Cells of a column with the gap after it, and the columns seen from `firstColumn` on.
  let columnWidth: Int
  let firstColumn: Int
  let columnCount: Int
  /// Screen lines a grid row takes: 1, 2 with a sparkline, 3 with a gap as well.
  let rowHeight: Int
  let rowCount: Int
  /// Lines below the grid about the selected module.
  let detailLines: Int
  /// A column at the right with each row's sum.
  let hasSums: Bool

  /// - Parameter inner: the panel inside its border; row 0 is the heading.
  /// - Parameter cellWidth: cells that a module's full text and bar would take.
  init(inner: Area, grid: ModuleGrid, cellWidth: Int, selected: Int) {
    let widest = grid.rows.reduce(1) { max($0, $1.label.count) }
    labelWidth = max(widest, 2) + 1
    let sums = 5
    let wide = grid.types.count > 1 && inner.width >= labelWidth + grid.types.count * 7 + sums
    hasSums = wide
    let room = max(inner.width - labelWidth - (wide ? sums : 0), 1)
    let even = room / max(grid.types.count, 1)
    columnWidth = max(min(even, cellWidth + 1), min(5, room))
    columnCount = max(min(grid.types.count, room / columnWidth), 1)
    let column = grid.places[selected]?.column ?? 0
    firstColumn = max(0, min(column - columnCount + 1, grid.types.count - columnCount))
    detailLines = Self.detailLines(inner)
    let lines = Self.lines(inner)
    let rows = max(grid.rows.count, 1)
    rowHeight = rows * 3 <= lines + 1 ? 3 : rows * 2 <= lines ? 2 : 1
    rowCount = min(grid.rows.count, (lines + (rowHeight == 3 ? 1 : 0)) / rowHeight)
  }

  private static func detailLines(_ inner: Area) -> Int { inner.height >= 9 ? 2 : inner.height >= 4 ? 1 : 0 }

  /// Lines for the rows: all but the heading, the selected module and the sums by type.
  static func lines(_ inner: Area) -> Int {
    max(inner.height - 1 - detailLines(inner) - (inner.height >= 12 ? 1 : 0), 0)
  }

  /// The module under a point of the panel's inside, the selected one if its cell has it.
  func module(atX x: Int, y: Int, grid: ModuleGrid, scroll: Int, selected: Int) -> Int? {
    guard y >= 1, x >= labelWidth else { return nil }
    let row = (y - 1) / rowHeight
    let column = (x - labelWidth) / columnWidth
    guard row < rowCount, column < columnCount, let found = grid.rows[at: row + scroll] else { return nil }
    return found.cells[at: column + firstColumn].flatMap { grid.counterpart(of: selected, in: $0) }
  }
}

/// The least move of a list's first visible line that brings a line into view.
func scrolled(_ first: Int, toShow line: Int, visible: Int, of count: Int) -> Int {
  let last = max(count - visible, 0)
  var first = max(0, min(first, last))
  if line < first { first = line }
  if visible > 0, line >= first + visible { first = line - visible + 1 }
  return max(0, min(first, last))
}

extension DashboardState {
  /// Texts of a Ranks cell take the same fields everywhere, so that the columns line up.
  func rankFields(_ grid: ModuleGrid) -> RankFields {
    let most = grid.largestCell
    let rank = initialRank * most
    let modules = frame?.description.modules ?? []
    let shown = moment
    let planted = modules.contains { $0.plantedRank != nil }
    if let other { return RankFields(rank: rank, otherRank: other.description.initialRank * most) }
    let differs = shown.map { moment in moment.ranks.indices.contains { moment.ranks[$0] != moment.nonzero[at: $0] } }
    return RankFields(rank: rank, hasPlanted: planted, hasNonzero: !hasFixedRank && differs ?? false)
  }
}

/// The fields of a Ranks cell for a module's rank, or what the modules of a folded cell can have together: kept, `/planted`, `(nonzero)`, ▲▼ and a bar; or kept and the difference to another run.
struct RankFields {
  let digits: Int
  let planted: Int
  let nonzero: Int
  let bar: Int
  /// The difference to another run; 0 where there is none.
  let difference: Int

  init(rank: Int, hasPlanted: Bool, hasNonzero: Bool) {
    digits = String(rank).count
    planted = hasPlanted ? digits + 1 : 0
    nonzero = hasNonzero ? digits + 2 : 0
    bar = min(max(rank, 1), 12)
    difference = 0
  }

  /// Beside another run: kept, the difference and a bar.
  init(rank: Int, otherRank: Int) {
    digits = String(rank).count
    difference = String(max(rank, otherRank)).count + 1
    planted = 0
    nonzero = 0
    bar = min(max(rank, 1), 12)
  }

  /// Kept and the mark of change.
  var least: Int { digits + (difference > 0 ? 1 + difference : 1) }
  /// All of it, a blank before the bar.
  var full: Int { least + planted + nonzero + 1 + bar }
}

extension DashboardState {
  func ranksGeometry(_ area: Area, _ grid: ModuleGrid) -> RanksGeometry {
    RanksGeometry(inner: area.inner, grid: grid, cellWidth: rankFields(grid).full, selected: module)
  }
}
