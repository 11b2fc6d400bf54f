// Panel 6: what happened, with its step; the newest at the bottom.

import Training

extension Scene {
  func drawEvents(on canvas: inout Canvas, in area: Area) {
    let events = frame.events
    let inner = area.inner
    let waiting = frame.pending.map(Self.words)
    let room = max(inner.height - waiting.count, 0)
    let back = max(0, min(state.eventsScroll, events.count - room))
    var note = StyledText(" \(events.count) ", Theme.dim)
    if back > 0 { note = StyledText(" \(back) newer below ", Theme.warning) }
    canvas.border(area, title: title(.events), note: note, isFocused: isFocused(.events))
    guard inner.height > 0 else { return }
    let last = events.count - back
    let first = max(last - room, 0)
    let digits = max(String(frame.description.totalSteps).count, 3)
    for (y, event) in events[first..<last].enumerated() {
      let step = String(event.step)
      var line = StyledText(String(repeating: " ", count: max(digits - step.count, 0)) + step + " ", Theme.dim)
      let (glyph, style) = Self.mark(event.kind)
      line.add(glyph + " ", style)
      let kind = event.kind.rawValue
      if inner.width >= 50 {
        line.add(kind + String(repeating: " ", count: max(13 - kind.count, 1)), style)
      }
      let text = cellText(event.text)
      if inner.width < 50, !text.lowercased().hasPrefix(kind.prefix(4)) { line.add(kind + " ", style) }
      line.add(text, Theme.label)
      canvas.put(line, in: inner, x: 0, y: y)
    }
    for (index, text) in waiting.enumerated() {
      let y = min(last - first, room) + index
      canvas.put(
        String(repeating: " ", count: digits + 1) + "… " + text, Theme.warning, in: inner, x: 0, y: y,
        isElided: true)
    }
  }

  private static func mark(_ kind: Event.Kind) -> (String, Style) {
    switch kind {
    case .started: ("●", Theme.kept)
    case .mask: ("▼", Theme.pruned)
    case .intervention: ("→", Theme.warning)
    case .evaluation: ("○", Style(.palette(141)))
    case .export, .checkpoint: ("■", Theme.label)
    case .warning, .refused: ("!", Theme.warning)
    case .paused: ("○", Theme.warning)
    case .resumed: ("●", Theme.kept)
    case .finished: ("■", Theme.strong)
    case .failed: ("×", Theme.down)
    }
  }

  /// A command that waits for its step, in words.
  static func words(_ command: Command) -> String {
    switch command {
    case .pause: "pause after this step"
    case .pauseAt(let step): "pause when \(step) steps are done"
    case .resume: "resume"
    case .step(let count): count == 1 ? "one step" : "\(count) steps"
    case .set(let parameter, let value): "\(parameter.symbol) to \(parameter.text(value)) at the next step"
    case .undo: "take back the last change"
    case .evaluate: "evaluate"
    case .export: "export a snapshot"
    case .checkpoint: "write a checkpoint"
    case .fork(let step): step.map { "fork at step \($0)" } ?? "fork here"
    case .rewind: "go back to before the last change"
    case .recover: "go on from the last checkpoint"
    case .whatIf(let settings): settings.map { "what if \($0.text)" } ?? "no more what if"
    case .stop(let discard): discard ? "stop and discard" : "stop and keep the adapter"
    }
  }
}
