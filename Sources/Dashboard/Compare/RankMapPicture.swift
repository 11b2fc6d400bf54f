// A group's allocation: layers down, module types across, the mean rank as colour and as number.

import Training

struct RankMapPicture {
  let grid: ModuleGrid
  let modules: [RunDescription.Module]
  let largestRank: Double

  init(_ comparison: Comparison) {
    modules = comparison.modules
    grid = ModuleGrid(modules: modules, visible: Array(modules.indices))
    largestRank = comparison.largestRank
  }

  private static let left = 34.0

  func element(_ group: ComparedGroup, id: String) -> String {
    let ranks = group.meanRanks()
    let texts = ComparedGroup.rankTexts(ranks)
    let runs = group.runs.map(\.rankOfModule)
    let rowHeight = grid.rows.count <= 12 ? 26.0 : grid.rows.count <= 32 ? 19 : 15
    let columnWidth = min((GroupPicture.width - Self.left - 46) / Double(max(grid.types.count, 1)), 84)
    let top = 26.0
    let bottom = top + Double(grid.rows.count) * rowHeight
    var document = SVGDocument(
      width: GroupPicture.width, height: bottom + 26, title: "Ranks of \(group.name)",
      description: "Kept triplets a module, mean over \(group.runs.count) seeds; layers down, module types across.")
    let sumX = Self.left + Double(grid.types.count) * columnWidth + 40
    for (column, type) in grid.types.enumerated() {
      let x = Self.left + (Double(column) + 0.5) * columnWidth
      document.text(
        ModuleLabel.type(type, width: max(Int(columnWidth / 7), 2)), x: x, y: top - 8, "tick", .middle, tip: type)
    }
    document.text("Σ", x: sumX, y: top - 8, "tick", .end)
    var sums = Array(repeating: 0.0, count: grid.types.count)
    for (row, line) in grid.rows.enumerated() {
      let y = top + Double(row) * rowHeight
      var sum = 0.0
      document.text(line.label, x: Self.left - 8, y: y + rowHeight / 2 + 4, "tick", .end)
      for (column, own) in line.cells.enumerated() {
        guard let name = own.first.map({ modules[$0].name }), let rank = ranks[name], let text = texts[name]
        else { continue }
        sum += rank
        sums[column] += rank
        let each = runs.map { ranks in ranks[name].map(String.init) ?? "–" }
        GroupPicture.cell(
          rank / largestRank, text, x: Self.left + Double(column) * columnWidth, y: y, width: columnWidth,
          height: rowHeight, tip: "\(name): \(text) (\(each.joined(separator: ", ")))", on: &document)
      }
      document.text(ComparedGroup.sumText(sum), x: sumX, y: y + rowHeight / 2 + 4, "tick", .end)
    }
    document.text("Σ", x: Self.left - 8, y: bottom + 16, "tick", .end)
    for (column, sum) in sums.enumerated() {
      let x = Self.left + (Double(column) + 0.5) * columnWidth
      document.text(ComparedGroup.sumText(sum), x: x, y: bottom + 16, "tick", .middle)
    }
    let total = ComparedGroup.sumText(sums.reduce(0, +))
    document.text(total, x: sumX, y: bottom + 16, "label", .end)
    return document.element(id: id)
  }

  /// What the colours stand for.
  func legend(id: String) -> String {
    let (x, bar, y) = (Self.left, 240.0, 8.0)
    var document = SVGDocument(
      width: GroupPicture.width, height: 42, title: "Scale of the maps",
      description: "From 0 to \(NumberText.plain(largestRank)) kept triplets a module.")
    let steps = 48
    for step in 0..<steps {
      let share = (Double(step) + 0.5) / Double(steps)
      document.rectangle(
        x: x + bar * Double(step) / Double(steps), y: y, width: bar / Double(steps) + 0.5, height: 12, "swatch",
        fill: Viridis.color(share))
    }
    let scale = PlotScale(0, largestRank, from: x, to: x + bar, ticks: 4)
    for tick in scale.ticks {
      guard let at = scale.pixel(tick) else { continue }
      document.line(x1: at, y1: y + 12, x2: at, y2: y + 16, "axis")
      document.text(PlotScale.label(tick), x: at, y: y + 30, "tick", .middle)
    }
    document.text("kept triplets, mean over seeds", x: x + bar + 18, y: y + 11, "note")
    return document.element(id: id)
  }
}
