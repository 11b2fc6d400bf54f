// Panel 1: where the rank is. A grid, layers down and module types across.

import Training

extension Scene {
  func drawRanks(on canvas: inout Canvas, in area: Area) {
    let kept = moment.ranks.reduce(0, +)
    var note = StyledText()
    note.add(" \(kept)", Theme.kept)
    if let budget = moment.record?.budget, !state.hasFixedRank, frame.description.budgetUnit == .rank {
      note.add(" of budget \(budget)", Theme.label)
    }
    note.add(" / \(modules.count * rank) ", Theme.dim)
    var foot = StyledText()
    if let beside {
      foot = apart(beside)
    } else if let share = plantedShare {
      foot.add(" \(NumberText.percent(share)) of it in planted modules ", Theme.label)
    }
    if !state.filter.isEmpty {
      foot = StyledText(" /\(cellText(state.filter)) \(visible.count) of \(modules.count) ", Theme.warning)
    }
    if grid.layersPerRow > 1 { foot.add(" \(grid.layersPerRow) layers a row ", Theme.label) }
    canvas.border(
      area, title: beside.map { title(.ranks, "− \($0.name)") } ?? title(.ranks), note: note, foot: foot,
      isFocused: isFocused(.ranks))
    let inner = area.inner
    guard inner.width > 0, inner.height > 0 else { return }
    guard !visible.isEmpty else {
      canvas.put("no module has \"\(cellText(state.filter))\"", Theme.dim, in: inner, x: 0, y: 0)
      return
    }
    let geometry = state.ranksGeometry(area, grid)
    let fields = state.rankFields(grid)
    heading(on: &canvas, in: inner, geometry, first: state.ranksScroll)
    let before = moment.record.flatMap { frame.ranksBeforeLastMask(at: $0.step) }
    let samples = geometry.rowHeight > 1 ? geometry.columnWidth - 1 : 0
    for line in 0..<geometry.rowCount {
      guard let row = grid.rows[at: state.ranksScroll + line] else { break }
      let y = 1 + line * geometry.rowHeight
      canvas.put(row.label, Theme.dim, in: inner, x: max(geometry.labelWidth - 1 - row.label.count, 0), y: y)
      for column in 0..<geometry.columnCount {
        guard let cellModules = row.cells[at: column + geometry.firstColumn], !cellModules.isEmpty else { continue }
        let cell = Area(
          x: inner.x + geometry.labelWidth + column * geometry.columnWidth, y: inner.y + y,
          width: geometry.columnWidth - 1, height: 1)
        if let beside {
          drawDifference(of: cellModules, to: beside, fields, on: &canvas, in: cell)
        } else {
          drawRank(of: cellModules, before, fields, on: &canvas, in: cell)
        }
        if samples > 0 {
          let history = sampled(samples) { Double(total($0.ranks, cellModules)) }
          canvas.put(
            Spark.line(history, width: samples, range: 0...Double(max(rank * cellModules.count, 1))), Theme.faint,
            in: inner,
            x: geometry.labelWidth + column * geometry.columnWidth, y: y + 1)
        }
      }
      if geometry.hasSums {
        canvas.putRight(sum(row.cells.flatMap { $0 }), in: inner, y: y)
      }
    }
    drawSums(on: &canvas, in: inner, geometry)
    drawSelected(on: &canvas, in: inner, geometry)
  }

  /// The kept triplets of several modules; beside another run what they have more or less than their partners.
  private func sum(_ modules: [Int]) -> StyledText {
    guard let beside else { return StyledText("\(total(moment.ranks, modules))", Theme.label) }
    let sum = difference(of: modules, to: beside)
    return StyledText(Beside.text(sum), Beside.style(sum))
  }

  private func total(_ ranks: [Int], _ modules: [Int]) -> Int { modules.reduce(0) { $0 + (ranks[at: $1] ?? 0) } }

  /// Of the modules that have a partner; nil where none has.
  private func difference(of modules: [Int], to beside: Beside) -> Int? {
    let differences = modules.compactMap { module -> Int? in
      guard let other = beside.rank(of: module), let kept = moment.ranks[at: module] else { return nil }
      return kept - other
    }
    return differences.isEmpty ? nil : differences.reduce(0, +)
  }

  /// What the two runs do not have in common, and where the other one stands; how far a shadow's pattern agrees.
  private func apart(_ beside: Beside) -> StyledText {
    let alone = beside.partner.reduce(0) { $0 + ($1 == nil ? 1 : 0) }
    var text = StyledText(" ")
    if alone > 0 { text.add("– \(alone) only here, ", Theme.label) }
    if beside.extra > 0 { text.add("\(beside.extra) only there, ", Theme.label) }
    if beside.isShadow, beside.moment.record?.step == moment.record?.step, rank > 0,
      beside.moment.triplets.kept.count == moment.triplets.kept.count
    {
      let agreement = PatternAgreement(moment.triplets.kept, beside.moment.triplets.kept, rank: rank)
      text.add(
        "Jaccard \(NumberText.fixed(agreement.jaccard, 2)), Spearman \(NumberText.fixed(agreement.spearman, 2)) ",
        Theme.other)
      return text
    }
    text.add("its step \(beside.moment.record?.step ?? 0) ", Theme.other)
    return text
  }

  /// Number, difference and a bar; the difference alone where nothing else fits.
  private func drawDifference(
    of modules: [Int], to beside: Beside, _ fields: RankFields, on canvas: inout Canvas, in cell: Area
  ) {
    let difference = difference(of: modules, to: beside)
    let kept = total(moment.ranks, modules)
    var text = StyledText()
    let room = cell.width - fields.digits - fields.difference
    if room >= 0 {
      let number = String(kept)
      text.add(String(repeating: " ", count: max(fields.digits - number.count, 0)) + number, Theme.label)
      if room > 0 { text.add(" ") }
    }
    text.add(Beside.text(difference), Beside.style(difference))
    let left = cell.width - fields.least
    if left >= 4 {
      text.pad(to: fields.least + 1)
      let bar = Spark.bar(kept, of: rank * modules.count, width: min(left - 1, fields.bar))
      text.add(bar.full, Theme.kept)
      text.add(bar.rest, Theme.faint)
    }
    canvas.put(text, in: cell, x: 0, y: 0, isElided: false)
    if modules.contains(state.module) {
      canvas.restyle(Area(x: cell.x, y: cell.y, width: min(fields.least, cell.width), height: 1)) {
        $0 = Theme.selected
      }
    }
  }

  private func heading(on canvas: inout Canvas, in inner: Area, _ geometry: RanksGeometry, first: Int) {
    let above = first > 0
    let below = first + geometry.rowCount < grid.rows.count
    canvas.put(above && below ? "▲▼" : above ? "▲" : below ? "▼" : "L", Theme.dim, in: inner, x: 0, y: 0)
    for column in 0..<geometry.columnCount {
      guard let type = grid.types[at: column + geometry.firstColumn] else { continue }
      let isSelected = grid.places[state.module]?.column == column + geometry.firstColumn
      canvas.put(
        ModuleLabel.type(type, width: geometry.columnWidth - 1), isSelected ? Theme.strong : Theme.dim, in: inner,
        x: geometry.labelWidth + column * geometry.columnWidth, y: 0)
    }
    if geometry.hasSums { canvas.putRight(StyledText("sum", Theme.dim), in: inner, y: 0) }
  }

  /// Number, planted, nonzero, ▲▼ and a bar, as much of it as fits.
  private func drawRank(
    of cellModules: [Int], _ before: [Int]?, _ fields: RankFields, on canvas: inout Canvas, in cell: Area
  ) {
    let kept = total(moment.ranks, cellModules)
    let nonzero = cellModules.reduce(0) { $0 + (moment.nonzero[at: $1] ?? moment.ranks[at: $1] ?? 0) }
    let most = rank * cellModules.count
    let isSelected = cellModules.contains(state.module)
    var text = StyledText()
    let number = String(kept)
    text.add(String(repeating: " ", count: max(fields.digits - number.count, 0)))
    text.add(number, kept == 0 ? Theme.dim : Theme.strong)
    var left = cell.width - fields.least
    if fields.planted > 0, left >= fields.planted {
      let known = cellModules.compactMap { modules[$0].plantedRank }
      let planted = known.reduce(0, +)
      if !known.isEmpty { text.add("/\(planted)", planted == kept ? Theme.kept : Theme.dim) }
      text.pad(to: fields.digits + fields.planted)
      left -= fields.planted
    }
    let change = cellModules.reduce(0) { sum, index in
      guard let now = moment.ranks[at: index], let old = before?[at: index] else { return sum }
      return sum + now - old
    }
    text.add(change > 0 ? "▲" : change < 0 ? "▼" : " ", change > 0 ? Theme.up : Theme.down)
    if fields.nonzero > 0, left >= fields.nonzero {
      if nonzero != kept { text.add("(\(nonzero))", Theme.pruned) }
      text.pad(to: cell.width - left + fields.nonzero)
      left -= fields.nonzero
    }
    if left >= 4 {
      let bar = Spark.bar(kept, of: most, width: min(left - 1, fields.bar))
      text.add(" ")
      text.add(bar.full, Theme.kept)
      text.add(bar.rest, Theme.faint)
    } else if left >= 1 {
      text.add(String(Spark.level(most > 0 ? Double(kept) / Double(most) : 0)), Theme.kept)
    }
    canvas.put(text, in: cell, x: 0, y: 0, isElided: false)
    if isSelected {
      canvas.restyle(Area(x: cell.x, y: cell.y, width: min(fields.least + fields.planted, cell.width), height: 1)) {
        $0 = Theme.selected
      }
    }
  }

  /// A line of sums by type, where there is room for it.
  private func drawSums(on canvas: inout Canvas, in inner: Area, _ geometry: RanksGeometry) {
    let y = inner.height - geometry.detailLines - 1
    let used = 1 + geometry.rowCount * geometry.rowHeight - (geometry.rowHeight == 3 ? 1 : 0)
    guard inner.height >= 12, y >= used else { return }
    canvas.put("Σ", Theme.dim, in: inner, x: max(geometry.labelWidth - 2, 0), y: min(y, used + 1))
    for column in 0..<geometry.columnCount {
      let modules = grid.rows.flatMap { $0.cells[at: column + geometry.firstColumn] ?? [] }
      canvas.put(
        sum(modules), in: inner, x: geometry.labelWidth + column * geometry.columnWidth, y: min(y, used + 1))
    }
  }

  private func drawSelected(on canvas: inout Canvas, in inner: Area, _ geometry: RanksGeometry) {
    guard geometry.detailLines > 0, let module else { return }
    let kept = moment.ranks[at: state.module] ?? 0
    var words = StyledText("kept ", Theme.dim)
    words.add("\(kept)", Theme.kept)
    words.add(" of \(rank)", Theme.dim)
    if let beside {
      let other = beside.rank(of: state.module)
      words.add(other.map { "  \(beside.name) \($0)" } ?? "  not in \(beside.name)", Theme.other)
    } else if let nonzero = moment.nonzero[at: state.module], !state.hasFixedRank {
      words.add("  nonzero \(nonzero)", Theme.label)
    }
    if let planted = module.plantedRank { words.add("  planted \(planted)", Theme.label) }
    let y = inner.height - geometry.detailLines
    let name = cellText(module.name)
    var line = StyledText()
    if geometry.detailLines == 1 {
      line.add(ModuleLabel.short(module, width: 12) + "  ", Theme.strong)
      line.add(words)
    } else {
      let size = "  \(module.outputSize)×\(module.inputSize)"
      let room = max(inner.width - size.count, 4)
      canvas.put(name.count > room ? "…" + String(name.suffix(room - 1)) : name, Theme.strong, in: inner, x: 0, y: y)
      if name.count <= room { canvas.put(size, Theme.dim, in: inner, x: name.count, y: y) }
      line = words
    }
    let room = min(inner.width - line.width - 2, 40)
    if room >= 4 {
      line.add("  ")
      let history = sampled(room) { Double($0.ranks[at: state.module] ?? 0) }
      line.add(Spark.line(history, width: room, range: 0...Double(max(rank, 1))), Theme.curve)
    }
    canvas.put(line, in: inner, x: 0, y: inner.height - 1)
  }

  /// Share of the kept triplets that stand in modules with a planted rank; nil where nothing is planted.
  private var plantedShare: Double? {
    guard modules.contains(where: { $0.plantedRank != nil }) else { return nil }
    let all = moment.ranks.reduce(0, +)
    guard all > 0 else { return nil }
    let inside = moment.ranks.indices.reduce(0) { sum, index in
      sum + ((modules[at: index]?.plantedRank ?? 0) > 0 ? moment.ranks[index] : 0)
    }
    return Double(inside) / Double(all)
  }
}
