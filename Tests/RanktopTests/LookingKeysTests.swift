// The keys that look around, in the real program.

import Foundation
import Testing

extension EndToEnd {
  @Suite(.serialized) struct LookingKeys {
    private static let panels = ["Ranks", "Importance", "Budget", "Training", "Triplet", "Events"]

    @Test("numbers, tab and clicks focus; z, enter and a double click zoom")
    func focus() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      for (index, panel) in Self.panels.enumerated().reversed() {
        try shell.press("\(index + 1)", until: "╔═ \(index + 1) \(panel)")
      }
      try shell.press("Tab", until: "╔═ 2 Importance")
      try shell.press("BTab", until: "╔═ 1 Ranks")
      try shell.press("BTab", until: "╔═ 6 Events")
      try shell.press("z", untilGone: " Ranks ")
      try shell.press("Enter", until: " Ranks ")
      try shell.press("Enter", untilGone: " Ranks ")
      try shell.press("Escape", until: " Ranks ")
      // Budget is at the lower right.
      try shell.session.type("\u{1B}[<0;90;34M\u{1B}[<0;90;34m")
      try shell.session.waitFor("╔═ 3 Budget")
      // Not within the time of a double click.
      try shell.press("1", until: "╔═ 1 Ranks")
      try shell.session.type("\u{1B}[<0;90;36M\u{1B}[<0;90;36m\u{1B}[<0;90;36M\u{1B}[<0;90;36m")
      try shell.session.wait("the zoomed panel") { $0.contains("╔═ 3 Budget") && !$0.contains(" Ranks ") }
      try shell.press("z", until: " Ranks ")
      try shell.quit()
    }

    @Test("keys, wheel and clicks move one selection, which every panel shows")
    func selection() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      func module(_ name: String) throws {
        try shell.session.wait("module \(name)") { screen in
          screen.contains("5 Triplet layer \(name) ·") && screen.contains(" Importance ")
        }
      }
      try module("0 query")
      for (key, name) in [
        ("j", "1 query"), ("l", "1 key"), ("Right", "1 value"), ("Down", "2 value"), ("h", "2 key"),
        ("Left", "2 query"),
        ("k", "1 query"), ("Up", "0 query"), ("End", "2 output.dense"), ("Home", "0 query"),
        ("PageDown", "2 query"), ("PageUp", "0 query"),
      ] {
        try shell.session.press(key)
        try module(name)
      }
      try shell.session.type("\u{1B}[<65;10;6M")
      try module("1 query")
      // A click on the third column of the grid's first row.
      try shell.session.type("\u{1B}[<0;24;5M\u{1B}[<0;24;5m")
      try module("0 value")
      // In the other panels the same keys move through triplets.
      try shell.press("5", until: "value · 1/6")
      try shell.press("l", until: "value · 2/6")
      try shell.quit()
    }

    @Test("/ filters as it is typed, enter keeps it, esc drops it")
    func filter() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      try shell.press("/", until: "18 of 18 modules")
      try shell.session.type("layer.2 query")
      try shell.session.waitFor("1 of 18 modules")
      try shell.press("Enter", untilGone: "of 18 modules")
      #expect(try shell.session.text().contains("Triplet layer 2 query"))
      #expect(try !shell.session.text().contains("att.out"))
      try shell.press("Escape", until: "att.out")
      try shell.press("/", until: "18 of 18 modules")
      try shell.session.type("value")
      try shell.session.waitFor("3 of 18 modules")
      try shell.press("Escape", until: "att.out")
      try shell.command("filter key")
      try shell.session.wait("the filter") { !$0.contains("att.out") }
      try shell.quit()
    }

    @Test("< and > go through the history, g and esc are back at once")
    func history() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      let before = try shell.stepsDone()
      try shell.command("step 6")
      let done = before + 6
      try shell.session.waitFor("after \(done) steps")
      try shell.press("<", until: "history: step \(done - 2)  of \(done)")
      try shell.press("<", until: "history: step \(done - 3)  of \(done)")
      try shell.press(">", until: "history: step \(done - 2)  of \(done)")
      try shell.press("g", untilGone: "history:")
      try shell.command("goto 1")
      try shell.session.waitFor("history: step 1  of \(done)")
      // It goes on behind the scene.
      try shell.session.press("Space")
      try shell.session.wait("training behind") { screen in
        guard let found = screen.firstMatch(of: /history: step 1  of (\d+)/) else { return false }
        return Int(found.1) ?? 0 > done + 2
      }
      try shell.press("Escape", untilGone: "history:")
      try shell.quit()
    }

    @Test("o, v and t change the heat map, y the axis; elsewhere they say where they work")
    func panelKeys() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      try shell.press("o", until: "o works in Importance (2)")
      try shell.press("2", until: "╔═ 2 Importance")
      try shell.press("o", until: " sorted ")
      try shell.press("o", untilGone: " sorted ")
      try shell.press("v", until: "═ Ī ")
      try shell.press("v", until: "═ Ū ")
      try shell.press("v", until: "═ |λ| ")
      try shell.press("v", until: "═ S smoothed ")
      try shell.press("t", until: " × time ")
      try shell.press("o", until: "only over triplets")
      try shell.press("t", untilGone: " × time ")
      try shell.press("4", until: "╔═ 4 Training")
      try shell.press("y", until: "═ log-y ═")
      try shell.press("y", untilGone: "═ log-y ═")
      try shell.quit()
    }

    @Test("e and :export write a snapshot and say its folder")
    func export() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      let step = try shell.stepsDone()
      try shell.press("e", until: "snapshot in snapshots/demo-step-\(step)")
      try shell.press("n", until: "step \(step + 1)/")
      try shell.command("export csv")
      try shell.session.waitFor("snapshot in snapshots/demo-step-\(step + 1)")
      for file in [
        "demo-step-\(step)/snapshot.json", "demo-step-\(step)/screen.txt", "demo-step-\(step + 1)/ranks.csv",
      ] {
        #expect(FileManager.default.fileExists(atPath: shell.folder + "/snapshots/" + file), "\(file)")
      }
      try shell.quit()
    }

    @Test("? explains every panel and scrolls; q and esc close it")
    func help() throws {
      let shell = try RanktopShell(width: 80, height: 24)
      try shell.startPaused()
      try shell.press("3", until: "╔═ 3 Budget")
      try shell.press("?", until: "3 Budget")
      for panel in ["4 Training", "5 Triplet", "6 Events", "1 Ranks", "2 Importance"] {
        try shell.press("Tab", until: panel)
      }
      try shell.press("j", untilGone: "2 Importance")
      try shell.press("k", until: "2 Importance")
      for _ in 0..<12 { try shell.session.press("PageDown") }
      try shell.session.waitFor("checkpoint")
      try shell.press("q", until: "╔═ 3 Budget")
      try shell.command("help events")
      try shell.session.waitFor("6 Events")
      try shell.press("Escape", until: "╔═ 3 Budget")
      try shell.quit()
    }

    @Test("the command line completes, recalls and is left by esc")
    func commandLine() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      try shell.press(":", until: "tab completes")
      try shell.session.type("foc")
      try shell.press("Tab", until: ":focus")
      try shell.session.type("ev")
      try shell.press("Tab", until: ":focus events")
      try shell.press("Enter", until: "╔═ 6 Events")
      try shell.press(":", until: "tab completes")
      try shell.press("Up", until: ":focus events")
      try shell.press("Escape", untilGone: ":focus")
      try shell.press(":", until: "tab completes")
      try shell.session.type("set ")
      try shell.press("Tab", until: ":set beta1")
      try shell.press("Tab", until: ":set beta2")
      try shell.press("BTab", until: ":set beta1")
      try shell.press("C-c", untilGone: ":set")
      try shell.command("quit discard")
      try shell.expectShell(status: 0)
    }
  }
}
