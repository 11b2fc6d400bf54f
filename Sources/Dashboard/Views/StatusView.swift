// The status line: the hyper-parameters that a hand can change, with what is on its way, and what they lead to.

import AdaLoRA
import Training

extension Scene {
  func drawStatus(on canvas: inout Canvas, in area: Area) {
    let knobs = parameters
    let facts = results(isNarrow: area.width < 100)
    canvas.put(knobs, in: area, x: 0, y: 0)
    if area.height >= 2 {
      canvas.put(facts, in: area, x: 0, y: 1)
    } else if knobs.width + 2 < area.width {
      let room = Area(x: area.x + knobs.width + 2, y: area.y, width: area.width - knobs.width - 2, height: 1)
      canvas.putRight(facts, in: room, y: 0)
    }
  }

  /// `[β₁ 0.85]`: the brackets mark the one that + and − change.
  private var parameters: StyledText {
    var text = StyledText()
    for parameter in Hyperparameter.allCases where state.steers(parameter) {
      let isChosen = parameter == state.chosen
      text.add(isChosen ? "[" : " ", Theme.key)
      text.add(parameter.symbol + " ", isChosen ? Theme.strong : Theme.dim)
      if let change = state.changes.last(where: { $0.parameter == parameter }) {
        text.add("\(parameter.text(change.old))→\(parameter.text(change.new)) ", Theme.warning)
        text.add(when(change), Theme.warning)
      } else {
        text.add(parameter.text(frame.value(of: parameter)), isChosen ? Theme.strong : Theme.label)
      }
      text.add(isChosen ? "]" : " ", Theme.key)
    }
    return text
  }

  /// The step is known once a frame says so; while paused, it is the next one.
  private func when(_ change: RequestedChange) -> String {
    if let step = change.step { return "at step \(step)" }
    return frame.state == .paused ? "at step \(frame.stepsDone)" : "at next step"
  }

  private func results(isNarrow: Bool) -> StyledText {
    var text = StyledText(" ")
    func add(_ name: String, _ value: String, _ style: Style = Theme.label) {
      text.add(name + " ", Theme.dim)
      text.add(value + "  ", style)
    }
    add("scale", NumberText.plain(frame.description.effectiveScale))
    if !state.hasFixedRank {
      add(isNarrow ? "thr" : "threshold", moment.record?.threshold.map { NumberText.scientific($0) } ?? "none")
      let kept = moment.ranks.reduce(0, +)
      let budget = moment.record?.budget ?? frame.schedule?.initialBudget ?? kept
      add("kept", "\(kept)", Theme.kept)
      let prices = frame.description.prices
      let whole = prices.limit(of: modules.count * rank)
      add("budget", "\(prices.limit(of: budget)) of \(whole)" + (prices.unit == .rank ? "" : " parameters"))
      add("nonzero", "\(moment.nonzero.reduce(0, +))")
    }
    text.add("│ ", Theme.border)
    let core = cellText(frame.description.blasCore)
    text.add("\(core) ×\(frame.description.threads)", Theme.dim)
    return text
  }
}
