// The last line: the keys that work now, or the line that is being typed.

import Training

extension DashboardState {
  func drawFooter(on canvas: inout Canvas, in area: Area) {
    switch mode {
    case .command(let editor, _, let completion):
      if let completion { drawCandidates(completion, on: &canvas, above: area) }
      drawEditor(
        ":", editor, hint: editor.scalars.isEmpty ? "tab completes, ↑ recalls, esc leaves" : "", on: &canvas, area)
    case .filter(let editor, _):
      let count = visibleModules.count
      let all = frame?.description.modules.count ?? 0
      drawEditor("/", editor, hint: "\(count) of \(all) modules", on: &canvas, area)
    case .normal, .help, .quitting, .halted: drawKeys(on: &canvas, in: area)
    }
  }

  private func drawKeys(on canvas: inout Canvas, in area: Area) {
    var bindings = Bindings.footer(self)
    // Help and quit are always to be seen.
    let last = bindings.filter { $0.action == .help || $0.action == .quit }
    bindings.removeAll { $0.action == .help || $0.action == .quit }
    var end = StyledText()
    for binding in last { end.add(Self.entry(binding, binding.short)) }
    var text = StyledText()
    for binding in bindings {
      let next = Self.entry(binding, word(binding))
      if text.width + next.width + end.width > area.width { continue }
      text.add(next)
    }
    text.add(end)
    canvas.put(text, in: area, x: 0, y: 0, isElided: false)
  }

  private func word(_ binding: Binding) -> String {
    switch binding.action {
    case .pauseOrResume: haltReason != nil ? "go on" : frame?.state == .paused ? "resume" : "pause"
    case .zoom: isZoomed ? "unzoom" : "zoom"
    case .change: chosen.symbol + " " + binding.short
    default: binding.short
    }
  }

  private static func entry(_ binding: Binding, _ word: String) -> StyledText {
    var text = StyledText(" \(binding.label)", Theme.key)
    text.add(" \(word) ", Theme.dim)
    return text
  }

  private func drawEditor(
    _ prompt: String, _ editor: LineEditor, hint: String, on canvas: inout Canvas, _ area: Area
  ) {
    guard area.width > 2 else { return }
    canvas.put(prompt, Theme.key, in: area, x: 0, y: 0)
    let room = area.width - 2
    let first = max(0, editor.cursor - room + 1)
    let shown = editor.scalars[min(first, editor.scalars.count)...].prefix(room)
    var view = String.UnicodeScalarView()
    view.append(contentsOf: shown)
    canvas.put(cellText(String(view)), Theme.strong, in: area, x: 1, y: 0)
    let cursor = Area(x: area.x + 1 + editor.cursor - first, y: area.y, width: 1, height: 1)
    canvas.restyle(cursor) { $0.reverse = true }
    let used = 2 + shown.count + 2
    if !hint.isEmpty, used + hint.count < area.width {
      canvas.putRight(StyledText(hint, Theme.dim), in: area, y: 0)
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
