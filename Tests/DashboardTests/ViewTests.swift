// Whole screens as text, at the sizes that matter.

import Testing

@testable import Dashboard
@testable import Training

@Suite("Screens")
struct ViewTests {
  @Test("every glyph of every screen is in the table of glyphs")
  func glyphs() {
    var seen: Set<Unicode.Scalar> = []
    var changed = FakeRun.demo
    changed.change = (step: 120, target: 1)
    let frames =
      [0, 40, 213, 350].map { changed.frame(at: $0) } + [
        FakeRun.miniLM.frame(at: 413, state: .paused), FakeRun.lora.frame(at: 100, state: .done),
        FakeRun.miniLM.frame(at: 300, state: .failed("R is not finite")), FakeRun.large.frame(at: 700),
      ]
    for frame in frames {
      for (width, height) in [(80, 24), (120, 40), (200, 60), (300, 80)] {
        var state = DashboardState(frame, width: width, height: height)
        seen.formUnion(state.canvas().cells.map(\.glyph))
        state.strike("+", "2", "o", "<")
        seen.formUnion(state.canvas().cells.map(\.glyph))
        state.strike("t", "4", "y", ":", .tab)
        seen.formUnion(state.canvas().cells.map(\.glyph))
        for panel in Panel.allCases {
          state.mode = .help(panel: panel, scroll: 0)
          seen.formUnion(state.canvas().cells.map(\.glyph))
          state.strike(.pageDown, .pageDown, .pageDown)
          seen.formUnion(state.canvas().cells.map(\.glyph))
        }
        state.mode = .quitting(choice: .cancel)
        seen.formUnion(state.canvas().cells.map(\.glyph))
      }
    }
    #expect(seen.count > 200)
    for glyph in seen { #expect(Glyphs.shown(glyph, at: .braille) == glyph, "U+\(String(glyph.value, radix: 16))") }
  }

  @Test("below 80×24 the screen says the size it has and needs; at 1×1 it is still drawn")
  func small() {
    let frame = FakeRun.demo.frame(at: 213)
    #expect(DashboardState(frame, width: 79, height: 24).screen.contains("this is 79×24"))
    #expect(DashboardState(frame, width: 80, height: 23).screen.contains("this is 80×23"))
    #expect(DashboardState(frame, width: 80, height: 24).screen.contains("1 Ranks"))
    #expect(DashboardState(frame, width: 1, height: 1).screen == "r")
    #expect(DashboardState(frame, width: 0, height: 0).screen == "")
  }

  @Test("drawing into a part of a canvas leaves the rest alone")
  func part() {
    let state = DashboardState(FakeRun.demo.frame(at: 213))
    var canvas = Canvas(width: 90, height: 30)
    view(state, area: Area(x: 5, y: 3, width: 80, height: 24), on: &canvas, glyphs: .braille, colors: .full)
    let whole = state.canvas()
    for y in 0..<30 {
      for x in 0..<90 { #expect(canvas[x, y] == whole[x - 5, y - 3]) }
    }
  }

  @Test("without colour the screen has the same text")
  func colourless() {
    let state = DashboardState(FakeRun.miniLM.frame(at: 413), width: 120, height: 40)
    #expect(state.canvas(.braille, .none).text == state.canvas(.braille, .full).text)
    #expect(!state.canvas(.ascii, .none).text.unicodeScalars.contains { (0x2800...0x28FF).contains($0.value) })
  }

  @Test("the header tells run, method, state, progress and time")
  func header() {
    var frame = FakeRun.miniLM.frame(at: 413)
    frame.pending = [.pauseAt(step: 600)]
    let wide = DashboardState(frame, width: 200, height: 60).lines[0]
    for part in [
      "sst2-adalora-3", "all-MiniLM-L6-v2", "ADALORA smoothed", "● training, pauses at 600", "413/800", "budgeting",
      "52%", "ETA 3m14s", "12.3k tok/s",
    ] { #expect(wide.contains(part), "\(part)") }
    #expect(DashboardState(FakeRun.demo.frame(at: 20, state: .paused)).lines[0].hasSuffix("○ paused"))
    #expect(DashboardState(FakeRun.demo.frame(at: 400, state: .done)).lines[0].hasSuffix("■ done"))
    #expect(
      DashboardState(FakeRun.demo.frame(at: 9, state: .failed("loss is nan"))).lines[0].hasSuffix(
        "× failed: loss is nan"))
    #expect(DashboardState(nil).screen.contains("loading the model…"))
  }

  @Test("the Importance panel says how far the rules disagree, and marks pruned triplets by a glyph")
  func importance() {
    var state = DashboardState(FakeRun.miniLM.frame(at: 413), width: 120, height: 40)
    state.strike("2", "z")
    let agreement = state.lines.first { $0.contains("kept alike with smoothed") }
    for rule in ["sensitivity", "magnitude", "random", "uniform"] { #expect(agreement?.contains(rule) == true) }
    #expect(state.screen.contains("× pruned"))
    let pruned = state.frame?.triplets.kept.filter { !$0 }.count ?? 0
    let crosses = state.canvas().cells.filter { $0.glyph == "×" }.count
    // One a pruned triplet, and those of the legend and the status line.
    #expect(pruned > 0 && crosses == pruned + 2)
    state.strike("t")
    #expect(state.screen.contains("mean a module, steps 0-412"))
  }

  @Test("the Budget panel shows both curves after the target was changed")
  func budget() {
    var run = FakeRun.demo
    run.change = (step: 120, target: 1)
    let state = DashboardState(run.frame(at: 213), width: 120, height: 40)
    #expect(state.screen.contains("target 2→1 at 120, old curve dotted"))
    #expect(state.screen.contains("kept 24 → 18"))
  }

  @Test("a filter narrows every list and says so")
  func filter() {
    var state = DashboardState(FakeRun.miniLM.frame(at: 413), width: 120, height: 40)
    state.filter = "layer.3"
    state.settle()
    #expect(state.screen.contains("/layer.3 6 of 36"))
    #expect(state.screen.contains("→3 query"))
    #expect(!state.screen.contains("0 query"))
  }

  @Test("a long list keeps its selection in view", arguments: [(80, 24), (120, 40), (200, 60)])
  func scrolls(width: Int, height: Int) {
    var state = DashboardState(FakeRun.large.frame(at: 700), width: width, height: height)
    for _ in 0..<29 { state.strike("j") }
    #expect(state.module == 203)
    #expect(state.screen.contains("→29 q"))
    #expect(state.lines.contains { $0.hasPrefix("║29 ") })
    for _ in 0..<29 { state.strike("k") }
    #expect(state.lines.contains { $0.hasPrefix("║ 0 ") })
  }

  @Test(
    "f folds 30 layers into the rows there are, with their sums, and unfolds them", arguments: [(80, 24), (120, 40)])
  func folds(width: Int, height: Int) throws {
    let frame = FakeRun.large.frame(at: 700)
    var state = DashboardState(frame, width: width, height: height)
    state.strike("j", "j", "j")
    let before = state.screen
    #expect(state.lines.last?.contains(" f fold ") == true)
    state.strike("f")
    #expect(state.module == 21)
    #expect(state.lines.last?.contains(" f unfold ") == true)
    let area = try #require(state.layout(state.grid).area(of: .ranks))
    let whole = ModuleGrid(modules: frame.description.modules, visible: state.visibleModules)
    #expect(area == state.layout(whole).area(of: .ranks))
    #expect(state.grid.rows.count <= RanksGeometry.lines(area.inner) && state.ranksScroll == 0)
    #expect(state.screen.contains("\(state.grid.layersPerRow) layers a row"))
    // Every row's label, and after it the sum of its first type's ranks.
    for row in state.grid.rows {
      let line = try #require(state.lines.first { $0.dropFirst().drop { $0 == " " }.hasPrefix(row.label + " ") })
      let sum = row.cells[0].reduce(0) { $0 + frame.ranks[$1] }
      let rest = line.dropFirst().drop { $0 == " " }.dropFirst(row.label.count).drop { $0 == " " }
      #expect(rest.prefix { $0.isNumber } == "\(sum)", "\(line)")
    }
    // The selection goes row by row to the last layers, and by a click to the same place of another row.
    for _ in state.grid.rows { state.strike("j") }
    #expect(state.grid.places[state.module]?.row == state.grid.rows.count - 1)
    for _ in state.grid.rows { state.strike("k") }
    #expect(state.grid.places[state.module]?.row == 0)
    state.click(area.inner.x + state.ranksGeometry(area, state.grid).labelWidth, area.inner.y + 2)
    #expect(state.grid.places[state.module]?.row == 1)
    state.strike("z")
    #expect(state.lines.contains { $0.contains("29 ") && $0.hasPrefix("║") })
    state.strike("z", "f")
    state.module = 21
    state.settle()
    #expect(state.lines.last == before.split(separator: "\n").last.map(String.init))
    #expect(state.lines.contains { $0.hasPrefix("║ 3 ") })
  }

  @Test("where every layer has its row there is nothing to fold")
  func nothingToFold() {
    var state = DashboardState(FakeRun.demo.frame(at: 213))
    state.strike("f")
    #expect(!state.isFolded && state.toastTexts == ["f: every layer is in view"])
    state.strike("2", "f")
    #expect(state.toastTexts.last == "f works in Ranks (1)")
  }

  @Test("80×24, in the middle of the planted run")
  func golden80() {
    #expect(DashboardState(FakeRun.demo.frame(at: 213)).screen == Golden.demo80)
  }

  @Test("120×40, paused while scrubbing")
  func golden120() {
    var state = DashboardState(FakeRun.miniLM.frame(at: 413, state: .paused), width: 120, height: 40)
    state.strike("5", "l", "<", "<")
    #expect(state.screen == Golden.miniLM120)
  }

  @Test("200×60")
  func golden200() {
    #expect(DashboardState(FakeRun.miniLM.frame(at: 413), width: 200, height: 60).screen == Golden.miniLM200)
  }

  @Test("where rank grows a triplet waits instead of being pruned, and no other rule's choice is told")
  func growing() {
    var run = FakeRun.demo
    run.method = "INCRELORA"
    var state = DashboardState(run.frame(at: 213), width: 120, height: 40)
    state.triplet = state.moment?.triplets.kept.firstIndex(of: false).map { $0 % state.initialRank } ?? 0
    state.module = (state.moment?.triplets.kept.firstIndex(of: false) ?? 0) / state.initialRank
    #expect(state.screen.contains("× waits") && state.screen.contains("○ waits"))
    #expect(!state.screen.contains("× pruned") && !state.screen.contains("alike"))
    #expect(state.screen.contains("modules grow by these scores"))
  }

  @Test("a doublet's score has no λ, and a budget of parameters is told in them")
  func doublets() {
    var run = FakeRun.demo
    run.method = "PRUNED-LORA"
    var frame = run.frame(at: 213)
    frame.description.budgetUnit = .parameters
    let state = DashboardState(frame, width: 120, height: 40)
    #expect(state.screen.contains("S = mean s(B) + mean s(A)") && !state.screen.contains("s(λ)"))
    let whole = frame.description.modules.reduce(0) { $0 + run.rank * ($1.outputSize + $1.inputSize) }
    #expect(state.screen.contains("of \(whole) parameters"))
    #expect(!state.screen.contains("γ "))
  }

  @Test("80×24 of a LoRA run, with the question before the end")
  func goldenLoRA() {
    var state = DashboardState(FakeRun.lora.frame(at: 213))
    state.strike("q")
    #expect(state.screen == Golden.lora80)
  }
}
