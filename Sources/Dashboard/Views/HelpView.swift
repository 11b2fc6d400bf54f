// The help over everything: the focused panel explained, then every key and command, from the tables.

import Training

struct HelpContent {
  let lines: [StyledText]

  /// - Parameter width: cells of a line.
  init(panel: Panel, state: DashboardState, width: Int) {
    var lines: [StyledText] = []
    func heading(_ text: String) { lines += Self.heading(text, after: lines) }
    heading("\(panel.rawValue) \(panel.title)")
    for paragraph in panel.explanation {
      for text in wrapped(paragraph, width) { lines.append(StyledText(text, Theme.label)) }
    }
    for (title, contexts) in Self.sections {
      heading(title)
      for binding in state.configuration.bindings where contexts.contains(binding.context) {
        let place: String? = if case .panel(let panel) = binding.context { panel.title } else { nil }
        lines += binding.help(state, place: place, width: width)
      }
    }
    heading("Commands, after :")
    for entry in CommandLanguage.entries {
      var line = StyledText(" " + entry.usage, Theme.key)
      line.pad(to: 24)
      line.add(entry.description, Theme.label)
      lines.append(line)
    }
    self.lines = lines
  }

  /// Where a help stands on a screen.
  static func area(width: Int, height: Int) -> Area {
    let wide = width <= 110 ? width : 100
    return Area(x: (width - wide) / 2, y: 2, width: wide, height: max(height - 3, 0))
  }

  /// A heading, after an empty line where something stands above it.
  static func heading(_ text: String, after lines: [StyledText]) -> [StyledText] {
    let line = StyledText(text, Style(.palette(39), bold: true, underline: true))
    return lines.isEmpty ? [line] : [StyledText(), line]
  }

  /// What the groups of the table are called.
  static let sections: [(String, Set<BindingContext>)] = [
    ("Keys", [.anywhere]),
    ("Keys of one panel", Set(Panel.allCases.map { BindingContext.panel($0) })),
    ("In the command line", [.commandLine]),
    ("In the filter", [.filter]),
    ("In the question before the end", [.quitting]),
    ("In the question of a halted run", [.halted]),
    ("In this help", [.help]),
  ]
}

extension KeyBinding {
  /// The key, what it does, and why it cannot now.
  /// - Parameter place: where it works, if not everywhere.
  func help(_ state: State, place: String? = nil, width: Int) -> [StyledText] {
    let reason = reason(state)
    var line = StyledText(" " + label, reason == nil ? Theme.key : Theme.faint)
    line.pad(to: 12)
    if let place { line.add("\(place): ", Theme.dim) }
    line.add(description, reason == nil ? Theme.label : Theme.faint)
    guard let reason else { return [line] }
    let text = "(\(reason))"
    if line.width + 2 + text.count <= width {
      line.add("  " + text, Theme.warning)
      return [line]
    }
    var second = StyledText(String(repeating: " ", count: 12))
    second.add(text, Theme.warning)
    return [line, second]
  }
}

extension DashboardState {
  /// The furthest that the help can be scrolled.
  func helpScrollLimit(_ panel: Panel) -> Int {
    let inner = HelpContent.area(width: width, height: height).inner
    return max(HelpContent(panel: panel, state: self, width: inner.width - 2).lines.count - inner.height, 0)
  }

  func drawHelp(_ panel: Panel, scroll: Int, on canvas: inout Canvas) {
    let width = HelpContent.area(width: width, height: height).inner.width - 2
    canvas.putHelp(
      HelpContent(panel: panel, state: self, width: width).lines, scroll: scroll,
      foot: " j k scroll · tab or 1-6 another panel · esc closes ")
  }
}

extension Canvas {
  /// The help over everything, from a line on.
  mutating func putHelp(_ lines: [StyledText], scroll: Int, foot: String) {
    let area = HelpContent.area(width: width, height: height)
    let inner = area.inner
    fill(area)
    let first = max(0, min(scroll, lines.count - inner.height))
    var title = StyledText(" ? ", Theme.key)
    title.add("help ", Theme.title)
    let last = min(first + inner.height, lines.count)
    let note = StyledText(" \(first + 1)-\(last) of \(lines.count) ", Theme.dim)
    border(area, title: title, note: note, foot: StyledText(foot, Theme.label), isFocused: true)
    for (y, line) in lines[first..<max(last, first)].enumerated() { put(line, in: inner, x: 1, y: y) }
  }
}

extension Panel {
  /// What the panel shows and where it comes from; a paragraph an element.
  var explanation: [String] {
    switch self {
    case .ranks:
      [
        "Where the rank is: layers down, module types across. A module's update is ΔW = P Λ Q (AdaLoRA, section 3.1), "
          + "and its rank is the number of its triplets that the last mask kept.",
        "4/6 is kept 4, planted 6 (where the truth is known); (5) is the number of λ that are not zero now where it "
          + "differs: Adam's moments are not reset by a mask, so a pruned λ regrows until the next one. ▲▼ is the "
          + "change by the last mask. The line below a number is its history.",
        "All modules share one budget: rank that one loses, another can win.",
        "Where layers have no room, ▲▼ in the corner say that the grid goes on; f folds it: 0-7 is a row of eight "
          + "layers, and its numbers are their sums. The line below tells the selected module alone.",
        ":whatif score=magnitude target=3 lets another rule choose beside the run, which stays as it is: the difference "
          + "tells what the rule would have kept of this run's weights, not what training under it would have become. "
          + "What it does not set follows the run. Nothing of it is recorded, and a resumed run does not have it.",
      ]
    case .importance:
      [
        "How much each triplet matters: S = s(λ) + mean s(P) + mean s(Q), with s = Ī·Ū (AdaLoRA, section 3.2).",
        "I = |w · ∂L/∂w| is how much the loss would change without the weight w; Ī ← β₁Ī + (1−β₁)I smooths it, and "
          + "Ū ← β₂Ū + (1−β₂)|I − Ī| says how uncertain it is.",
        "The scale is logarithmic, height and colour say the same, × is pruned. The last line says how "
          + "much of the kept set (in %) each other rule would have in common with the run's rule at the current budget.",
      ]
    case .budget:
      [
        "How many triplets all modules together may keep: b(t) = b₀ in the warm-up (t ≤ t_i), then "
          + "b_T + (b₀ − b_T)(1 − (t−t_i)/(T−t_f−t_i))³, then b_T in the final phase (t > T − t_f). The paper's printed "
          + "equation 14 exceeds b₀ and is a misprint.",
        "The curve is the plan, the area what was kept, ▲ is now. The cubic falls fast: most of the pruning is over "
          + "early. Masks fall every ΔT steps while budgeting, so what is kept goes down in stairs.",
        "A changed target starts a new curve from b(t) now; the old one stays, dotted. A click shows that step.",
      ]
    case .training:
      [
        "The loss is the task loss + γ·R. R is how far P and Q are from orthonormal: the mean over all P and Q of "
          + "‖PᵀP − I‖_F and ‖QQᵀ − I‖_F (in the paper the sum of their squares; section 3.1).",
        "Dots are single steps, the line is smoothed. The gradient norm is over all trainable tensors, before "
          + "clipping. Vertical lines are your changes. A click shows that step.",
      ]
    case .triplet:
      [
        "Why one triplet stays or goes. Triplet i of a module is column i of P, λᵢ and row i of Q. The formula is "
          + "S = s(λ) + mean s(P) + mean s(Q), s = Ī·Ū (AdaLoRA, section 3.2), with its numbers in place.",
        "A mask sets λ to 0 wherever S is not among the b(t) largest of all modules; P and Q are never touched, so a "
          + "triplet can come back. While λ = 0 the task gradient of P and Q is zero, and their sensitivity is the "
          + "regulariser's alone.",
        "The five rules: smoothed S; sensitivity (s = I, unsmoothed); magnitude (|λ|); random (one draw for the run) "
          + "and uniform (an equal share a module) are controls.",
      ]
    case .events:
      [
        "What happened and at which step: masks, your changes, evaluations, exports, warnings. A change is stamped "
          + "with the step before whose forward it took effect: experiment, seed and changes together give the run "
          + "again, bit for bit.",
        "Lines with … are commands that wait for the end of the step.",
      ]
    }
  }
}
