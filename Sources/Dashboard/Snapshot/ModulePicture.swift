// What the pictures of modules share: layers down, module types across, a caption above, a legend below.

import Training

struct ModulePicture {
  static let left = 58.0
  static let top = 92.0
  static let columnGap = 12.0

  let grid: ModuleGrid
  let columnWidth: Double
  let rowHeight: Double
  let width: Double
  /// Where the rows end.
  let bottom: Double
  var document: SVGDocument

  /// - Parameters:
  ///   - columnWidth: without the gap.
  ///   - sumWidth: room at the right of the columns.
  init(
    _ frame: Frame, title: String, note: String, columnWidth: Double, rowHeight: Double, sumWidth: Double,
    legendHeight: Double
  ) {
    let modules = frame.description.modules
    grid = ModuleGrid(modules: modules, visible: Array(modules.indices))
    self.columnWidth = columnWidth
    self.rowHeight = rowHeight
    width = max(
      Self.left + Double(grid.types.count) * (columnWidth + Self.columnGap) + sumWidth + 16, 640)
    bottom = Self.top + Double(grid.rows.count) * rowHeight
    document = SVGDocument(width: width, height: bottom + legendHeight, title: title, description: note)
    document.text(title, x: 20, y: 28, "title")
    document.text(note, x: 20, y: 47, "note")
    document.text("layer", x: Self.left - 12, y: Self.top - 10, "tick", .end)
    for (column, type) in grid.types.enumerated() {
      document.text(
        ModuleLabel.type(type, width: max(Int(columnWidth / 6.2), 3)), x: x(column), y: Self.top - 22, "strong",
        tip: type)
    }
    for (row, line) in grid.rows.enumerated() {
      document.text(line.label, x: Self.left - 12, y: y(row) + rowHeight / 2 + 4, "tick", .end)
    }
  }

  func x(_ column: Int) -> Double { Self.left + Double(column) * (columnWidth + Self.columnGap) }
  func y(_ row: Int) -> Double { Self.top + Double(row) * rowHeight }

  /// A horizontal colour bar of viridis.
  mutating func colorBar(x: Double, y: Double, width: Double) {
    document.defineViridis()
    document.rectangle(x: x, y: y, width: width, height: 10, "swatch", fill: "url(#viridis)")
    document.rectangle(x: x, y: y, width: width, height: 10, "frame")
  }

  /// Which run, and when.
  static func note(_ frame: Frame) -> String {
    let run = frame.description
    return "\(run.run) · \(run.model) · \(run.method)"
      + (run.allocates ? " \(run.score.rawValue)" : "") + " · step \(frame.stepsDone) of \(run.totalSteps)"
  }
}
