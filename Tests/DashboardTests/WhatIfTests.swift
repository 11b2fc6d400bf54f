// What another rule would keep, beside what the run keeps.

import AdaLoRA
import Testing

@testable import Dashboard
@testable import Training

@Suite("What if")
struct WhatIfTests {
  /// The demo at step 213 with shadows of other rules and targets.
  private func frame(_ shadows: [(ScoringRule, Double)], control: RunControl = .own(keepsCheckpoints: true)) -> Frame {
    var frame = FakeRun.demo.frame(at: 213)
    frame.control = control
    frame.shadows = shadows.map { rule, target in
      var other = FakeRun.demo
      other.rule = rule
      other.targetRank = target
      other.name = "score=\(rule.rawValue) target=\(Int(target))"
      return other.frame(at: 213)
    }
    return frame
  }

  private func state(_ shadows: [(ScoringRule, Double)], width: Int = 120, height: Int = 40) -> DashboardState {
    DashboardState(frame(shadows), width: width, height: height)
  }

  @Test("each rank is told with its difference, and how far the patterns agree")
  func differences() throws {
    let state = state([(.random, 3)])
    let own = try #require(state.frame)
    let shadow = own.shadows[0]
    let text = state.lines.filter { $0.hasPrefix("║ 0 ") }.joined()
    for module in 0..<6 {
      let difference = own.ranks[module] - shadow.ranks[module]
      #expect(text.contains("\(own.ranks[module]) \(Beside.text(difference))"), "module \(module)")
    }
    let agreement = PatternAgreement(own.triplets.kept, shadow.triplets.kept, rank: 6)
    let words = "Jaccard \(NumberText.fixed(agreement.jaccard, 2)), Spearman \(NumberText.fixed(agreement.spearman, 2))"
    #expect(agreement.jaccard < 1 && state.screen.contains(words), "\(words)")
    #expect(state.screen.contains("1 Ranks − score=random target=3"))
    #expect(state.lines[0].contains("│ what if score=random target=3"))
    #expect(state.screen.contains("╌ score=random target=3"))
    // The selected module's own number, and the selected triplet's fate.
    #expect(state.screen.contains("kept \(own.ranks[0]) of 6  score=random target=3 \(shadow.ranks[0])"))
    #expect(state.screen.contains(shadow.triplets.kept[0] ? "● kept" : "× pruned"))
  }

  @Test("the budget's curve is the shadow's as well; it has no curves of a training")
  func curves() throws {
    let state = state([(.random, 3)], width: 200, height: 60)
    func dots(_ panel: Panel) throws -> Int {
      let area = try #require(state.layout(state.grid).area(of: panel))
      let canvas = state.canvas()
      return (area.y..<area.bottom).reduce(0) { sum, y in
        sum + (area.x..<area.right).reduce(0) { $0 + (canvas[$1, y].style == Theme.other ? 1 : 0) }
      }
    }
    #expect(try dots(.budget) > 20)
    #expect(try dots(.training) == 0)
  }

  @Test("w goes from one to the next and to none; another run takes its place, and alone ends both")
  func keys() throws {
    var state = state([(.random, 3), (.magnitude, 2)])
    #expect(state.lines[0].contains("what if score=random target=3 (1 of 2)"))
    state.strike("w")
    #expect(state.lines[0].contains("what if score=magnitude target=2 (2 of 2)"))
    state.strike("w")
    #expect(!state.screen.contains("what if score") && state.other == nil)
    state.strike("w")
    #expect(state.shownShadow == 0)
    #expect(state.command("beside demo-2") == [.beside("demo-2")])
    _ = update(&state, .beside(FakeRun.demo.frame(at: 300)))
    #expect(state.lines[0].contains("beside demo-1"))
    state.strike("w")
    #expect(state.lines[0].contains("what if score=random"))
    #expect(state.command("alone") == [.alone])
    #expect(state.other == nil)
    state.strike("w")
    #expect(state.command("alone") == [] && state.other == nil && state.toasts.isEmpty)
  }

  @Test("a new one is shown at once; when all are gone none is")
  func comesAndGoes() {
    var state = state([])
    state.strike("w")
    #expect(state.toastTexts == ["w: no other rule watches; :whatif score=magnitude lets one"])
    _ = update(&state, .frame(frame([(.random, 3)])))
    #expect(state.shownShadow == 0)
    _ = update(&state, .frame(frame([(.random, 3), (.magnitude, 1)])))
    #expect(state.shownShadow == 1)
    state.strike("w")
    _ = update(&state, .frame(frame([(.random, 3), (.magnitude, 1)])))
    #expect(state.shownShadow == nil)
    _ = update(&state, .frame(frame([])))
    #expect(state.shownShadow == nil && state.other == nil)
  }

  @Test(":whatif is sent, with the reason where it cannot be")
  func command() throws {
    var state = state([])
    let settings = try ShadowSettings(words: ["score", "magnitude", "target", "3"])
    #expect(state.command("whatif score=magnitude target=3") == [.send(.whatIf(settings))])
    #expect(state.toastTexts == ["what if score=magnitude target=3: from the next step on"])
    #expect(state.command("whatif off") == [])
    #expect(state.toastTexts.last == "no other rule watches; :whatif score=magnitude lets one")
    #expect(state.command("whatif target=7") == [])
    #expect(state.toastTexts.last == "target 7 must be at most the initial rank 6")
    state = self.state([(.random, 3)])
    #expect(state.command("whatif off") == [.send(.whatIf(nil))])
    state = DashboardState(FakeRun.demo.frame(at: 302))
    #expect(state.command("whatif score=random") == [])
    #expect(state.toastTexts == ["the pattern is final after T − t_f = 300"])
    state = DashboardState(FakeRun.lora.frame(at: 100))
    #expect(state.command("whatif score=random") == [])
    #expect(state.toastTexts == ["fixed rank: no allocation"])
  }

  @Test(
    "tab completes names, rules and what the values are now",
    arguments: [
      ("whatif ", ["score", "target", "beta1", "beta2", "deltaT", "tinit", "tfinal", "off"]),
      ("whatif score=ma", ["magnitude"]), ("whatif score=random be", ["beta1", "beta2"]), ("whatif beta1=", ["0.85"]),
      ("whatif tinit=", []),
    ])
  func completion(text: String, candidates: [String]) {
    #expect(CommandLanguage.completions(for: text, values: [.beta1: 0.85]) == candidates)
  }

  @Test("a replay can be paused and looked at; what was recorded cannot be changed, and leaving asks nothing")
  func replay() {
    var state = DashboardState(frame([(.random, 3)], control: .replay), width: 120, height: 40)
    #expect(state.strike(" ") == [.send(.pause)])
    #expect(state.command("whatif off") == [.send(.whatIf(nil))])
    for order in ["+", "u", "e", "s", "F", "U"] {
      #expect(state.type(order) == [])
      #expect(state.toastTexts.last?.hasSuffix(Reason.replay) == true, "\(order)")
    }
    #expect(state.command("set beta1 0.9") == [] && state.command("evaluate") == [])
    #expect(!state.isWatching)
    #expect(state.strike("q") == [.send(.stop(discard: true)), .quit(.discard)])
  }
}
