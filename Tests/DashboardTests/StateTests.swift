// The pure parts under the panels: rules, verdicts, the grid, the layout, the curve before a change.

import AdaLoRA
import Testing

@testable import Dashboard
@testable import Training

@Suite("What the panels compute")
struct StateTests {
  @Test("each rule keeps exactly the budget, the earlier of equals, and uniform an equal share")
  func decisions() {
    let scores: [ScoringRule: [Float]] = [
      .smoothed: [5, 1, 4, 4, 3, 4], .magnitude: [0, 0, 0, 0, 0, 0], .sensitivity: [.nan, 2, 1, 9, 8, 7],
      .uniform: [5, 1, 4, 4, 3, 4],
    ]
    let decisions = RuleDecisions(scores: scores, budget: 3, prices: TripletPrices(modules: 3), rank: 2)
    #expect(decisions.kept[.smoothed] == [true, false, true, true, false, false])
    #expect(decisions.kept[.magnitude] == [true, true, true, false, false, false])
    #expect(decisions.kept[.sensitivity] == [false, false, false, true, true, true])
    #expect(decisions.kept[.uniform] == [true, false, true, false, false, true])
    #expect(decisions.kept[.random] == nil)
    #expect(decisions.place[.smoothed] == [1, 6, 2, 3, 5, 4])
    #expect(decisions.agreement(.smoothed, .magnitude) == 2.0 / 3)
    #expect(decisions.agreement(.smoothed, .random) == nil)
  }

  private func verdict(
    rule: ScoringRule = .smoothed, phase: BudgetSchedule.Phase = .budgeting, threshold: Double? = 2e-9, isKept: Bool,
    lambda: Double, keepsNow: Bool? = nil, dialect: Dialect = .peft
  ) -> Verdict {
    let schedule = BudgetSchedule(
      initialBudget: 108, targetBudget: 36, initialWarmup: 66, finalWarmup: 100, maskInterval: 5, totalSteps: 400)
    return Verdict(
      rule: rule, phase: phase, schedule: schedule, hasStepped: true, threshold: threshold, isKept: isKept,
      lambda: lambda, maskScore: 1e-9, score: 1e-9, keepsNow: keepsNow ?? isKept, dialect: dialect)
  }

  @Test("the verdict says in words why a triplet is kept or pruned")
  func verdicts() {
    #expect(
      verdict(phase: .warmup, threshold: nil, isKept: true, lambda: 0).words
        == "Kept: warm-up has no mask; the first one comes after step 66. With λ = 0, P and Q feel only γR.")
    #expect(
      verdict(isKept: true, lambda: 0.1).words
        == "Kept: at the last mask S 1.00e-9 stood above the threshold 2.00e-9.")
    let pruned = verdict(isKept: false, lambda: 0)
    #expect(pruned.words.contains("did not exceed the threshold 2.00e-9, so λ ← 0."))
    #expect(pruned.words.contains("with λ = 0 their sensitivity is the regulariser's alone"))
    #expect(!pruned.isRegrown)
    #expect(pruned.brief == "Pruned: S 1.00e-9 ≤ threshold 2.00e-9, λ ← 0.")
    #expect(
      verdict(phase: .final, isKept: false, lambda: 0).brief == "Pruned for good: the pattern was frozen at step 300.")
    let regrown = verdict(isKept: false, lambda: 0.01, keepsNow: true)
    #expect(regrown.isRegrown)
    #expect(regrown.words.contains("Adam's moments are not reset"))
    #expect(regrown.words.hasSuffix("If the mask fell now it would come back."))
    #expect(
      verdict(isKept: true, lambda: 1, keepsNow: false).words.hasSuffix("If the mask fell now it would be pruned."))
    #expect(
      verdict(phase: .final, isKept: true, lambda: 1).words.hasSuffix(
        "Final phase: the pattern was frozen at step 300 and is applied every step; Ī and Ū are no longer kept."))
    #expect(
      verdict(phase: .final, isKept: true, lambda: 1, dialect: .paper).words.contains(
        "the scores were frozen at step 300"))
    #expect(verdict(rule: .uniform, isKept: false, lambda: 0).words.hasPrefix("Pruned: its module's equal share"))
    #expect(verdict(rule: .random, isKept: true, lambda: 1).words.contains("The control ignores the gradient."))
  }

  @Test("the grid has layers down and types across; what has no layer stands below, doubles get a second row")
  func grid() {
    func module(_ layer: Int?, _ type: String) -> RunDescription.Module {
      RunDescription.Module(name: "m", layer: layer, type: type, outputSize: 1, inputSize: 1)
    }
    let modules = [
      module(nil, "pooler"), module(1, "query"), module(0, "query"), module(0, "key"), module(0, "query"),
    ]
    let grid = ModuleGrid(modules: modules, visible: Array(modules.indices))
    #expect(grid.types == ["pooler", "query", "key"])
    #expect(grid.rows.map(\.label) == ["0", "0", "1", "·"])
    #expect(grid.rows[0].cells == [[], [2], [3]])
    #expect(grid.rows[1].cells == [[], [4], []])
    #expect(grid.moved(from: 2, dx: 1, dy: 0) == 3)
    #expect(grid.moved(from: 3, dx: 0, dy: 1) == 4)
    #expect(grid.moved(from: 1, dx: 0, dy: 1) == 0)
    #expect(grid.moved(from: 0, dx: 1, dy: 0) == 0)
  }

  @Test("a folded grid has as few layers a row as it can, each module once, and moves within like layers")
  func folding() {
    let modules = FakeRun.large.modules
    let grid = ModuleGrid(modules: modules, visible: Array(modules.indices))
    #expect(grid.folded(into: 30).rows.count == 30 && grid.folded(into: 30).layersPerRow == 1)
    for capacity in 1..<30 {
      let folded = grid.folded(into: capacity)
      #expect(folded.rows.count <= capacity && folded.fullRowCount == 30)
      #expect((folded.layersPerRow - 1) * capacity < 30)
      #expect(folded.rows.flatMap(\.cells).flatMap { $0 }.sorted() == Array(modules.indices))
      for (module, place) in folded.places {
        #expect(folded.rows[place.row].cells[place.column].contains(module))
        #expect(grid.places[module]?.column == place.column)
      }
    }
    let folded = grid.folded(into: 4)
    #expect(folded.rows.map(\.label) == ["0-7", "8-15", "16-23", "24-29"])
    #expect(folded.largestCell == 8)
    // From layer 7's query to layer 15's, and to the last of the six below; layer 3 has its like everywhere.
    #expect(folded.moved(from: 7 * 7, dx: 0, dy: 1) == 15 * 7)
    #expect(folded.moved(from: 23 * 7, dx: 0, dy: 1) == 29 * 7)
    #expect(folded.moved(from: 3 * 7, dx: 1, dy: 0) == 3 * 7 + 1)
    #expect(folded.moved(from: folded.moved(from: 3 * 7, dx: 0, dy: 1), dx: 0, dy: -1) == 3 * 7)
    #expect(folded.moved(from: 0, dx: 0, dy: -1) == 0)
    // What has no layer keeps a row, and a layer's two rows become one.
    var odd = Array(modules.prefix(14)) + [modules[0]]
    odd.append(RunDescription.Module(name: "head", layer: nil, type: "q_proj", outputSize: 1, inputSize: 1))
    let twice = ModuleGrid(modules: odd, visible: Array(odd.indices))
    #expect(twice.rows.map(\.label) == ["0", "0", "1", "·"])
    #expect(twice.folded(into: 3).rows.map(\.label) == ["0", "1", "·"])
    #expect(twice.folded(into: 3).rows[0].cells[0] == [0, 14])
    #expect(twice.folded(into: 2).rows.map(\.label) == ["0-1", "·"])
  }

  @Test("types are shortened so that they stay different")
  func labels() {
    #expect(ModuleLabel.type("query", width: 8) == "query")
    #expect(ModuleLabel.type("attention.output.dense", width: 10) == "atte.outpu")
    #expect(ModuleLabel.type("attention.output.dense", width: 5) == "at.ou")
    #expect(ModuleLabel.type("output.dense", width: 6) == "output")
    #expect(ModuleLabel.type("intermediate.dense", width: 5) == "inter")
    #expect(cellText("模型 a\u{7}") == "?? a?")
  }

  @Test("panels cover the body and never overlap, at every size", arguments: [1, 6, 18, 210])
  func layout(modules: Int) {
    for width in stride(from: 80, through: 300, by: 7) {
      for height in stride(from: 24, through: 100, by: 3) {
        let layout = ScreenLayout(
          width: width, height: height, zoomed: nil, gridRows: (modules + 5) / 6, moduleCount: modules)
        let cells = layout.panels.reduce(0) { $0 + $1.area.width * $1.area.height }
        #expect(cells == layout.body.width * layout.body.height)
        #expect(layout.panels.count == 6)
        for (panel, area) in layout.panels {
          #expect(area.width >= 30 && area.height >= 5, "\(panel) has \(area) at \(width)×\(height)")
          #expect(area.x >= 0 && area.right <= width && area.y >= layout.body.y && area.bottom <= layout.body.bottom)
        }
        for (index, first) in layout.panels.enumerated() {
          for second in layout.panels[(index + 1)...] {
            let apart =
              first.area.right <= second.area.x || second.area.right <= first.area.x
              || first.area.bottom <= second.area.y || second.area.bottom <= first.area.y
            #expect(apart)
          }
        }
      }
    }
  }

  @Test("the curve before the last change of target is kept beside the new one")
  func oldCurve() throws {
    var run = FakeRun.demo
    run.change = (step: 120, target: 1)
    let frame = run.frame(at: 200)
    let old = try #require(frame.scheduleBeforeLastChange())
    let new = try #require(frame.schedule)
    #expect(old.targetBudget == 36 && new.targetBudget == 18)
    #expect(old.budget(at: 120) == new.budget(at: 120))
    #expect(old.budget(at: 200) > new.budget(at: 200))
    #expect(FakeRun.demo.frame(at: 200).scheduleBeforeLastChange() == nil)
  }

  @Test("▲▼ compare with the ranks before the last mask")
  func beforeMask() throws {
    let frame = FakeRun.demo.frame(at: 213)
    let before = try #require(frame.ranksBeforeLastMask(at: 212))
    #expect(frame.history[209].ranks == before)
    #expect(frame.ranksBeforeLastMask(at: 60) == nil)
    #expect(frame.ranksBeforeLastMask(at: 350) == nil)
  }

  @Test("a list scrolls the least that shows its line")
  func scrolling() {
    #expect(scrolled(0, toShow: 3, visible: 5, of: 20) == 0)
    #expect(scrolled(0, toShow: 7, visible: 5, of: 20) == 3)
    #expect(scrolled(9, toShow: 7, visible: 5, of: 20) == 7)
    #expect(scrolled(99, toShow: 19, visible: 5, of: 20) == 15)
    #expect(scrolled(4, toShow: 0, visible: 5, of: 3) == 0)
  }

  @Test("sparklines, bars and dots")
  func plots() {
    #expect(Spark.line([0, 1, 2, 3], width: 4) == "▁▃▆█")
    #expect(Spark.line([1, 1], width: 2) == "▅▅")
    #expect(Spark.line([0, .nan], width: 2) == "▅?")
    #expect(Spark.line([], width: 4) == "")
    #expect(Spark.bar(4, of: 6, width: 12).full == "████")
    #expect(Spark.bar(4, of: 6, width: 12).rest == "··")
    #expect(Spark.bar(6, of: 12, width: 4).full == "██")
    var dots = DotPlot(width: 2, height: 1, glyphs: .braille)
    dots.line([(0, 0), (1, 1)], .plain)
    var canvas = Canvas(width: 2, height: 1)
    dots.draw(on: &canvas, in: Area(x: 0, y: 0, width: 2, height: 1), x: 0, y: 0)
    #expect(canvas.text == "⡠⠊")
    dots = DotPlot(width: 3, height: 1, glyphs: .ascii)
    dots.line([(0, 0), (1, 1)], .plain)
    canvas = Canvas(width: 3, height: 1)
    dots.draw(on: &canvas, in: Area(x: 0, y: 0, width: 3, height: 1), x: 0, y: 0)
    #expect(canvas.text == ".-'")
    #expect(Axis([1, 10, 100], isLogarithmic: true).share(10) == 0.5)
    #expect(Axis([1.0, 3.0], isLogarithmic: false).share(2) == 0.5)
    #expect(Axis([0.0], isLogarithmic: true).share(-1).isNaN)
  }

  @Test("magnitude is told by the glyph as well as by the colour, on every rung of the ladder")
  func heat() {
    let values: [Float] = [1e-9, 1e-7, 1e-5, 0, .nan]
    for colors in [ColorDepth.none, .eight, .sixteen, .full] {
      for glyphs in [GlyphLevel.ascii, .blocks, .braille] {
        let scale = HeatScale(values, glyphs: glyphs, colors: colors)
        let shown = values.map { scale.glyph(scale.share($0)) }
        #expect(Set(shown.prefix(3)).count == 3)
        #expect(shown[3] == "·" && shown[4] == "·")
        if colors == .none {
          #expect(scale.style(0.5) == .plain)
        } else {
          #expect(scale.style(0.05) != scale.style(0.95))
        }
      }
    }
  }
}
