// The last line: the keys that work now, or the line that is being typed.

import Training

extension DashboardState {
  func drawFooter(on canvas: inout Canvas, in area: Area) {
    switch mode {
    case .command(let editor, _, let completion):
      if let completion { drawCandidates(completion, on: &canvas, above: area) }
      canvas.putEditor(
        ":", editor, hint: editor.scalars.isEmpty ? "tab completes, ↑ recalls, esc leaves" : "", in: area)
    case .filter(let editor, _):
      let count = visibleModules.count
      let all = frame?.description.modules.count ?? 0
      canvas.putEditor("/", editor, hint: "\(count) of \(all) modules", in: area)
    case .normal, .help, .quitting, .halted: drawKeys(on: &canvas, in: area)
    }
  }

  private func drawKeys(on canvas: inout Canvas, in area: Area) {
    // Help and quit are always to be seen.
    let (last, others) = Bindings.footer(self).reduce(into: ([Binding](), [Binding]())) { parts, binding in
      if binding.action == .help || binding.action == .quit { parts.0.append(binding) } else { parts.1.append(binding) }
    }
    canvas.putKeys(others.map { ($0.label, word($0)) }, always: last.map { ($0.label, $0.short) }, in: area)
  }

  private func word(_ binding: Binding) -> String {
    switch binding.action {
    case .pauseOrResume: haltReason != nil ? "go on" : frame?.state == .paused ? "resume" : "pause"
    case .toggleFold: isFolded ? "unfold" : "fold"
    case .zoom: isZoomed ? "unzoom" : "zoom"
    case .change: chosen.symbol + " " + binding.short
    default: binding.short
    }
  }

  private func drawCandidates(_ completion: Mode.Completion, on canvas: inout Canvas, above area: Area) {
    let line = Area(x: area.x, y: area.y - 1, width: area.width, height: 1)
    guard line.y >= 0 else { return }
    canvas.fill(line)
    var x = 1
    // Starts so that the marked candidate is in view.
    var first = 0
    var width = 0
    for index in 0...max(completion.index, 0) where index < completion.candidates.count {
      width += completion.candidates[index].count + 2
      while width > line.width - 2, first < index {
        width -= completion.candidates[first].count + 2
        first += 1
      }
    }
    for index in first..<completion.candidates.count {
      let style = index == completion.index ? Theme.selected : Theme.label
      x = canvas.put(" \(completion.candidates[index]) ", style, in: line, x: x, y: 0)
    }
  }
}

extension Canvas {
  /// As many keys as find room, each with its word; those that are always to be seen at the end.
  mutating func putKeys(_ keys: [(label: String, word: String)], always: [(label: String, word: String)], in area: Area)
  {
    func entry(_ key: (label: String, word: String)) -> StyledText {
      var text = StyledText(" \(key.label)", Theme.key)
      text.add(" \(key.word) ", Theme.dim)
      return text
    }
    var end = StyledText()
    for key in always { end.add(entry(key)) }
    var text = StyledText()
    for key in keys {
      let next = entry(key)
      if text.width + next.width + end.width > area.width { continue }
      text.add(next)
    }
    text.add(end)
    put(text, in: area, x: 0, y: 0, isElided: false)
  }

  /// A line that is being typed, with its cursor.
  mutating func putEditor(_ prompt: String, _ editor: LineEditor, hint: String, in area: Area) {
    guard area.width > 2 else { return }
    put(prompt, Theme.key, in: area, x: 0, y: 0)
    let room = area.width - 2
    let first = max(0, editor.cursor - room + 1)
    let shown = editor.scalars[min(first, editor.scalars.count)...].prefix(room)
    var view = String.UnicodeScalarView()
    view.append(contentsOf: shown)
    put(cellText(String(view)), Theme.strong, in: area, x: 1, y: 0)
    let cursor = Area(x: area.x + 1 + editor.cursor - first, y: area.y, width: 1, height: 1)
    restyle(cursor) { $0.reverse = true }
    let used = 2 + shown.count + 2
    if !hint.isEmpty, used + hint.count < area.width { putRight(StyledText(hint, Theme.dim), in: area, y: 0) }
  }
}
