// The lines above the panels: which run, what it does now, how far it is.

import AdaLoRA
import Training

extension Scene {
  func drawHeader(on canvas: inout Canvas, in area: Area) {
    let description = frame.description
    var who = StyledText(" ranktop ", Style(bold: true, reverse: true))
    who.add(" " + cellText(description.run), Theme.strong)
    who.add(" │ ", Theme.border)
    who.add(cellText(description.model), Theme.label)
    who.add(" │ ", Theme.border)
    who.add(description.method, Theme.label)
    if !state.hasFixedRank {
      who.add(" \(description.score.rawValue)", Theme.label)
      if description.dialect != .peft { who.add(" \(description.dialect.rawValue)", Theme.dim) }
    }
    if let beside {
      who.add(" │ ", Theme.border)
      who.add((beside.isShadow ? "what if " : "beside ") + beside.name, Theme.other)
      if beside.isShadow, frame.shadows.count > 1, let shown = state.shownShadow {
        who.add(" (\(shown + 1) of \(frame.shadows.count))", Theme.dim)
      }
    }
    let text = stateText
    // A long reason leaves the run its name.
    if area.height >= 2 {
      let width = min(text.width, max(area.width * 3 / 5, area.width - who.width - 1))
      canvas.put(text, in: Area(x: area.right - width, y: area.y, width: width, height: 1), x: 0, y: 0)
      let room = Area(x: area.x, y: area.y, width: max(area.width - width - 1, 0), height: 1)
      canvas.put(who, in: room, x: 0, y: 0)
      let line = Area(x: area.x, y: area.y + 1, width: area.width, height: 1)
      progress(on: &canvas, in: line)
    } else {
      let left = min(who.width, area.width * 9 / 20)
      let width = min(text.width, area.width * 3 / 10)
      canvas.put(who, in: Area(x: area.x, y: area.y, width: left, height: 1), x: 0, y: 0)
      canvas.put(text, in: Area(x: area.x + left + 2, y: area.y, width: width, height: 1), x: 0, y: 0)
      let start = left + 4 + width
      let line = Area(x: area.x + start, y: area.y, width: max(area.width - start, 0), height: 1)
      progress(on: &canvas, in: line)
    }
  }

  /// The state as a glyph and a word.
  private var stateText: StyledText {
    var text: StyledText
    switch frame.state {
    case .training: text = StyledText("● training", Theme.kept)
    case .paused: text = StyledText("○ paused", Theme.warning)
    case .evaluating: text = StyledText("● evaluating", Style(.palette(141), bold: true))
    case .done:
      text = StyledText(frame.stepsDone < frame.description.totalSteps ? "■ stopped" : "■ done", Theme.strong)
    case .waiting(let why): text = StyledText("○ waiting: " + cellText(why), Theme.warning)
    case .halted(let why): text = StyledText("× halted: " + cellText(why), Theme.down)
    case .failed(let why): text = StyledText("× failed: " + cellText(why), Theme.down)
    }
    if case .training = frame.state {
      for case .pauseAt(let step) in frame.pending { text.add(", pauses at \(step)", Theme.warning) }
    }
    if let step = state.scrubbedStep, !moment.isLive {
      text = StyledText(
        " history: step \(moment.record?.step ?? step) ", Style(.palette(220), bold: true, reverse: true))
      text.add(" of \(frame.stepsDone), " + (state.isOver ? "g goes to the end" : "live goes on (g)"), Theme.warning)
    }
    return text
  }

  private func progress(on canvas: inout Canvas, in area: Area) {
    let total = frame.description.totalSteps
    let share = total > 0 ? max(0, min(1, Double(frame.stepsDone) / Double(total))) : 0
    var left = StyledText(" step ", Theme.dim)
    left.add("\(frame.stepsDone)/\(total)", Theme.strong)
    if let schedule = frame.schedule, !state.hasFixedRank {
      left.add(" " + schedule.phase(at: min(frame.stepsDone, total)).word, Theme.label)
    }
    left.add(" ")
    var right = StyledText(" " + NumberText.percent(share), Theme.label)
    if let eta = frame.eta, !state.isOver {
      right.add("  ETA ", Theme.dim)
      right.add(NumberText.duration(eta), Theme.label)
    }
    if frame.tokensPerSecond > 0 {
      right.add("  " + NumberText.count(frame.tokensPerSecond), Theme.label)
      right.add(" tok/s ", Theme.dim)
    }
    canvas.put(left, in: area, x: 0, y: 0)
    let room = area.width - left.width - right.width
    let end = canvas.putBar(share, in: area, x: left.width, y: 0, cells: min(room, 60), glyphs)
    canvas.put(right, in: area, x: end, y: 0)
  }
}

extension BudgetSchedule.Phase {
  var word: String {
    switch self {
    case .warmup: "warm-up"
    case .budgeting: "budgeting"
    case .final: "final"
    }
  }
}
