// Two runs on one screen: differences of rank, curves overlaid, the same triplet here and there.

import Testing

@testable import Dashboard
@testable import Training

@Suite("Two runs side by side")
struct BesideTests {
  /// The demo at step 213 beside a longer one that has ended, of another rule, with other modules at its end.
  private func pair(width: Int = 120, height: Int = 40, types: [String]? = nil) -> DashboardState {
    var other = FakeRun.demo
    other.name = "demo-2"
    other.rule = .random
    other.totalSteps = 500
    if let types { other.types = types }
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: width, height: height)
    _ = update(&state, .beside(other.frame(at: 500, state: .done)))
    return state
  }

  @Test("each rank is told as its difference to the other run's at the same step")
  func differences() throws {
    let state = pair()
    let own = try #require(state.frame)
    let beside = Beside(try #require(state.beside), modules: own.description.modules, step: 212)
    #expect(beside.moment.record?.step == 212 && !beside.moment.isLive)
    let differences = (0..<18).map { own.ranks[$0] - (beside.moment.ranks[at: $0] ?? 99) }
    #expect(Set(differences.map { $0.signum() }) == [-1, 0, 1])
    let text = state.lines.filter { $0.hasPrefix("║ 0 ") }.joined()
    for module in 0..<6 {
      #expect(text.contains("\(own.ranks[module]) \(Beside.text(differences[module]))"), "module \(module)")
    }
    #expect(state.screen.contains("1 Ranks − demo-2"))
    #expect(state.screen.contains("its step 212"))
    let sum = differences[0..<6].reduce(0, +)
    #expect(text.contains(" \(Beside.text(sum))║"))
  }

  @Test("scrubbing moves both; beyond its end the other stays at its last step")
  func scrubs() throws {
    var state = pair()
    state.command("goto 100")
    #expect(state.screen.contains("its step 100"))
    state.command("live")
    var long = FakeRun.demo
    long.totalSteps = 900
    _ = update(&state, .frame(long.frame(at: 700)))
    #expect(state.screen.contains("its step 499"))
  }

  @Test("a module without a partner is shown as such, and the others are matched by name")
  func partners() throws {
    var state = pair(types: ["key", "query", "output.dense", "extra"])
    let own = try #require(state.frame)
    let beside = Beside(try #require(state.beside), modules: own.description.modules, step: 212)
    #expect(Array(beside.partner[0..<6]) == [1, 0, nil, nil, nil, 2])
    #expect(beside.extra == 3)
    #expect(state.screen.contains("– 9 only here, 3 only there"))
    let row = state.lines.first { $0.hasPrefix("║ 0 ") } ?? ""
    #expect(row.contains("\(own.ranks[2]) –"))
    state.strike("l", "l")
    #expect(state.screen.contains("not in demo-2"))
    #expect(state.screen.contains("╌ demo-2 has no such module"))
  }

  @Test("the selected triplet is told of in the other run: kept or pruned, and S")
  func triplets() throws {
    var state = pair(width: 200, height: 60)
    state.strike("5", "l")
    let own = try #require(state.frame)
    let beside = Beside(try #require(state.beside), modules: own.description.modules, step: 212)
    let there = try #require(beside.triplet(1, of: 0))
    let word = there.isKept ? "● kept" : "× pruned"
    let score = NumberText.scientific(try #require(there.score))
    #expect(state.lines.filter { $0.contains("╌ demo-2 \(word) S \(score)") }.count == 2)
    #expect(state.screen.contains("\(word) S \(score)  alike "))
    #expect(beside.triplet(6, of: 0) == nil)
  }

  @Test("curves are overlaid in another colour and dashed, with a legend")
  func curves() throws {
    let alone = DashboardState(FakeRun.demo.frame(at: 213), width: 200, height: 60)
    let state = pair(width: 200, height: 60)
    for panel in ["3 Budget", "4 Training"] {
      let top = try #require(state.lines.firstIndex { $0.contains(panel) })
      let edges = state.lines[top] + (state.lines.dropFirst(top + 1).first { $0.contains("╌ demo-2") } ?? "")
      #expect(edges.contains("this ╌ demo-2"), "\(panel)")
    }
    func dots(_ state: DashboardState, _ panel: Panel) throws -> Int {
      let area = try #require(state.layout(state.grid).area(of: panel)).inner
      let canvas = state.canvas()
      return (area.y..<area.bottom).reduce(0) { sum, y in
        sum + (area.x..<area.right).reduce(0) { $0 + (canvas[$1, y].style == Theme.other ? 1 : 0) }
      }
    }
    for panel in [Panel.budget, .training] {
      #expect(try dots(alone, panel) == 0)
      #expect(try dots(state, panel) > 20, "\(panel)")
    }
    var plot = DotPlot(width: 12, height: 1, glyphs: .braille)
    plot.line([(0, 0.5), (1, 0.5)], Theme.other, isDashed: true)
    #expect((0..<12).map { plot.isEmpty($0, 0) }.filter { $0 }.count == 4)
  }

  @Test("a LoRA run beside an AdaLoRA run has no budget and no triplets, and that is said")
  func lora() {
    var state = DashboardState(FakeRun.demo.frame(at: 213), width: 120, height: 40)
    _ = update(&state, .beside(FakeRun.lora.frame(at: 400, state: .done)))
    #expect(state.screen.contains("╌ sst2-lora-1 scores nothing"))
    #expect(state.screen.contains("(no budget)"))
    let row = state.lines.first { $0.hasPrefix("║ 0 ") } ?? ""
    #expect(row.contains("0 −8") && row.contains("6 −2"))
  }

  @Test(":alone shows the run alone again")
  func alone() {
    var state = pair()
    #expect(state.command("alone") == [.alone])
    #expect(state.beside == nil)
    #expect(state.screen == DashboardState(FakeRun.demo.frame(at: 213), width: 120, height: 40).screen)
    #expect(state.command("alone") == [])
    #expect(state.toastTexts == ["no other run is shown"])
    #expect(state.command("beside sst2-lora-1") == [.beside("sst2-lora-1")])
  }

  @Test("80×24, side by side")
  func golden80() { #expect(pair(width: 80, height: 24).screen == Golden.beside80) }

  @Test("120×40, side by side with a run of other modules")
  func golden120() {
    #expect(pair(types: ["key", "query", "output.dense", "extra"]).screen == Golden.beside120)
  }
}
