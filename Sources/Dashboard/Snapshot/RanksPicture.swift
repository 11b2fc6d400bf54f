// ranks.svg: allocated rank by layer and module type, with the planted rank where there is one.

import Training

enum RanksPicture {
  static func svg(_ frame: Frame) -> String {
    let modules = frame.description.modules
    let rank = max(frame.description.initialRank, 1)
    let layers = Set(modules.map(\.layer)).count
    let rowHeight = layers <= 12 ? 28.0 : layers <= 48 ? 21 : 16
    let track = 76.0
    let hasPlanted = modules.contains { $0.plantedRank != nil }
    var picture = ModulePicture(
      frame, title: "Allocated rank by module", note: ModulePicture.note(frame), columnWidth: track + 34,
      rowHeight: rowHeight, sumWidth: 56, legendHeight: 92)
    let grid = picture.grid
    let sumX = picture.x(grid.types.count) + 44
    let barHeight = min(rowHeight - 9, 16)
    var totals = Array(repeating: 0, count: grid.types.count)
    picture.document.text("Σ", x: sumX, y: ModulePicture.top - 22, "strong", .end)
    for (row, line) in grid.rows.enumerated() {
      var sum = 0
      let middle = picture.y(row) + rowHeight / 2
      for (column, cell) in line.cells.enumerated() {
        guard let index = cell.first else { continue }
        let module = modules[index]
        let kept = frame.ranks[at: index] ?? 0
        let nonzero = frame.nonzero[at: index] ?? kept
        sum += kept
        totals[column] += kept
        let x = picture.x(column)
        let share = Double(kept) / Double(rank)
        var tip = "\(module.name): \(kept) of \(rank) kept, \(nonzero) λ not zero"
        if let planted = module.plantedRank { tip += ", planted \(planted)" }
        picture.document.rectangle(
          x: x, y: middle - barHeight / 2, width: track, height: barHeight, "track", radius: 2, tip: tip)
        if kept > 0 {
          picture.document.rectangle(
            x: x, y: middle - barHeight / 2, width: track * share, height: barHeight, "swatch",
            fill: Viridis.color(share), radius: 2, tip: tip)
        }
        if let planted = module.plantedRank, planted > 0 {
          Self.planted(x + track * Double(planted) / Double(rank), middle, barHeight, &picture.document)
        }
        picture.document.text(String(kept), x: x + track + 14, y: middle + 4, "strong", .end)
        if nonzero != kept {
          picture.document.text("/\(nonzero)", x: x + track + 15, y: middle + 4, "small")
        }
      }
      picture.document.text(String(sum), x: sumX, y: middle + 4, "tick", .end)
    }
    let foot = picture.bottom + 16
    picture.document.line(
      x1: ModulePicture.left, y1: picture.bottom + 2, x2: sumX, y2: picture.bottom + 2, "grid")
    picture.document.text("Σ", x: ModulePicture.left - 12, y: foot, "tick", .end)
    for (column, total) in totals.enumerated() {
      picture.document.text(String(total), x: picture.x(column) + track + 14, y: foot, "tick", .end)
    }
    picture.document.text(String(totals.reduce(0, +)), x: sumX, y: foot, "strong", .end)
    legend(&picture, rank: rank, hasPlanted: hasPlanted, y: picture.bottom + 46)
    return picture.document.xml
  }

  /// A line through the bar with a triangle on it: seen whatever the bar's length.
  private static func planted(_ x: Double, _ middle: Double, _ height: Double, _ document: inout SVGDocument) {
    let top = middle - height / 2
    document.line(x1: x, y1: top - 2, x2: x, y2: top + height + 1, "planted-line")
    let n = SVGDocument.number
    document.path("M\(n(x - 4)) \(n(top - 5))L\(n(x + 4)) \(n(top - 5))L\(n(x)) \(n(top + 2))Z", "planted")
  }

  private static func legend(_ picture: inout ModulePicture, rank: Int, hasPlanted: Bool, y: Double) {
    let x = ModulePicture.left
    let bar = 150.0
    picture.colorBar(x: x, y: y, width: bar)
    let scale = PlotScale(0, Double(rank), from: x, to: x + bar, ticks: min(rank, 4))
    for tick in scale.ticks where tick == tick.rounded() {
      guard let at = scale.pixel(tick) else { continue }
      picture.document.line(x1: at, y1: y + 10, x2: at, y2: y + 14, "axis")
      picture.document.text(PlotScale.label(tick), x: at, y: y + 25, "tick", .middle)
    }
    picture.document.text("triplets kept, of \(rank) at the start", x: x + bar + 16, y: y + 9, "note")
    if hasPlanted {
      planted(x + bar + 232, y + 6, 12, &picture.document)
      picture.document.text("planted rank, where there is one", x: x + bar + 244, y: y + 9, "note")
    }
    picture.document.text(
      "3/5: 3 kept by the last mask, 5 with λ ≠ 0 now", x: x + bar + 16, y: y + 25, "note")
  }
}
