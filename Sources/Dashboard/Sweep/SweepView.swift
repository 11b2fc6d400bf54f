// view(state) → cells: the table of a sweep, out of its state alone. Pure.

import Training

extension SweepState {
  func draw(on canvas: inout Canvas, glyphs: GlyphLevel) {
    let area = Area(x: 0, y: 0, width: width, height: height)
    guard width > 0, height > 0 else { return }
    let layout = layout
    guard !layout.isTooSmall else {
      canvas.putTooSmall(
        ScreenLayout.needs(area) + [mode == .quitting ? "s stops the runs, esc goes on" : "q quits"], in: area)
      return
    }
    if let frame {
      drawHeader(frame, on: &canvas, in: layout.header, glyphs)
      drawTable(frame, layout, on: &canvas)
      drawDetail(on: &canvas, in: layout.detail)
    } else {
      canvas.put(" ranktop ", Style(bold: true, reverse: true), in: layout.header, x: 0, y: 0)
      canvas.put("looking at the runs…", Theme.label, in: layout.header, x: 11, y: 0)
    }
    drawFooter(on: &canvas, in: layout.footer)
    switch mode {
    case .help(let scroll): canvas.putHelp(helpLines, scroll: scroll, foot: " j k scroll · esc closes ")
    case .quitting: drawQuestion(on: &canvas, in: layout.table)
    case .comparing(let command): drawCommand(command, on: &canvas, in: layout.table)
    case .normal, .filter: break
    }
    canvas.putToasts(toasts, in: layout.table)
  }

  // MARK: The lines above

  private func drawHeader(_ frame: SweepFrame, on canvas: inout Canvas, in area: Area, _ glyphs: GlyphLevel) {
    var who = StyledText(" ranktop ", Style(bold: true, reverse: true))
    who.add(" " + cellText(frame.name), Theme.strong)
    who.add(" │ ", Theme.border)
    who.add("sweep of \(frame.runs.count) runs", Theme.label)
    if let jobs = frame.jobs { who.add(", \(jobs) at once", Theme.label) }
    canvas.put(who, in: area, x: 0, y: 0)
    let text = stateText(frame)
    if who.width + text.width + 2 <= area.width { canvas.putRight(text, in: area, y: 0) }

    var left = StyledText(" ")
    for state in [SweepRun.State.done, .running, .waiting, .failed] where frame.count(state) > 0 {
      left.add("\(frame.count(state)) \(state.rawValue)  ", state.style)
    }
    var right = StyledText(" " + NumberText.percent(frame.share), Theme.label)
    if let seconds = frame.secondsLeft {
      right.add("  ETA ", Theme.dim)
      right.add(NumberText.duration(seconds), Theme.label)
    }
    canvas.put(left, in: area, x: 0, y: 1)
    let end = canvas.putBar(
      frame.share, in: area, x: left.width, y: 1, cells: min(area.width - left.width - right.width, 60), glyphs)
    canvas.put(right, in: area, x: end, y: 1)
  }

  private func stateText(_ frame: SweepFrame) -> StyledText {
    if let trouble = frame.trouble { return StyledText("○ " + cellText(trouble), Theme.warning) }
    if frame.isStopping { return StyledText("○ stopping", Theme.warning) }
    if frame.isOver { return StyledText("■ over", Theme.strong) }
    if frame.isDriven { return StyledText("● running", Theme.kept) }
    return frame.count(.running) > 0
      ? StyledText("● running by itself", Theme.kept) : StyledText("○ stopped; ranktop sweep goes on", Theme.warning)
  }

  // MARK: The table

  private func drawTable(_ frame: SweepFrame, _ layout: SweepLayout, on canvas: inout Canvas) {
    let runs = visible
    let inner = layout.table.inner
    var title = StyledText(" runs ", Theme.title)
    if !filter.isEmpty { title.add("/\(cellText(filter)) \(runs.count) of \(frame.runs.count) ", Theme.key) }
    if !marked.isEmpty { title.add("\(marked.count) marked ", Theme.marker) }
    let last = min(scroll + layout.capacity, runs.count)
    let foot =
      last < runs.count || scroll > 0 ? StyledText(" \(scroll + 1)-\(last) of \(runs.count) ", Theme.dim) : StyledText()
    canvas.border(layout.table, title: title, foot: foot, isFocused: true)
    let columns = columns.map { ($0.column, SweepLayout.firstColumn + $0.x, $0.width) }
    for (column, x, width) in columns {
      var name = column.title
      if column == order { name += isReversed ? "▼" : "▲" }
      let cell = Area(x: inner.x + x, y: inner.y, width: width, height: 1)
      let text = StyledText(name, column == order ? Theme.key : Theme.dim)
      if column.isNumber { canvas.putRight(text, in: cell, y: 0) } else { canvas.put(text, in: cell, x: 0, y: 0) }
    }
    for (row, run) in runs[min(scroll, runs.count)..<last].enumerated() {
      let y = inner.y + 1 + row
      if marked.contains(run.key) { canvas.put("•", Theme.marker, in: inner, x: 0, y: row + 1) }
      for (column, x, width) in columns {
        let cell = Area(x: inner.x + x, y: y, width: width, height: 1)
        let style = column == .state ? run.state.style : run.state == .waiting ? Theme.dim : Theme.plain
        let text = StyledText(column.text(run, in: frame), style)
        if column.isNumber { canvas.putRight(text, in: cell, y: 0) } else { canvas.put(text, in: cell, x: 0, y: 0) }
      }
      if run.key == selected {
        canvas.put("→", Theme.key, in: inner, x: 1, y: row + 1)
        canvas.restyle(Area(x: inner.x + 2, y: y, width: inner.width - 2, height: 1)) { $0.reverse = true }
      }
    }
  }

  // MARK: The selected run

  private func drawDetail(on canvas: inout Canvas, in area: Area) {
    guard let run = selectedRun else { return canvas.border(area, title: StyledText(" no run ", Theme.title)) }
    canvas.border(
      area, title: StyledText(" \(cellText(run.title)) ", Theme.title),
      note: StyledText(" \(run.state.shown) ", run.state.style))
    var lines: [StyledText] = []
    func add(_ name: String, _ text: String, _ style: Style, most: Int) {
      for (index, part) in wrapped(text, area.inner.width - 8).prefix(most).enumerated() {
        var line = StyledText(index == 0 ? name : "      ", Theme.dim)
        line.add(part, style)
        lines.append(line)
      }
    }
    add("set   ", run.settingsText, Theme.label, most: run.reason == nil ? 2 : 1)
    lines.append(StyledText("in    ", Theme.dim))
    lines[lines.count - 1].add(cellText(run.folder.map { folder + "/" + $0 } ?? "not begun"), Theme.label)
    if let reason = run.reason {
      add("why   ", cellText(reason), Theme.warning, most: 2)
    } else if run.state == .done || run.step > 0 {
      var text = StyledText("cost  ", Theme.dim)
      let parts = [
        run.stepMs.map { NumberText.short($0) + " ms a step" },
        run.tokensPerSecond.map { NumberText.count($0) + " tok/s" },
        run.parameters.map { "\($0) parameters left" },
        run.peakRSSBytes.map { NumberText.count(Double($0) / 1e6) + " MB at most" },
      ]
      text.add(parts.compactMap { $0 }.joined(separator: ", "), Theme.label)
      lines.append(text)
    }
    for (y, line) in lines.enumerated() { canvas.put(line, in: area.inner, x: 1, y: y) }
  }

  // MARK: The last line, and what opens over the table

  private func drawFooter(on canvas: inout Canvas, in area: Area) {
    if case .filter(let editor, _) = mode {
      return canvas.putEditor(
        "/", editor, hint: "\(visible.count) of \(frame?.runs.count ?? 0) runs", in: area)
    }
    let bindings = SweepBindings.table.footer(of: [SweepBindings.context(self)], self)
    let isLast = { (binding: SweepBinding) in binding.action == .help || binding.action == .quit }
    canvas.putKeys(
      bindings.filter { !isLast($0) }.map { ($0.label, $0.short) },
      always: bindings.filter(isLast).map { ($0.label, $0.short) }, in: area)
  }

  private func drawQuestion(on canvas: inout Canvas, in area: Area) {
    let running = frame?.count(.running) ?? 0
    canvas.putBox(
      " \(running) running, \(frame?.count(.waiting) ?? 0) waiting ",
      ["s     stop them, each with a checkpoint; the same command goes on", "esc   go on with the sweep"], in: area)
  }

  private func drawCommand(_ command: String, on canvas: inout Canvas, in area: Area) {
    let lines = wrapped(cellText(command), min(area.width, 100) - 6)
    let room = max(area.height - 6, 1)
    canvas.putBox(
      " compare the \(marked.isEmpty ? "sweep" : "marked runs") with ",
      lines.count > room ? Array(lines.prefix(room - 1)) + ["…"] : lines, in: area)
  }

  var helpLines: [StyledText] {
    let width = HelpContent.area(width: width, height: height).inner.width - 2
    var lines = HelpContent.heading("The sweep", after: [])
    for text in wrapped(
      "A row a run. The sweep starts as many at once as its file or the cores allow; each is a process of its own, with "
        + "a folder that every command takes. The loss is the last evaluation's, and while a run runs the last step's. "
        + "What is stopped or killed goes on with the same command.", width)
    { lines.append(StyledText(text, Theme.label)) }
    for (title, context) in SweepBindings.sections {
      lines += HelpContent.heading(title, after: lines)
      for binding in SweepBindings.table where binding.context == context { lines += binding.help(self, width: width) }
    }
    return lines
  }

  var helpScrollLimit: Int {
    max(helpLines.count - HelpContent.area(width: width, height: height).inner.height, 0)
  }
}

extension Canvas {
  /// A bar of so many cells that is full to a share.
  /// - Returns: the x after it.
  mutating func putBar(_ share: Double, in area: Area, x: Int, y: Int, cells: Int, _ glyphs: GlyphLevel) -> Int {
    guard cells >= 4 else { return x }
    let filled = Int((share * Double(cells)).rounded())
    let next = put(
      String(repeating: glyphs == .braille ? "━" : "═", count: filled), Theme.kept, in: area, x: x, y: y)
    return put(String(repeating: "─", count: cells - filled), Theme.faint, in: area, x: next, y: y)
  }

  /// Lines in a box in the middle of an area.
  fileprivate mutating func putBox(_ title: String, _ lines: [String], in area: Area) {
    let width = min(area.width, max((lines.map(\.count).max() ?? 0), title.count) + 6)
    let inner = putBox(StyledText(title, Theme.title), width: width, height: lines.count + 4, in: area)
    for (y, line) in lines.enumerated() { put(line, Theme.label, in: inner, x: 2, y: y + 1) }
  }
}
