// The questions over everything: how a running training is to end, and how a halted one is to go on.

import Training

extension DashboardState {
  /// The question before a running training is ended.
  func drawQuestion(_ choice: QuitChoice, on canvas: inout Canvas, in body: Area) {
    let keepsCheckpoints = control == .own(keepsCheckpoints: true)
    let background = "finish in the background"
    let entries: [(QuitChoice, String, String)] = [
      (.background, "b", reasonAgainstBackground.map { "\(background) (\($0))" } ?? "\(background), without a screen"),
      (
        .keep, "s",
        keepsCheckpoints ? "checkpoint and stop; ranktop resume goes on" : "stop and keep the adapter as it is now"
      ),
      (.discard, "d", "stop and discard it"),
      (.cancel, "esc", "go on training"),
    ]
    var title = StyledText(" q ", Theme.key)
    title.add("still training: step \(frame?.stepsDone ?? 0) of \(frame?.description.totalSteps ?? 0) ", Theme.title)
    drawQuestion(
      title, [],
      entries.map { entry in
        (entry.1, entry.2, entry.0 == choice, entry.0 != .background || reasonAgainstBackground == nil)
      }, on: &canvas, in: body)
  }

  /// What to do with a run that cannot train on.
  func drawQuestion(_ choice: HaltChoice, on canvas: inout Canvas, in body: Area) {
    let entries: [(HaltChoice, String, String)] = [
      (.recover, "y", "go on from the last checkpoint with half its rate"),
      (.otherRate, "r", "go on from it with another rate (:recover 1e-4)"),
      (.quit, "q", "quit; the run stays as it is saved"),
      (.look, "esc", "look around; space asks again"),
    ]
    var title = StyledText(" × ", Theme.down)
    title.add("halted: step \(frame?.stepsDone ?? 0) of \(frame?.description.totalSteps ?? 0) ", Theme.title)
    drawQuestion(
      title, wrapped(cellText(haltReason ?? ""), min(body.width, 72) - 4).prefix(4).map { $0 },
      entries.map { ($0.1, $0.2, $0.0 == choice, true) }, on: &canvas, in: body)
  }

  private func drawQuestion(
    _ title: StyledText, _ story: [String], _ entries: [(key: String, text: String, isChosen: Bool, isEnabled: Bool)],
    on canvas: inout Canvas, in body: Area
  ) {
    let top = story.isEmpty ? 1 : story.count + 2
    let inner = canvas.putBox(title, width: min(body.width, 72), height: entries.count + top + 3, in: body)
    for (index, text) in story.enumerated() { canvas.put(text, Theme.warning, in: inner, x: 1, y: index + 1) }
    for (index, entry) in entries.enumerated() {
      var line = StyledText(entry.isChosen ? "→ " : "  ", Theme.key)
      line.add(entry.key, entry.isEnabled ? Theme.key : Theme.faint)
      line.pad(to: 7)
      line.add(entry.text, entry.isChosen ? Theme.selected : entry.isEnabled ? Theme.label : Theme.faint)
      canvas.put(line, in: inner, x: 1, y: index + top)
    }
  }
}
