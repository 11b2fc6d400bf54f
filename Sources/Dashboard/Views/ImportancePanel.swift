// Panel 2: which triplet matters how much. A heatmap, a row a module, a cell a triplet or a moment.

import AdaLoRA
import Training

extension Scene {
  func drawImportance(on canvas: inout Canvas, in area: Area) {
    let inner = area.inner
    guard !state.hasFixedRank else {
      canvas.border(area, title: title(.importance), isFocused: isFocused(.importance))
      paragraph(
        "\(frame.description.method) scores nothing: every module keeps its rank. A run with adapter.method \"adalora\" fills this panel.",
        on: &canvas, in: inner)
      return
    }
    let values = state.importanceValues(moment.triplets)
    var note = StyledText(" \(state.quantity.symbol)", Theme.strong)
    if state.quantity == .score { note.add(" \(rule.rawValue)", Theme.label) }
    note.add(state.isOverTime ? " × time " : state.isSorted ? " sorted " : " ", Theme.label)
    let geometry = state.importanceGeometry(area, moduleCount: visible.count)
    var foot = StyledText()
    if visible.count > geometry.capacity {
      let last = min(state.importanceScroll + geometry.capacity, visible.count)
      foot.add(" \(state.importanceScroll + 1)-\(last) of \(visible.count) ", Theme.label)
    }
    canvas.border(area, title: title(.importance), note: note, foot: foot, isFocused: isFocused(.importance))
    guard inner.width > 0, inner.height > 0, !visible.isEmpty else { return }
    let scale: HeatScale
    if state.isOverTime {
      scale = drawOverTime(on: &canvas, in: inner, geometry)
    } else {
      scale = HeatScale(values, glyphs: glyphs, colors: colors, theme: state.configuration.theme)
      drawTriplets(values, scale, on: &canvas, in: inner, geometry)
    }
    let legend = Area(
      x: inner.x, y: inner.y + geometry.rowCount, width: inner.width,
      height: max(inner.height - geometry.rowCount, 0))
    drawLegend(scale, geometry, on: &canvas, in: legend)
  }

  private func drawTriplets(
    _ values: [Float], _ scale: HeatScale, on canvas: inout Canvas, in inner: Area, _ geometry: ImportanceGeometry
  ) {
    let sums: [Float] =
      geometry.shareWidth > 0 && values.count == modules.count * rank && rank > 0
      ? modules.indices.map { values[$0 * rank..<($0 + 1) * rank].reduce(0) { $0 + ($1.isFinite ? $1 : 0) } } : []
    let digits = String(rank).count
    let total = sums.reduce(0, +)
    let highest = sums.max() ?? 0
    for slot in 0..<geometry.capacity {
      guard let index = visible[at: state.importanceScroll + slot] else { break }
      let y = slot % geometry.rowCount
      let x = slot / geometry.rowCount * geometry.blockWidth
      let isSelected = index == state.module
      let row = Area(
        x: inner.x + x, y: inner.y + y, width: max(min(geometry.blockWidth, inner.width - x), 0), height: 1)
      canvas.put(
        (isSelected ? "→" : " ") + ModuleLabel.short(modules[index], width: geometry.labelWidth - 2),
        isSelected ? Theme.strong : Theme.dim, in: row, x: 0, y: 0)
      let order = state.tripletOrder(index, values)
      let shown = isSelected ? (order.firstIndex(of: state.triplet) ?? 0) : 0
      let first = geometry.firstColumn(for: shown)
      for column in 0..<geometry.columnCount {
        guard let triplet = order[at: first + column] else { break }
        let element = index * rank + triplet
        let share = values[at: element].flatMap { scale.share($0) }
        let isKept = moment.triplets.kept[at: element] ?? true
        var style = scale.style(share)
        let glyph = scale.glyph(share)
        let isChosen = isSelected && triplet == state.triplet
        if isChosen, geometry.cellWidth == 1 { style = Style(style.foreground, bold: true, reverse: true) }
        let at = geometry.labelWidth + column * geometry.cellWidth
        // A pruned triplet's last cell is ×; where there is one cell only, × in the colour of its magnitude.
        var text = String.UnicodeScalarView()
        let width = geometry.cellWidth == 3 ? 2 : geometry.cellWidth
        for cell in 0..<width { text.append(!isKept && cell == width - 1 ? "×" : glyph) }
        canvas.put(String(text), style, in: row, x: at, y: 0)
        if isChosen, geometry.cellWidth > 1 {
          canvas.put("◄", Theme.strong, in: row, x: at + geometry.cellWidth - 1, y: 0)
        }
      }
      let end = geometry.labelWidth + geometry.columnCount * geometry.cellWidth + 1
      canvas.put("\(moment.ranks[at: index] ?? rank)", Theme.label, in: row, x: end, y: 0)
      if geometry.shareWidth > 0, total > 0 {
        let text = NumberText.fixed(100 * Double(sums[index] / total), 1)
        canvas.put(
          String(repeating: " ", count: max(5 - text.count, 0)) + text + "%", Theme.dim, in: row,
          x: end + digits, y: 0)
        let bar = Spark.bar(
          Int((1000 * sums[index] / highest).rounded()), of: 1000, width: geometry.shareWidth - 9)
        canvas.put(bar.full, Theme.faint, in: row, x: end + digits + 8, y: 0)
      }
    }
  }

  /// A row a module, the mean of the quantity over its triplets from the first recorded step to the shown one.
  private func drawOverTime(on canvas: inout Canvas, in inner: Area, _ geometry: ImportanceGeometry) -> HeatScale {
    let points = past
    let columns = min(geometry.columnCount, points.count)
    var means: [[Float]] = []
    for column in 0..<columns {
      let index = columns == 1 ? points.count - 1 : column * (points.count - 1) / (columns - 1)
      let values = state.importanceValues(points[points.startIndex + index].triplets)
      means.append(
        visible.map { module in
          guard values.count >= (module + 1) * rank, rank > 0 else { return 0 }
          return values[module * rank..<(module + 1) * rank].reduce(0, +) / Float(rank)
        })
    }
    let scale = HeatScale(means.flatMap { $0 }, glyphs: glyphs, colors: colors, theme: state.configuration.theme)
    for slot in 0..<geometry.capacity {
      guard let index = visible[at: state.importanceScroll + slot] else { break }
      let isSelected = index == state.module
      canvas.put(
        (isSelected ? "→" : " ") + ModuleLabel.short(modules[index], width: geometry.labelWidth - 2),
        isSelected ? Theme.strong : Theme.dim, in: inner, x: 0, y: slot)
      for column in 0..<columns {
        let share = means[column][at: state.importanceScroll + slot].flatMap { scale.share($0) }
        canvas.put(String(scale.glyph(share)), scale.style(share), in: inner, x: geometry.labelWidth + column, y: slot)
      }
      canvas.put(
        "\(moment.ranks[at: index] ?? rank)", Theme.label, in: inner,
        x: geometry.labelWidth + columns + 1, y: slot)
    }
    return scale
  }

  private func drawLegend(_ scale: HeatScale, _ geometry: ImportanceGeometry, on canvas: inout Canvas, in area: Area) {
    var text = StyledText(scale.high > 0 ? NumberText.scientific(scale.low, 1) + " " : "all zero ", Theme.dim)
    if scale.high > 0 {
      for level in 0..<8 {
        let share = (Double(level) + 0.5) / 8
        text.add(String(scale.glyph(share)), scale.style(share))
      }
      text.add(" " + NumberText.scientific(scale.high, 1), Theme.dim)
    }
    if !state.isOverTime, area.width - text.width >= 10 {
      text.add(frame.description.grows ? "  × waits" : "  × pruned", Theme.dim)
    }
    if !state.isOverTime, area.width - text.width >= 8 { text.add("  · zero", Theme.dim) }
    if !state.isOverTime, geometry.shareWidth > 0, area.width - text.width >= 14 {
      text.add("  % of all \(state.quantity.symbol)", Theme.dim)
    }
    if state.isOverTime, let first = past.first?.record.step, area.width - text.width >= 20 {
      text.add("  mean a module, steps \(first)-\(step)", Theme.dim)
    }
    canvas.put(text, in: area, x: 0, y: 0)
    guard area.height >= 2 else { return }
    canvas.put(beside.map { there($0, width: area.width) } ?? agreement(width: area.width), in: area, x: 0, y: 1)
  }

  /// The selected triplet in the other run, and how much of the kept sets is common.
  private func there(_ beside: Beside, width: Int) -> StyledText {
    var text = fate(in: beside, isNarrow: width < 46)
    var common = 0
    var kept = 0
    for index in moment.triplets.kept.indices where moment.triplets.kept[index] && rank > 0 {
      guard let other = beside.triplet(index % rank, of: index / rank) else { continue }
      kept += 1
      common += other.isKept ? 1 : 0
    }
    guard kept > 0 else { return text }
    var share = StyledText(width < 72 ? "  alike " : "  of what is kept here it keeps ", Theme.dim)
    share.add(NumberText.percent(Double(common) / Double(kept)), Theme.label)
    if text.width + share.width <= width { text.add(share) }
    return text
  }

  /// What became of the selected triplet in the other run.
  func fate(in beside: Beside, isNarrow: Bool) -> StyledText {
    var text = StyledText("╌ " + (isNarrow ? String(beside.name.prefix(10)) : beside.name) + " ", Theme.other)
    guard beside.frame.description.allocates else {
      text.add("scores nothing", Theme.dim)
      return text
    }
    guard let triplet = beside.triplet(state.triplet, of: state.module) else {
      text.add(
        (beside.partner[at: state.module] ?? nil) == nil ? "has no such module" : "has no such triplet", Theme.dim)
      return text
    }
    text.add(triplet.isKept ? "● kept" : "× pruned", triplet.isKept ? Theme.up : Theme.down)
    if let score = triplet.score {
      text.add(" S ", Theme.dim)
      text.add(NumberText.scientific(score), Theme.label)
    }
    return text
  }

  /// How far the other rules disagree with the run's, at the current budget.
  private func agreement(width: Int) -> StyledText {
    if frame.description.grows {
      return StyledText("modules grow by these scores; a triplet that waits has no part", Theme.dim)
    }
    guard let decisions else { return StyledText("the rules agree once something is scored", Theme.dim) }
    let isWide = width >= 72
    let label = isWide ? "kept alike with \(rule.rawValue): " : width >= 46 ? "kept alike, %: " : "alike "
    var text = StyledText(label, Theme.dim)
    for other in ScoringRule.allCases where other != rule {
      guard let share = decisions.agreement(rule, other) else { continue }
      text.add(isWide ? other.rawValue : String(other.rawValue.prefix(width >= 44 ? 4 : 3)), Theme.dim)
      text.add(" " + (isWide ? NumberText.percent(share) : NumberText.fixed(100 * share, 0)), Theme.label)
      text.add(isWide ? "  " : " ", Theme.dim)
    }
    return text
  }

  func paragraph(_ text: String, on canvas: inout Canvas, in area: Area, y: Int = 0, style: Style = Theme.label) {
    for (line, words) in wrapped(text, area.width).enumerated() {
      canvas.put(words, style, in: area, x: 0, y: y + line)
    }
  }
}
