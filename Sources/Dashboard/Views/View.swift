// view(state, area) → cells: the whole screen, out of the state alone. Pure.

import Training

/// Draws the dashboard.
/// - Parameter area: where on the canvas; its size is the screen's.
public func view(
  _ state: DashboardState, area: Area, on canvas: inout Canvas, glyphs: GlyphLevel, colors: ColorDepth
) {
  guard area.width > 0, area.height > 0 else { return }
  if area.x != 0 || area.y != 0 || area.width != canvas.width || area.height != canvas.height {
    var own = Canvas(width: area.width, height: area.height)
    view(
      state, area: Area(x: 0, y: 0, width: area.width, height: area.height), on: &own, glyphs: glyphs, colors: colors)
    for y in 0..<area.height { for x in 0..<area.width { canvas[area.x + x, area.y + y] = own[x, y] } }
    return
  }
  var state = state
  state.width = area.width
  state.height = area.height
  let grid = state.grid
  let layout = state.layout(grid)
  guard !layout.isTooSmall else {
    state.drawTooSmall(on: &canvas, in: area)
    return
  }
  if let frame = state.frame {
    let needsDecisions = layout.panels.contains { $0.panel == .importance || $0.panel == .triplet }
    let scene = Scene(state, frame, grid, needsDecisions: needsDecisions, glyphs, colors)
    scene.drawHeader(on: &canvas, in: layout.header)
    for (panel, area) in layout.panels {
      switch panel {
      case .ranks: scene.drawRanks(on: &canvas, in: area)
      case .importance: scene.drawImportance(on: &canvas, in: area)
      case .budget: scene.drawBudget(on: &canvas, in: area)
      case .training: scene.drawTraining(on: &canvas, in: area)
      case .triplet: scene.drawTriplet(on: &canvas, in: area)
      case .events: scene.drawEvents(on: &canvas, in: area)
      }
    }
    scene.drawStatus(on: &canvas, in: layout.status)
  } else {
    canvas.put(" ranktop ", Style(bold: true, reverse: true), in: layout.header, x: 0, y: 0)
    canvas.put("loading the model…", Theme.label, in: layout.header, x: 11, y: 0)
    for (panel, area) in layout.panels {
      var title = StyledText(" \(panel.rawValue) ", Theme.key)
      title.add(panel.title + " ", Theme.title)
      canvas.border(area, title: title, isFocused: panel == state.focus)
    }
  }
  state.drawFooter(on: &canvas, in: layout.footer)
  switch state.mode {
  case .help(let panel, let scroll): state.drawHelp(panel, scroll: scroll, on: &canvas)
  case .quitting(let choice): state.drawQuestion(choice, on: &canvas, in: layout.body)
  case .halted(let choice): state.drawQuestion(choice, on: &canvas, in: layout.body)
  case .normal, .command, .filter: break
  }
  canvas.putToasts(state.toasts, in: layout.body)
}

extension DashboardState {
  func drawTooSmall(on canvas: inout Canvas, in area: Area) {
    var lines = ScreenLayout.needs(area) + ["q quits"]
    switch mode {
    case .quitting: lines = ["still training:", "s stop, keep adapter", "d discard", "esc goes on"]
    case .halted: lines = ["halted:", "y goes on, half the rate", "r another rate", "q quits, run kept"]
    default: break
    }
    canvas.putTooSmall(lines, in: area)
  }
}

extension Canvas {
  /// Messages at the lower right, over what is there.
  mutating func putToasts(_ toasts: [Toast], in body: Area) {
    for (index, toast) in toasts.reversed().enumerated() {
      var line = StyledText(
        toast.isWarning ? " ! " : " · ", Style(.palette(toast.isWarning ? 220 : 39), bold: true, reverse: true))
      line.add(cellText(toast.text) + " ", Style(reverse: true))
      putRight(
        line, in: Area(x: body.x, y: body.y, width: body.width - 1, height: body.height), y: body.height - 2 - index)
    }
  }

  /// An empty box in the middle of an area, over what is there.
  /// - Returns: what is inside its border.
  mutating func putBox(_ title: StyledText, width: Int, height: Int, in area: Area) -> Area {
    let box = Area(
      x: area.x + (area.width - width) / 2, y: area.y + max((area.height - height) / 2, 0), width: width, height: height
    )
    fill(box)
    border(box, title: title, isFocused: true)
    return box.inner
  }

  /// Says what the screen needs, in its middle.
  mutating func putTooSmall(_ lines: [String], in area: Area) {
    let top = max((area.height - lines.count) / 2, 0)
    for (index, line) in lines.enumerated() {
      put(line, Theme.strong, in: area, x: max((area.width - line.count) / 2, 0), y: top + index)
    }
  }
}
