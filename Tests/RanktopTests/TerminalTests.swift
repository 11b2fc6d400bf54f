// Sizes, kinds of terminal, suspension and every end, with the real program.

import Foundation
import TerminalSupport
import Testing

extension EndToEnd {
  @Suite(.serialized) struct Terminals {
    #if arch(arm64)
      private static let trap = (SIGTRAP, "SIGTRAP: a failed check in the program")
    #else
      private static let trap = (SIGILL, "SIGILL: a failed check in the program")
    #endif

    // MARK: - Sizes

    @Test("six panels fill the screen", arguments: [(80, 24), (120, 40), (200, 60)])
    func sizes(width: Int, height: Int) throws {
      let shell = try RanktopShell(width: width, height: height)
      try shell.start()
      // tmux may be asked between two pieces of a frame.
      let panels = ["1 Ranks", "2 Importance", "3 Budget", "4 Training", "5 Triplet", "6 Events"]
      let screen = try shell.session.wait("six panels") { screen in
        panels.allSatisfy { screen.contains(" " + $0) } && screen.contains("q quit")
      }
      let rows = screen.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(rows[0].hasPrefix(" ranktop  demo"))
      #expect(rows[height - 1].contains("? help  q quit"))
      #expect(try shell.session.modes() == .init(showsCursor: false, isAlternate: true, reportsMouse: true))
      try shell.quit()
    }

    @Test("a screen that is too small says so, and q works", arguments: [(60, 20), (1, 1)])
    func small(width: Int, height: Int) throws {
      let shell = try RanktopShell()
      try shell.start()
      try shell.session.resize(width: width, height: height)
      if width > 1 {
        try shell.session.wait("the sizes") {
          $0.contains("ranktop needs 80×24") && $0.contains("this is 60×20") && $0.contains("q quits")
        }
        try shell.press("q", until: "still training")
        try shell.session.press("s")
      } else {
        try shell.session.press("q", "s")
      }
      try shell.session.wait("the end") { !$0.contains("needs") }
      try shell.session.resize(width: 120, height: 40)
      try shell.expectShell(status: 0)
    }

    @Test("started on a screen that is too small, it waits for a larger one")
    func startedSmall() throws {
      let shell = try RanktopShell(width: 60, height: 20)
      try shell.launch()
      try shell.session.waitFor("this is 60×20")
      try shell.session.resize(width: 80, height: 24)
      try shell.session.waitFor(" Ranks ")
      try shell.quit()
    }

    @Test("resizing while it trains is followed at once")
    func resizing() throws {
      let shell = try RanktopShell(width: 80, height: 24)
      try shell.start()
      for (width, height) in [(200, 60), (81, 25), (300, 100), (40, 10), (120, 40)] {
        try shell.session.resize(width: width, height: height)
        try shell.session.wait("\(width)×\(height)") { screen in
          let rows = screen.split(separator: "\n", omittingEmptySubsequences: false)
          guard rows.count == height + 1 else { return false }
          if width < 80 { return screen.contains("this is \(width)×\(height)") }
          return rows[0].hasPrefix(" ranktop  demo") && rows[height - 1].hasSuffix("q quit")
            && rows.contains { $0.count == width && ($0.hasSuffix("┐") || $0.hasSuffix("╗")) }
        }
      }
      try shell.quit()
    }

    // MARK: - Kinds

    @Test(
      "each kind of terminal is used as it can be, and given back",
      arguments: [
        ("TERM=xterm-256color", "⣀", true, true), ("TERM=tmux-256color", "⣀", true, true),
        ("TERM=xterm", "⣀", true, true), ("TERM=linux", "█", true, false), ("TERM=vt100", "⣀", false, false),
        ("TERM=xterm-256color NO_COLOR=1", "⣀", false, true), ("TERM=xterm-256color LANG=C", "#", true, true),
      ])
    func kinds(environment: String, glyph: String, isColored: Bool, isAlternate: Bool) throws {
      let shell = try RanktopShell()
      let bytes = shell.folder + "/bytes"
      try shell.session.record(to: bytes)
      try shell.start(environment: environment)
      try shell.session.wait("a curve") { $0.contains(glyph) }
      try shell.press("3", until: " 3 Budget")
      try shell.press("q", until: "still training")
      try shell.session.press("s")
      try shell.session.wait("the end") { $0.contains("stopped after") }
      try shell.expectShell(status: 0, isAlternate: isAlternate)
      try Self.check(bytes, isASCII: environment.contains("LANG=C"), isColored: isColored)
    }

    @Test("flags ask for less than the terminal has")
    func flags() throws {
      let shell = try RanktopShell()
      let bytes = shell.folder + "/bytes"
      try shell.session.record(to: bytes)
      try shell.start(RanktopShell.demo + " --ascii --no-color")
      try shell.quit()
      try Self.check(bytes, isASCII: true, isColored: false)
    }

    /// Checks every byte that was sent while the dashboard had the screen.
    private static func check(_ path: String, isASCII: Bool, isColored: Bool) throws {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.contains("Importance"))
      if isASCII { #expect(text.utf8.allSatisfy { $0 < 0x80 }) }
      #expect(text.contains(/\u{1B}\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[0-9;]*m/) == isColored)
    }

    @Test(
      "what is no screen trains headless",
      arguments: ["env TERM=dumb $R demo", "</dev/null $R demo", "$R demo --headless"])
    func headless(program: String) throws {
      let shell = try RanktopShell()
      try shell.session.run("\(program) --steps 20 --threads 1")
      let screen = try shell.session.waitFor("rank correlation")
      #expect(screen.contains("step 20/20"))
      #expect(screen.contains("[####################]"))
      try shell.session.run("echo status=$?.")
      try shell.session.waitFor("\nstatus=0.")
    }

    // MARK: - Suspension and ends

    @Test("Ctrl-Z gives the terminal back, fg goes on where it was")
    func suspend() throws {
      let shell = try RanktopShell()
      try shell.start()
      try shell.press("2", until: "╔═ 2 Importance")
      for _ in 1...2 {
        try shell.session.press("C-z")
        try shell.session.waitFor("Stopped")
        try shell.expectShell(status: 128 + SIGTSTP)
        try shell.session.run("fg")
        let screen = try shell.session.waitFor("╔═ 2 Importance")
        let step = try #require(RanktopShell.step(in: screen))
        try shell.session.wait("more steps") { RanktopShell.step(in: $0) ?? 0 > step + 2 }
        #expect(try shell.session.modes() == .init(showsCursor: false, isAlternate: true, reportsMouse: true))
      }
      try shell.quit()
    }

    @Test("a signal ends it in order", arguments: [SIGTERM, SIGHUP, SIGINT])
    func requests(signal: Int32) throws {
      let shell = try RanktopShell()
      try shell.start()
      kill(try shell.pid(), signal)
      try shell.session.waitFor("stopped after")
      try shell.expectShell(status: 128 + signal)
    }

    @Test("paused, it is as ready to end")
    func requestWhilePaused() throws {
      let shell = try RanktopShell()
      try shell.startPaused()
      kill(try shell.pid(), SIGTERM)
      try shell.session.waitFor("stopped after")
      try shell.expectShell(status: 128 + SIGTERM)
    }

    @Test(
      "a crash gives the terminal back and says what happened",
      arguments: [
        trap, (SIGSEGV, "SIGSEGV: a wrong memory access"), (SIGABRT, "SIGABRT: the program gave up"),
        (SIGBUS, "SIGBUS: a wrong memory access"),
      ])
    func crash(signal: Int32, message: String) throws {
      let shell = try RanktopShell()
      try shell.start()
      kill(try shell.pid(), signal)
      try shell.session.waitFor("ranktop ended by \(message).")
      try shell.expectShell(status: 128 + signal)
    }

    @Test("a closed terminal ends it")
    func closed() throws {
      let shell = try RanktopShell()
      try shell.start()
      let pid = try shell.pid()
      #expect(kill(pid, 0) == 0)
      try shell.session.close()
      let deadline = Date(timeIntervalSinceNow: 30)
      while kill(pid, 0) == 0 && Date() < deadline { usleep(10_000) }
      #expect(kill(pid, 0) == -1)
    }

    // MARK: - The person's file

    @Test("the configuration file gives keys; what is wrong in it is told before the screen is taken")
    func configuration() throws {
      let shell = try RanktopShell()
      let folder = shell.folder + "/config/ranktop"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try "[keys]\npause = \"p\"\n".write(toFile: folder + "/config.toml", atomically: true, encoding: .utf8)
      try shell.start()
      try shell.press("p", until: "○ paused\n")
      try shell.quit()
      try "glyphs = \"smoke\"\n".write(toFile: folder + "/config.toml", atomically: true, encoding: .utf8)
      try shell.session.run("clear")
      try shell.launch()
      let screen = try shell.session.waitFor("ranktop: ")
      #expect(screen.contains("line 1, glyphs"))
      try shell.session.run("echo status=$?.")
      try shell.session.waitFor("\nstatus=65.")
    }
  }
}
