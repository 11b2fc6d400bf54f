// Panel 5: why one triplet stays or goes. The paper's formula with the numbers in place, and the decision in words.

import AdaLoRA
import Training

extension Scene {
  func drawTriplet(on canvas: inout Canvas, in area: Area) {
    let inner = area.inner
    guard !state.hasFixedRank, let module else {
      canvas.border(area, title: title(.triplet), isFocused: isFocused(.triplet))
      if state.hasFixedRank {
        paragraph(
          "\(frame.description.method) keeps the whole rank \(rank) of every module: nothing is scored or pruned.",
          on: &canvas, in: inner)
      }
      return
    }
    let verdict = verdict
    let isNarrow = area.width < 60
    let word =
      verdict.isKept
      ? "● kept"
      : frame.description.grows
        ? "○ waits" : !verdict.isRegrown ? "× pruned" : isNarrow ? "○ regrown" : "○ pruned, regrown"
    var note = StyledText(" \(word) ", verdict.isKept ? Theme.up : Theme.down)
    if moment.triplets.lambda.isEmpty { note = StyledText() }
    let name = isNarrow ? ModuleLabel.short(module, width: 12) : ModuleLabel.long(module)
    canvas.border(
      area, title: title(.triplet, "\(name) · \(state.triplet + 1)/\(rank)"), note: note,
      isFocused: isFocused(.triplet))
    guard inner.width > 0, inner.height > 0 else { return }
    var y = 0
    func line(_ text: StyledText) {
      canvas.put(text, in: inner, x: 0, y: y)
      y += 1
    }
    let isTall = inner.height >= 9
    if inner.height >= 6 { line(formula) }
    line(numbers)
    if isTall { line(proportions(inner.width)) }
    line(standing(isWide: inner.width >= 62))
    if let beside { line(fate(in: beside, isNarrow: isNarrow)) }
    // The rules and the histories have their place below; the words get what is between.
    let hasTable = inner.height >= 18 && decisions != nil
    let ruleLines = hasTable ? ScoringRule.allCases.count + 2 : inner.height >= 7 ? 1 : 0
    let histories = inner.height >= 18 ? 5 : inner.height >= 12 ? 3 : 0
    let below = histories + ruleLines
    let room = max(inner.height - y - below, 1)
    var sentences = wrapped(verdict.words, inner.width)
    if sentences.count > room { sentences = wrapped(verdict.brief, inner.width) }
    for text in sentences.prefix(room) { line(StyledText(text, Theme.label)) }
    if sentences.count > room, room > 0 {
      canvas.put("…", Theme.label, in: inner, x: inner.width - 1, y: y - 1)
    }
    if hasTable {
      y += 1
      for text in table { line(text) }
    } else if ruleLines > 0 {
      line(rules(inner.width))
    }
    if histories > 0 {
      if y + histories < inner.height { y += 1 }
      line(history("S", inner.width) { $0.scores[rule] ?? $0.scores[.smoothed] ?? [] })
      if histories > 3 {
        line(history("Ī", inner.width) { $0.smoothedSensitivity })
        line(history("Ū", inner.width) { $0.uncertainty })
      }
      line(history(hasLambda ? "|λ|" : "|BA|", inner.width) { $0.lambda.map { abs($0) } })
      line(keptHistory(inner.width))
    }
  }

  /// Whether an update is P·Λ·Q; else it is B·A.
  private var hasLambda: Bool { frame.description.isRegularized }

  // MARK: The formula

  private func part(_ values: [Float]) -> Double { Double(values[at: selected] ?? 0) }

  private var formula: StyledText {
    var text = StyledText("S = ", Theme.strong)
    if hasLambda {
      text.add("s(λ)", Theme.kept)
      text.add(" + ", Theme.dim)
    }
    text.add(hasLambda ? "mean s(P)" : "mean s(B)", Theme.curve)
    text.add(" + ", Theme.dim)
    text.add(hasLambda ? "mean s(Q)" : "mean s(A)", Theme.marker)
    text.add("   s = Ī·Ū", Theme.dim)
    return text
  }

  /// The same with this triplet's values.
  private var numbers: StyledText {
    let triplets = moment.triplets
    let lambda = part(triplets.lambdaPart)
    let p = part(triplets.pPart)
    let q = part(triplets.qPart)
    var text = StyledText(NumberText.scientific(lambda + p + q), Theme.strong)
    text.add(" = ", Theme.dim)
    if hasLambda {
      text.add(NumberText.scientific(lambda), Theme.kept)
      text.add(" + ", Theme.dim)
    }
    text.add(NumberText.scientific(p), Theme.curve)
    text.add(" + ", Theme.dim)
    text.add(NumberText.scientific(q), Theme.marker)
    return text
  }

  /// How much of S each part is, as a bar.
  private func proportions(_ width: Int) -> StyledText {
    let triplets = moment.triplets
    let parts = [part(triplets.lambdaPart), part(triplets.pPart), part(triplets.qPart)].map { max($0, 0) }
    let sum = parts.reduce(0, +)
    guard sum > 0, sum.isFinite else { return StyledText("S is zero: nothing has been smoothed", Theme.dim) }
    var text = StyledText()
    let cells = min(max(width - 24, 8), 32)
    let styles = [Theme.kept, Theme.curve, Theme.marker]
    let glyphs = ["█", "▅", "▂"]
    for index in 0..<3 {
      text.add(
        String(repeating: glyphs[index], count: Int((parts[index] / sum * Double(cells)).rounded())), styles[index])
    }
    if hasLambda { text.add("  λ \(NumberText.percent(parts[0] / sum))", Theme.kept) }
    text.add(" \(hasLambda ? "P" : "B") \(NumberText.percent(parts[1] / sum))", Theme.curve)
    text.add(" \(hasLambda ? "Q" : "A") \(NumberText.percent(parts[2] / sum))", Theme.marker)
    return text
  }

  /// λ, its place among all, and how far the threshold is.
  private func standing(isWide: Bool) -> StyledText {
    var text = StyledText(hasLambda ? "λ " : "|BA| ", Theme.dim)
    let lambda = part(moment.triplets.lambda)
    text.add(NumberText.short(lambda), Theme.strong)
    if let decisions, let place = decisions.place[rule]?[at: selected] {
      text.add(isWide ? "   place " : "  ", Theme.dim)
      text.add("\(place)", Theme.strong)
      text.add(isWide ? " of \(modules.count * rank)" : "/\(modules.count * rank)", Theme.dim)
      text.add(", \(decisions.budget) stay", Theme.dim)
    } else if rule == .uniform {
      text.add("  its module's share decides", Theme.dim)
    }
    if let threshold = moment.record?.threshold, threshold > 0, rule != .uniform, let score = score {
      text.add(
        (isWide ? "   " : "  ") + NumberText.factor(score / threshold), score > threshold ? Theme.up : Theme.down)
      text.add(isWide ? " the threshold" : " thr", Theme.dim)
    }
    return text
  }

  /// S by the run's own rule.
  private var score: Double? { moment.triplets.scores[rule]?[at: selected].map(Double.init) }

  // MARK: In words

  private var verdict: Verdict {
    let isKept = moment.triplets.kept[at: selected] ?? true
    if frame.description.grows {
      return Verdict(growing: isKept, score: score, schedule: frame.schedule, phase: phase)
    }
    return Verdict(
      rule: rule, phase: phase, schedule: frame.schedule, hasStepped: moment.record != nil,
      threshold: moment.record?.threshold,
      isKept: isKept, lambda: part(moment.triplets.lambda),
      maskScore: moment.triplets.maskScores[at: selected].map(Double.init), score: score,
      keepsNow: decisions?.kept[rule]?[at: selected], dialect: frame.description.dialect)
  }

  /// What each rule would do with it if the mask fell now, on one line.
  private func rules(_ width: Int) -> StyledText {
    guard let decisions else { return StyledText() }
    let isWhole = width >= 62
    var text = StyledText(width >= 86 ? "if the mask fell now: " : "now: ", Theme.dim)
    for other in ScoringRule.allCases {
      guard let keeps = decisions.kept[other]?[at: selected] else { continue }
      text.add(isWhole ? other.rawValue : String(other.rawValue.prefix(4)), other == rule ? Theme.strong : Theme.dim)
      text.add(keeps ? " ● " : " × ", keeps ? Theme.up : Theme.down)
    }
    return text
  }

  /// The same as a table, with each rule's score and place.
  private var table: [StyledText] {
    guard let decisions else { return [] }
    var lines = [StyledText("if the mask fell now   score      place   it would be", Theme.dim)]
    for other in ScoringRule.allCases {
      guard let keeps = decisions.kept[other]?[at: selected] else { continue }
      var text = StyledText(other == rule ? "→ " : "  ", Theme.key)
      text.add(other.rawValue, other == rule ? Theme.strong : Theme.label)
      text.pad(to: 23)
      text.add(
        moment.triplets.scores[other]?[at: selected].map { NumberText.scientific(Double($0)) } ?? "", Theme.label)
      text.pad(to: 34)
      text.add(decisions.place[other]?[at: selected].map(String.init) ?? "share", Theme.label)
      text.pad(to: 42)
      text.add(keeps ? "● kept" : "× pruned", keeps ? Theme.up : Theme.down)
      lines.append(text)
    }
    return lines
  }

  private func history(_ label: String, _ width: Int, _ values: (TripletFrame) -> [Float]) -> StyledText {
    var text = StyledText(label, Theme.dim)
    text.pad(to: 5)
    let samples = sampled(min(width - 16, 60)) { Double(values($0.triplets)[at: selected] ?? 0) }
    text.add(Spark.line(samples, width: min(width - 16, 60)), Theme.curve)
    if let last = samples.last { text.add(" " + NumberText.short(last), Theme.label) }
    return text
  }

  /// When it was kept: `█` kept, `·` pruned.
  private func keptHistory(_ width: Int) -> StyledText {
    var text = StyledText("kept ", Theme.dim)
    for value in sampled(min(width - 16, 60), { $0.triplets.kept[at: selected] ?? true ? 1 : 0 }) {
      text.add(value > 0 ? "█" : "·", value > 0 ? Theme.kept : Theme.pruned)
    }
    return text
  }
}

/// Why a triplet is kept or pruned, in words.
struct Verdict: Equatable {
  let isKept: Bool
  /// Pruned by the last mask, and λ is not zero again.
  let isRegrown: Bool
  let words: String
  /// The same in one short sentence, for a small panel.
  let brief: String

  init(
    rule: ScoringRule, phase: BudgetSchedule.Phase?, schedule: BudgetSchedule?, hasStepped: Bool, threshold: Double?,
    isKept: Bool, lambda: Double, maskScore: Double?, score: Double?, keepsNow: Bool?, dialect: Dialect
  ) {
    self.isKept = isKept
    isRegrown = !isKept && lambda != 0
    var words: [String] = []
    let bound = threshold.map { NumberText.scientific($0) } ?? ""
    let scored = maskScore.map { NumberText.scientific($0) }
    if !hasStepped {
      words.append("No step yet: λ = 0, so ΔW = 0.")
    }
    if phase == .warmup || threshold == nil {
      let end = schedule.map { " after step \($0.initialWarmup)" } ?? ""
      words.append("Kept: warm-up has no mask; the first one comes\(end).")
      if lambda == 0, hasStepped { words.append("With λ = 0, P and Q feel only γR.") }
    } else if isKept {
      switch rule {
      case .uniform: words.append("Kept: it is among the best of its module's equal share.")
      case .random:
        words.append("Kept: its draw stands above the threshold \(bound). The control ignores the gradient.")
      default:
        words.append("Kept: at the last mask S \(scored ?? "") stood above the threshold \(bound).".oneSpaced)
      }
    } else {
      switch rule {
      case .uniform: words.append("Pruned: its module's equal share went to better triplets of the module.")
      case .random:
        words.append("Pruned: its draw does not reach the threshold \(bound). The control ignores the gradient.")
      default:
        words.append(
          "Pruned: at the last mask S \(scored ?? "") did not exceed the threshold \(bound), so λ ← 0.".oneSpaced)
      }
      words.append(
        isRegrown
          ? "λ has regrown since: Adam's moments are not reset, and only the next mask zeroes it again."
          : "P and Q are kept, so it can come back; with λ = 0 their sensitivity is the regulariser's alone.")
    }
    if phase == .final {
      let step = schedule.map { " at step \($0.finalStep)" } ?? ""
      words.append(
        dialect == .peft
          ? "Final phase: the pattern was frozen\(step) and is applied every step; Ī and Ū are no longer kept."
          : "Final phase: the scores were frozen\(step), and the same mask is applied every step.")
    } else if let keepsNow, keepsNow != isKept {
      words.append(keepsNow ? "If the mask fell now it would come back." : "If the mask fell now it would be pruned.")
    }
    self.words = words.joined(separator: " ")
    let comparison = scored.map { " S \($0) \(isKept ? ">" : "≤") threshold \(bound)" } ?? ""
    brief =
      phase == .final
      ? "\(isKept ? "Kept" : "Pruned") for good: the pattern was frozen at step \(schedule?.finalStep ?? 0)."
      : phase == .warmup || threshold == nil
        ? "Kept: warm-up, no mask before step \(schedule?.initialWarmup ?? 0)."
        : isKept
          ? "Kept:\(comparison)" + (keepsNow == false ? "; now it would go." : ".")
          : "Pruned:\(comparison)" + (isRegrown ? "; λ has regrown." : ", λ ← 0.")
  }
}

extension Verdict {
  /// Of a method under which rank grows.
  init(growing isKept: Bool, score: Double?, schedule: BudgetSchedule?, phase: BudgetSchedule.Phase?) {
    self.isKept = isKept
    isRegrown = false
    let end = schedule?.finalStep ?? 0
    brief =
      phase == .final
      ? "\(isKept ? "Kept" : "Left out") for good: the pattern was frozen at step \(end)."
      : isKept ? "Kept: part of ΔW." : "Waits: its module has not been given it."
    words =
      phase == .final
      ? brief
      : isKept
        ? "Kept: part of ΔW. Its score counts for its module when the next triplets are given."
        : "Waits: λ is held out of ΔW until its module is given another triplet, by the scores of those that it keeps."
  }
}

extension String {
  /// Where a number was left out, one blank in place of two.
  fileprivate var oneSpaced: String { split(separator: " ").joined(separator: " ") }
}
