// The one table of keys, and what is made of it.

import Testing

@testable import Dashboard
@testable import Training

@Suite("Bindings")
struct BindingsTests {
  @Test("no key has two meanings in one place")
  func unique() {
    var seen: Set<String> = []
    for binding in Bindings.table {
      for key in binding.keys {
        let name = "\(binding.context) \(key)"
        #expect(seen.insert(name).inserted, "\(name) is bound twice")
      }
    }
  }

  @Test("a panel's own key hides none of the keys that work everywhere")
  func panelKeys() {
    let general = Set(Bindings.table.filter { $0.context == .anywhere }.flatMap(\.keys))
    for binding in Bindings.table {
      if case .panel = binding.context { #expect(general.isDisjoint(with: binding.keys)) }
    }
  }

  @Test("the help lists every binding and every command, with the reason where one cannot work")
  func help() throws {
    for control in [RunControl.own(keepsCheckpoints: false), .own(keepsCheckpoints: true), .replay, .remote, .readOnly]
    {
      for run in [FakeRun.demo, .lora] { try help(run, control) }
    }
  }

  private func help(_ run: FakeRun, _ control: RunControl) throws {
    do {
      var frame = run.frame(at: 120)
      frame.control = control
      let state = DashboardState(frame, width: 200, height: 60)
      let lines = HelpContent(panel: .ranks, state: state, width: 98).lines.map { line in
        line.runs.map(\.text).joined()
      }
      for binding in Bindings.table {
        let line = lines.firstIndex { $0.contains(binding.label) && $0.contains(binding.description) }
        #expect(line != nil, "\(binding.label) is not in the help")
        if let line, let reason = binding.reason(state) {
          #expect((lines[line] + lines[min(line + 1, lines.count - 1)]).contains("(\(reason))"))
        }
      }
      for entry in CommandLanguage.entries {
        #expect(lines.contains { $0.contains(entry.usage) && $0.contains(entry.description) })
      }
    }
  }

  @Test("the footer shows only what works now, all of it on a wide screen, help and quit always")
  func footer() throws {
    for done in [0, 120, 350] {
      var state = DashboardState(FakeRun.demo.frame(at: done), width: 300, height: 40)
      for panel in Panel.allCases {
        state.focus = panel
        let line = try #require(state.lines.last) + " "
        for binding in Bindings.table {
          let isHere = binding.context == .anywhere || binding.context == .panel(panel)
          guard isHere, !binding.short.isEmpty else { continue }
          guard case .change = binding.action else {
            #expect(line.contains(" \(binding.label) \(binding.short) ") == (binding.reason(state) == nil))
            continue
          }
        }
      }
      state = DashboardState(FakeRun.demo.frame(at: done))
      let line = try #require(state.lines.last)
      #expect(line.contains("? help") && line.contains("q quit"))
    }
  }

  @Test("each mode has its own footer", arguments: [":", "/", "?", "q"])
  func modes(key: String) throws {
    var state = DashboardState(FakeRun.demo.frame(at: 120), width: 120, height: 40)
    state.type(key)
    let line = try #require(state.lines.last)
    switch key {
    case ":": #expect(line.hasPrefix(":") && line.contains("tab completes"))
    case "/": #expect(line.hasPrefix("/") && line.contains("18 of 18 modules"))
    case "?": #expect(line.contains("esc close"))
    default: #expect(line.contains("s stop, keep") && line.contains("d discard") && !line.contains("background"))
    }
  }

  @Test("? explains the focused panel first, and the next ones by tab", arguments: Panel.allCases)
  func explains(panel: Panel) {
    var state = DashboardState(FakeRun.demo.frame(at: 120), width: 120, height: 40)
    state.focus = panel
    state.strike("?")
    #expect(state.lines[3].contains("\(panel.rawValue) \(panel.title)"))
    state.strike(.tab)
    #expect(state.lines[3].contains(panel.next.title))
    for _ in 0..<50 { state.strike(.pageDown) }
    #expect(state.screen.contains("In this help") || state.screen.contains("Commands, after :"))
    state.strike("q")
    #expect(state.mode == .normal)
  }
}
