// Keys and the mouse: what they mean in each mode.

import Training

extension DashboardState {
  mutating func press(_ key: InputEvent.Key) -> [Effect] {
    // In every mode, as a person expects of a program in a terminal.
    if key == .control("z") { return [.suspend] }
    if let binding = Bindings.binding(for: key, in: self) {
      if let reason = binding.reason(self) {
        toast("\(binding.label): \(reason)", isWarning: true)
        return []
      }
      return perform(binding.action)
    }
    switch mode {
    case .command(var editor, _, _):
      if case .backspace = key, editor.scalars.isEmpty {
        mode = .normal
      } else if editor.edit(key) {
        mode = .command(editor, historyIndex: nil, completion: nil)
      }
    case .filter(var editor, let previous):
      if case .backspace = key, editor.scalars.isEmpty {
        mode = .normal
      } else if editor.edit(key) {
        filter = editor.text
        mode = .filter(editor, previous: previous)
      }
    case .help:
      if case .character(let scalar) = key, let panel = Panel(word: String(Character(scalar))) {
        mode = .help(panel: panel, scroll: 0)
      }
    case .normal:
      if let place = Bindings.elsewhere(key, in: self) { toast(place, isWarning: true) }
    case .quitting, .halted: break
    }
    return []
  }

  mutating func point(_ mouse: InputEvent.Mouse) -> [Effect] {
    switch mode {
    case .help(let panel, let scroll):
      switch mouse.action {
      case .wheelUp: mode = .help(panel: panel, scroll: max(scroll - 3, 0))
      case .wheelDown: mode = .help(panel: panel, scroll: min(scroll + 3, helpScrollLimit(panel)))
      case .press, .doublePress: mode = .normal
      }
      return []
    case .quitting, .halted, .command: return []
    case .filter: mode = .normal
    case .normal: break
    }
    let grid = grid
    let layout = layout(grid)
    guard let target = layout.panel(atX: mouse.x, y: mouse.y), let area = layout.area(of: target) else { return [] }
    switch mouse.action {
    case .wheelUp, .wheelDown: wheel(target, down: mouse.action == .wheelDown)
    case .press, .doublePress:
      focus = target
      select(target, x: mouse.x - area.inner.x, y: mouse.y - area.inner.y, area, grid)
      if mouse.action == .doublePress { isZoomed.toggle() }
    }
    return []
  }

  private mutating func wheel(_ panel: Panel, down: Bool) {
    let held = focus
    focus = panel
    switch panel {
    case .ranks, .importance, .triplet: moveSelection(dx: 0, dy: down ? 1 : -1)
    case .events: eventsScroll = max(0, eventsScroll + (down ? -3 : 3))
    case .budget, .training: break
    }
    focus = held
  }

  /// What a click inside a panel selects; (x, y) from the corner inside its border.
  private mutating func select(_ panel: Panel, x: Int, y: Int, _ area: Area, _ grid: ModuleGrid) {
    switch panel {
    case .ranks:
      let geometry = ranksGeometry(area, grid)
      module = geometry.module(atX: x, y: y, grid: grid, scroll: ranksScroll, selected: module) ?? module
    case .importance:
      let visible = visibleModules
      let geometry = importanceGeometry(area, moduleCount: visible.count)
      guard let place = geometry.place(atX: x, y: y, scroll: importanceScroll), let found = visible[at: place.row]
      else { return }
      let values = importanceValues(moment?.triplets)
      let shown = tripletOrder(module, values).firstIndex(of: triplet) ?? 0
      module = found
      if place.column >= 0, !isOverTime {
        let column = geometry.firstColumn(for: shown) + place.column
        if let chosen = tripletOrder(found, values)[at: column] { triplet = chosen }
      }
    case .budget, .training:
      guard let frame, let step = plotStep(panel, x: x, y: y, area),
        let index = frame.historyIndex(near: step)
      else { return }
      let newest = index == frame.history.count - 1
      scrubbedStep = newest ? nil : frame.history[index].record.step
    case .triplet, .events: break
    }
  }

  // MARK: Moving

  mutating func moveSelection(dx: Int, dy: Int) {
    switch focus {
    case .ranks: module = grid.moved(from: module, dx: dx, dy: dy)
    case .importance, .triplet:
      if dy != 0 { moveModule(by: dy) }
      if dx != 0 {
        let isImportance = focus == .importance
        if isImportance && isOverTime {
          scrub(by: dx)
          return
        }
        let order =
          isImportance
          ? tripletOrder(module, importanceValues(moment?.triplets)) : Array(0..<initialRank)
        let position = order.firstIndex(of: triplet) ?? 0
        triplet = order[at: max(0, min(position + dx, order.count - 1))] ?? 0
      }
    case .budget, .training: if dx != 0 { scrub(by: dx) }
    case .events: eventsScroll = max(0, eventsScroll - dy)
    }
  }

  /// Along the list of modules that are shown.
  mutating func moveModule(by distance: Int) {
    let visible = visibleModules
    guard let row = visible.firstIndex(of: module) else { return }
    module = visible[max(0, min(row + distance, visible.count - 1))]
  }

  mutating func scrub(by direction: Int) {
    guard let frame, !frame.history.isEmpty else { return }
    let newest = frame.history.count - 1
    let now = scrubbedStep.flatMap { frame.historyIndex(near: $0) } ?? newest
    let index = max(0, now + direction)
    scrubbedStep = index >= newest ? nil : frame.history[index].record.step
  }
}
