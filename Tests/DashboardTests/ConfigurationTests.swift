// The person's own settings.

import Foundation
import Models
import Testing

@testable import Dashboard
@testable import Training

@Suite("Configuration")
struct ConfigurationTests {
  private func read(_ text: String) throws(InputError) -> Configuration {
    try Configuration(Array(text.utf8), file: "config.toml")
  }

  @Test("theme, glyphs and keys are read")
  func all() throws {
    let configuration = try read(
      """
      theme = "cividis"
      glyphs = "ascii"
      [keys]
      pause = ["p", "space"]
      step = "ctrl-n"
      order = "O"
      """)
    #expect(configuration.theme == .cividis)
    #expect(configuration.glyphs == .ascii)
    var state = DashboardState(width: 120, height: 40, configuration: configuration)
    _ = update(&state, .frame(FakeRun.demo.frame(at: 200)))
    #expect(state.strike("p") == [.send(.pause)])
    #expect(state.strike(" ") == [.send(.pause)])
    #expect(state.strike("n") == [])
    #expect(state.strike("2", "o") == [] && !state.isSorted)
    _ = state.strike("O")
    #expect(state.isSorted)
    #expect(state.lines.last?.contains(" p space pause ") == true)
    _ = state.strike("?", .pageDown)
    #expect(state.screen.contains(" ctrl-n "))
  }

  @Test("no file, or an empty one, changes nothing")
  func none() throws {
    let defaults = try Configuration.load(environment: ["XDG_CONFIG_HOME": "/nowhere"])
    for configuration in [defaults, try read("")] {
      #expect(configuration.theme == .viridis && configuration.glyphs == nil)
      #expect(configuration.bindings.map(\.keys) == Bindings.table.map(\.keys))
      #expect(configuration.bindings.map(\.label) == Bindings.table.map(\.label))
    }
  }

  @Test("the file is looked for in XDG_CONFIG_HOME, else in ~/.config")
  func places() throws {
    let home = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: home) }
    for (folder, theme) in [(".config", "cividis"), ("other", "viridis")] {
      let place = home.appendingPathComponent(folder + "/ranktop")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try "theme = \"\(theme)\"".write(
        to: place.appendingPathComponent("config.toml"), atomically: true, encoding: .utf8)
    }
    #expect(try Configuration.load(environment: ["HOME": home.path]).theme == .cividis)
    #expect(try Configuration.load(environment: ["HOME": home.path, "XDG_CONFIG_HOME": "other"]).theme == .cividis)
    let other = ["HOME": home.path, "XDG_CONFIG_HOME": home.path + "/other"]
    #expect(try Configuration.load(environment: other).theme == .viridis)
  }

  @Test(
    "what is wrong is told with line, key and what is allowed",
    arguments: [
      ("theme = \"jet\"", "config.toml: line 1, theme: \"jet\", expected one of \"viridis\", \"cividis\""),
      ("\nglyphs = 3", "config.toml: line 2, glyphs: 3, expected one of \"braille\", \"blocks\", \"ascii\""),
      ("colour = 1", "config.toml: line 1, colour: no such setting, expected theme, glyphs or a table [keys]"),
      ("keys = 1", "config.toml: line 1, keys: no such setting, expected theme, glyphs or a table [keys]"),
      ("[keys]\npuase = \"p\"", "config.toml: line 2, keys.puase: no such action; did you mean pause?"),
      ("[keys]\npause = \"f1\"", "config.toml: line 2, keys.pause: \"f1\", expected a key: one printable character"),
      ("[keys]\npause = []", "config.toml: line 2, keys.pause: no key, expected at least one"),
      ("[keys]\npause = \"n\"", "config.toml: line 2, keys.pause: n is taken: one step while paused"),
      ("[keys]\npause = \"ctrl-c\"", "config.toml: line 2, keys.pause: ctrl-c is taken: as q"),
      ("[keys]\norder = \"x\"\nzoom = \"x\"", "config.toml: line 2, keys.order: x is taken: zoom the focused panel"),
      ("theme = ", "config.toml: line 1: not TOML"),
    ])
  func wrong(text: String, expected: String) {
    let error = #expect(throws: InputError.self) { try read(text) }
    #expect(error?.description.hasPrefix(expected) == true, "\(error?.description ?? "")")
    #expect(error?.kind == .malformed)
  }

  @Test("two actions may change their keys with each other")
  func swap() throws {
    let configuration = try read("[keys]\nundo = \"n\"\nstep = \"u\"")
    #expect(configuration.bindings.first { $0.action == .undo }?.keys == ["n"])
    #expect(configuration.bindings.first { $0.action == .stepOnce }?.keys == ["u"])
  }

  @Test("every action has a name of its own, and each rebinds exactly one binding")
  func names() {
    #expect(Set(Configuration.actions.map(\.name)).count == Configuration.actions.count)
    for (name, action) in Configuration.actions {
      let count = Bindings.table.count { binding in
        switch binding.context {
        case .anywhere, .panel: binding.action == action
        default: false
        }
      }
      #expect(count == 1, "\(name)")
    }
  }

  @Test("the magnitude's colours rise in number with the terminal's")
  func themes() {
    for theme in HeatTheme.allCases {
      #expect(theme.ramp(.full).count >= 8 && theme.ramp(.none).isEmpty)
      #expect(theme.ramp(.eight).allSatisfy { $0 < 8 } && theme.ramp(.sixteen).allSatisfy { $0 < 16 })
    }
    let values: [Float] = [1e-9, 1e-6]
    let scale = HeatScale(values, glyphs: .braille, colors: .full, theme: .cividis)
    #expect(scale.style(0).foreground == .palette(17) && scale.style(1).foreground == .palette(221))
  }
}
