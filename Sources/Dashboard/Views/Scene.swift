// What every panel draws from: the state, the moment to show, and what is computed once for several panels.

import AdaLoRA
import Training

struct Scene {
  let state: DashboardState
  let frame: Frame
  let moment: Moment
  let grid: ModuleGrid
  let visible: [Int]
  let glyphs: GlyphLevel
  let colors: ColorDepth
  /// What each rule would choose; nil where rank is fixed or grows and before anything was scored.
  let decisions: RuleDecisions?
  /// What is shown beside this run.
  let beside: Beside?

  init(
    _ state: DashboardState, _ frame: Frame, _ grid: ModuleGrid, needsDecisions: Bool, _ glyphs: GlyphLevel,
    _ colors: ColorDepth
  ) {
    self.state = state
    self.frame = frame
    self.grid = grid
    self.glyphs = glyphs
    self.colors = colors
    visible = state.visibleModules
    let moment = state.moment ?? Moment(frame)
    self.moment = moment
    beside = state.other.map {
      Beside($0, modules: frame.description.modules, step: moment.record?.step, isShadow: state.shadow != nil)
    }
    if needsDecisions, frame.description.prunesByScore, !moment.triplets.scores.isEmpty {
      decisions = RuleDecisions(
        scores: moment.triplets.scores, budget: moment.record?.budget ?? frame.schedule?.initialBudget ?? 0,
        prices: frame.description.prices, rank: state.initialRank)
    } else {
      decisions = nil
    }
  }

  var modules: [RunDescription.Module] { frame.description.modules }
  var module: RunDescription.Module? { modules[at: state.module] }
  var rank: Int { state.initialRank }
  var rule: ScoringRule { frame.description.score }
  /// Index of the selected triplet, module-major.
  var selected: Int { state.module * rank + state.triplet }
  /// The recorded points up to the moment.
  var past: ArraySlice<HistoryPoint> { frame.history[..<moment.pointCount] }
  var step: Int { moment.record?.step ?? 0 }
  var phase: BudgetSchedule.Phase? { frame.schedule?.phase(at: step) }

  func title(_ panel: Panel, _ more: String = "") -> StyledText {
    var text = StyledText(" \(panel.rawValue) ", Theme.key)
    text.add(panel.title + (more.isEmpty ? "" : " " + more) + " ", Theme.title)
    return text
  }

  /// Which line is whose, where there are two runs.
  var legend: StyledText {
    guard let beside else { return StyledText() }
    var text = StyledText(" ─ ", Theme.curve)
    text.add("this ", Theme.label)
    text.add("╌ \(beside.name) ", Theme.other)
    return text
  }

  func isFocused(_ panel: Panel) -> Bool { state.focus == panel }

  /// At most `limit` values of the past, spread evenly, so that a long history costs no more than it shows.
  func sampled(_ limit: Int, _ value: (HistoryPoint) -> Double) -> [Double] {
    let points = past
    guard !points.isEmpty, limit > 0 else { return [] }
    if points.count <= limit { return points.map(value) }
    if limit == 1 { return points.last.map { [value($0)] } ?? [] }
    return (0..<limit).map { value(points[points.startIndex + $0 * (points.count - 1) / (limit - 1)]) }
  }
}
