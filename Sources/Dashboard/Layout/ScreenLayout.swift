// Where everything stands on a screen of a given size; shared by the view and by what a click means.

extension Area {
  var right: Int { x + width }
  var bottom: Int { y + height }
  /// What a border of one cell leaves.
  var inner: Area { Area(x: x + 1, y: y + 1, width: max(width - 2, 0), height: max(height - 2, 0)) }
  func contains(_ px: Int, _ py: Int) -> Bool { px >= x && px < right && py >= y && py < bottom }
}

struct ScreenLayout {
  static let minimumWidth = 80
  static let minimumHeight = 24

  /// What is said on a screen that is too small.
  static func needs(_ area: Area) -> [String] {
    ["ranktop needs \(minimumWidth)×\(minimumHeight),", "this is \(area.width)×\(area.height)"]
  }

  let isTooSmall: Bool
  let header: Area
  let status: Area
  let footer: Area
  /// What is left for the panels, and those that are shown.
  let body: Area
  private(set) var panels: [(panel: Panel, area: Area)] = []

  /// - Parameter zoomed: the panel that has the whole body.
  /// - Parameter gridRows, moduleCount: what the Ranks and Importance panels would like to show.
  init(width: Int, height: Int, zoomed: Panel?, gridRows: Int, moduleCount: Int) {
    isTooSmall = width < Self.minimumWidth || height < Self.minimumHeight
    let headerRows = width >= 132 ? 1 : 2
    let statusRows = width >= 150 ? 1 : 2
    header = Area(x: 0, y: 0, width: width, height: headerRows)
    footer = Area(x: 0, y: height - 1, width: width, height: 1)
    status = Area(x: 0, y: height - 1 - statusRows, width: width, height: statusRows)
    body = Area(x: 0, y: headerRows, width: width, height: max(height - 1 - headerRows - statusRows, 0))
    guard !isTooSmall else { return }
    if let zoomed {
      panels = [(zoomed, body)]
    } else if width >= 160 {
      // Three columns, or four; a list gets what it needs as far as its neighbour keeps enough.
      let height = body.height
      let isWide = width >= 250
      let columns = Self.split(body.width, isWide ? 4 : 3)
      let x = Self.starts(columns, from: 0)
      let ranks = max(min(gridRows * 3 + 7, height * 2 / 3), height / 2 - 6)
      let importance = max(min(moduleCount + 4, height - max(height / 4, 9)), height - 30)
      column([.ranks, .events], x[0], columns[0], [ranks, 0])
      if isWide {
        column([.importance], x[1], columns[1], [0])
        column([.triplet, .budget], x[2], columns[2], [height * 11 / 20, 0])
        column([.training], x[3], columns[3], [0])
      } else {
        column([.importance, .triplet], x[1], columns[1], [importance, 0])
        column([.budget, .training], x[2], columns[2], [height * 9 / 20, 0])
      }
    } else {
      let left = width * 11 / 20
      // 8, 6 and 5 rows at 80×24; the rest goes mostly to the top, which never gets more than it can use.
      let extra = max(body.height - 19, 0)
      let wanted = max(gridRows * 3 + 6, (moduleCount + 1) / 2 + 5)
      let top = min(8 + extra * 9 / 20, max(wanted, 8))
      let middle = 6 + (body.height - top - 11) * 11 / 20
      column([.ranks, .triplet, .events], 0, left, [top, middle, 0])
      column([.importance, .training, .budget], left, width - left, [top, middle, 0])
    }
  }

  func area(of panel: Panel) -> Area? { panels.first { $0.panel == panel }?.area }

  func panel(atX x: Int, y: Int) -> Panel? { panels.first { $0.area.contains(x, y) }?.panel }

  /// Puts panels below each other; the last takes what is left.
  private mutating func column(_ stack: [Panel], _ x: Int, _ width: Int, _ heights: [Int]) {
    var y = body.y
    for (index, panel) in stack.enumerated() {
      let height = index == stack.count - 1 ? body.bottom - y : heights[index]
      panels.append((panel, Area(x: x, y: y, width: width, height: height)))
      y += height
    }
  }

  private static func split(_ total: Int, _ count: Int) -> [Int] {
    (0..<count).map { total * ($0 + 1) / count - total * $0 / count }
  }

  private static func starts(_ widths: [Int], from x: Int) -> [Int] {
    var start = x
    return widths.map { width in
      defer { start += width }
      return start
    }
  }
}

extension DashboardState {
  var grid: ModuleGrid {
    let grid = ModuleGrid(modules: frame?.description.modules ?? [], visible: visibleModules)
    guard isFolded, let area = layout(grid).area(of: .ranks) else { return grid }
    return grid.folded(into: RanksGeometry.lines(area.inner))
  }

  /// Why layers cannot be folded or unfolded.
  var reasonAgainstFolding: String? {
    let grid = grid
    guard grid.layersPerRow == 1, let area = layout(grid).area(of: .ranks) else { return nil }
    return grid.rows.count > RanksGeometry.lines(area.inner) ? nil : "every layer is in view"
  }

  func layout(_ grid: ModuleGrid) -> ScreenLayout {
    ScreenLayout(
      width: width, height: height, zoomed: isZoomed ? focus : nil, gridRows: grid.fullRowCount,
      moduleCount: grid.places.count)
  }
}
