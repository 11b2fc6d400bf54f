// The terminal in a real one: a small program in a shell in tmux, on every kind of terminal, to every kind of end.

import Foundation
import TerminalSupport
import Testing

/// A shell in which the exerciser runs.
private struct Exerciser {
  let session: TmuxSession
  let program: String
  private let shellModes: String

  init(width: Int = 80, height: Int = 24) throws {
    session = try TmuxSession(width: width, height: height)
    program = try Child.program("TerminalExerciser")
    shellModes = try session.output(of: "stty -g")
    try session.run("echo the shell was here")
    try session.wait("the echo") { $0.contains("\nthe shell was here") }
  }

  /// Starts it; its first row appears.
  @discardableResult
  func start(_ environment: String = "TERM=xterm-256color", arguments: String = "") throws -> String {
    try session.run("env \(environment) \(program) \(arguments)")
    return try session.waitFor("end of row")
  }

  func kill(_ signal: Int32) throws { Foundation.kill(try pid(), signal) }

  func pid() throws -> pid_t {
    let screen = try session.waitFor(" pid ")
    let after = screen.components(separatedBy: " pid ").last ?? ""
    return try #require(pid_t(after.prefix { $0.isNumber }))
  }

  /// Checks that the shell has its terminal as it was, and the status of what ended.
  func expectShell(status: Int32, isAlternate: Bool = true) throws {
    try session.run("echo status=$?.")
    let screen = try session.wait("a status") { $0.contains("\nstatus=") }
    #expect(screen.contains("\nstatus=\(status)."))
    #expect(try session.modes() == .shell)
    #expect(try session.output(of: "stty -g") == shellModes)
    if isAlternate {
      #expect(screen.contains("the shell was here"))
      #expect(!screen.contains("end of row"))
    }
  }
}

@Suite(.serialized) struct TerminalSessionTests {
  #if arch(arm64)
    private static let trap = SIGTRAP
  #else
    private static let trap = SIGILL
  #endif

  // MARK: - Sizes and kinds

  @Test("the screen is filled at every size", arguments: [(80, 24), (120, 40), (200, 60)])
  func sizes(width: Int, height: Int) throws {
    let exerciser = try Exerciser(width: width, height: height)
    let rows = try exerciser.start().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(rows[0].hasPrefix("size \(width)x\(height) full braille"))
    #expect(rows[1] == "▁▂▃ ⣿ β→0.9 │")
    #expect(rows[height - 1] == String(repeating: " ", count: width - 10) + "end of row")
    #expect(
      try exerciser.session.modes() == .init(showsCursor: false, isAlternate: true, reportsMouse: true))
    try exerciser.session.press("q")
    try exerciser.session.waitFor("bye")
    try exerciser.expectShell(status: 0)
  }

  @Test("resizing, down to a single cell, is reported and redrawn")
  func resize() throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    for (width, height) in [(120, 40), (10, 3), (1, 1), (2, 2), (300, 100), (90, 30)] {
      try exerciser.session.resize(width: width, height: height)
      if width >= 80 {
        try exerciser.session.wait("size \(width)x\(height)") {
          $0.contains("resize \(width)x\(height)\n") && $0.hasPrefix("size \(width)x\(height) ")
        }
      } else {
        // A row as tmux shows it, without blanks at its end; in a single row the last one covers the first.
        let row = height == 1 ? String("end of row".suffix(width)) : String("size \(width)x\(height) ".prefix(width))
        try exerciser.session.wait("the first row at \(width)x\(height)") {
          $0.hasPrefix(row.trimmingCharacters(in: .whitespaces) + "\n")
        }
      }
    }
    try exerciser.session.press("q")
    try exerciser.session.waitFor("bye")
    try exerciser.expectShell(status: 0)
  }

  @Test(
    "each kind of terminal gets its colours and glyphs, tells its keys and is given back",
    arguments: [
      ("TERM=xterm-256color", "full braille", true), ("TERM=tmux-256color", "full braille", true),
      ("TERM=screen", "eight braille", true), ("TERM=xterm", "eight braille", true),
      ("TERM=xterm-kitten", "full braille", true), ("TERM=linux", "eight blocks", false),
      ("TERM=vt100", "none braille", false), ("TERM=xterm-256color LC_ALL=C", "full ascii", true),
      ("TERM=xterm-256color NO_COLOR=1 COLORTERM=truecolor", "none braille", true),
    ])
  func kinds(environment: String, expected: String, isAlternate: Bool) throws {
    let exerciser = try Exerciser()
    let session = exerciser.session
    let screen = try exerciser.start(environment)
    #expect(screen.contains("size 80x24 \(expected) pid"))
    if expected.hasSuffix("ascii") { #expect(screen.contains("\n_.. # b>0.9 |\n")) }
    if expected.hasSuffix("blocks") { #expect(screen.contains("\n__▄ █ β→0.9 │\n")) }
    if expected.hasSuffix("braille") { #expect(screen.contains("\n▁▂▃ ⣿ β→0.9 │\n")) }
    let styled = try session.styledText()
    let colors = expected.hasPrefix("full") ? "38;5;214" : expected.hasPrefix("none") ? nil : "33"
    if let colors {
      #expect(styled.contains(colors + "m"))
    } else {
      // A process number may hold any digits: only a whole colour sequence counts.
      #expect(!styled.contains("38;5;") && !styled.contains("33m"))
    }
    for (key, name) in [("Up", "up"), ("Home", "home"), ("PageDown", "pageDown"), ("BTab", "backTab")] {
      try session.press(key)
      try session.waitFor("key \(name)\n")
    }
    try session.press("q")
    try session.waitFor("bye")
    try exerciser.expectShell(status: 0, isAlternate: isAlternate)
  }

  @Test("a terminal that answers that a box glyph took two cells gets ASCII")
  func wideGlyphs() throws {
    let exerciser = try Exerciser()
    #expect(try exerciser.start().contains("full braille"))
    try exerciser.session.type("\u{1B}[2;3R")
    let screen = try exerciser.session.waitFor("full ascii")
    #expect(screen.contains("\n_.. # b>0.9 |\n"))
  }

  @Test("flags ask for less than the terminal has")
  func flags() throws {
    let exerciser = try Exerciser()
    #expect(try exerciser.start(arguments: "--ascii --no-color").contains("none ascii"))
    #expect(try !exerciser.session.styledText().contains("38;5"))
  }

  @Test(
    "what is no screen is refused",
    arguments: ["TERM=dumb $X", "-u TERM $X", "TERM=nonsense $X", "$X | cat", "$X < /dev/null"])
  func refused(command: String) throws {
    let exerciser = try Exerciser()
    try exerciser.session.run("X=\(exerciser.program); env \(command)")
    let screen = try exerciser.session.wait("a refusal") { $0.contains("\nno terminal: ") }
    #expect(!screen.contains("end of row"))
    try exerciser.session.wait("the prompt") { $0.contains("\n$") }
    try exerciser.expectShell(status: command.hasSuffix("cat") ? 0 : 4, isAlternate: false)
  }

  // MARK: - Input

  @Test("every kind of key is told")
  func keys() throws {
    let exerciser = try Exerciser(width: 80, height: 60)
    try exerciser.start()
    let expected: [(key: String, name: String)] = [
      ("Up", "key up"), ("Down", "key down"), ("Left", "key left"), ("Right", "key right"), ("Home", "key home"),
      ("End", "key end"), ("PageUp", "key pageUp"), ("PageDown", "key pageDown"), ("Enter", "key enter"),
      ("Tab", "key tab"), ("BTab", "key backTab"), ("Escape", "key escape"), ("BSpace", "key backspace"),
      ("DC", "key delete"), ("C-a", #"key control("a")"#), ("C-c", #"key control("c")"#),
      ("C-s", #"key control("s")"#), ("C-q", #"key control("q")"#), ("C-r", #"key control("r")"#),
      ("C-v", #"key control("v")"#), ("C-Space", #"key control(" ")"#), ("Space", "character"), ("a", "character a"),
      (":", "character :"), ("~", "character ~"), ("é", "character é"), ("β", "character β"), ("日", "character ?"),
    ]
    for (count, step) in expected.enumerated() {
      try exerciser.session.press(step.key)
      try exerciser.session.wait(step.key) {
        $0.components(separatedBy: "\n").dropFirst(3 + count).first == step.name
      }
    }
  }

  @Test("cursor keys are told in the terminal's other mode too, unknown sequences do no harm")
  func otherSequences() throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    for (sequence, name) in [("[A", "up"), ("OB", "down"), ("[H", "home"), ("[4~", "end"), ("OM", "enter")] {
      try exerciser.session.type("\u{1B}" + sequence)
      try exerciser.session.waitFor("key \(name)\n")
    }
    for sequence in ["[<0;0", "[<;;M", "[<99999999999999999999", "[999;999R", "[15;2~", "]0;x\u{7}", "[200~"] {
      try exerciser.session.type("\u{1B}" + sequence)
    }
    try exerciser.session.type("z")
    try exerciser.session.waitFor("character z")
  }

  @Test("clicks, double clicks and the wheel are told with their cell")
  func mouse() throws {
    let exerciser = try Exerciser()
    try exerciser.start("TERM=tmux-256color")
    try exerciser.session.type("\u{1B}[<0;12;5M\u{1B}[<0;12;5m\u{1B}[<0;12;5M\u{1B}[<0;12;5m")
    try exerciser.session.wait("a double click") {
      $0.contains("press at 11,4\ndoublePress at 11,4\n")
    }
    try exerciser.session.type("\u{1B}[<64;300;100M\u{1B}[<65;1;1Mz")
    try exerciser.session.wait("the wheel") {
      $0.contains("wheelUp at 299,99\nwheelDown at 0,0\ncharacter z\n")
    }
  }

  @Test("another thread wakes the main loop")
  func wake() throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    try exerciser.session.press("W")
    try exerciser.session.waitFor("woken")
  }

  @Test("idle, the process sleeps")
  func idle() throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    let status = "/proc/\(try exerciser.pid())/status"
    func switches() throws -> [Substring] {
      try String(contentsOfFile: status, encoding: .utf8).split(separator: "\n").filter { $0.contains("ctxt") }
    }
    // It may still be taking in the answer to its question about widths.
    var before = try switches()
    for _ in 0..<20 {
      usleep(300_000)
      let after = try switches()
      if after == before { return }
      before = after
    }
    Issue.record("still waking: \(before)")
  }

  // MARK: - Output

  @Test("what is printed goes to the log and not to the screen")
  func printing() throws {
    let exerciser = try Exerciser()
    let log = exerciser.session.folder.appendingPathComponent("log").path
    try exerciser.start(arguments: log)
    try exerciser.session.press("P")
    try exerciser.session.waitFor("\nprinted\n")
    try exerciser.session.press("T")
    let screen = try exerciser.session.waitFor("What it printed is in")
    #expect(!screen.contains("printed to"))
    let text = try String(contentsOfFile: log, encoding: .utf8)
    #expect(text.contains("printed to output\n") && text.contains("printed to error\n"))
    #expect(text.contains("a trap on purpose"))
  }

  @Test("a frame of one changed cell is tens of bytes, a full one a few a cell")
  func bytes() throws {
    let exerciser = try Exerciser(width: 120, height: 40)
    try exerciser.start()
    try exerciser.session.press("M")
    let screen = try exerciser.session.wait("the measurement") { $0.contains("\none ") && $0.contains("end of row") }
    let row = try #require(screen.split(separator: "\n").first { $0.hasPrefix("one ") })
    let numbers = row.split { !$0.isNumber }.compactMap { Int($0) }
    try #require(numbers.count == 2)
    #expect((20...64).contains(numbers[0]))
    // 4,800 cells, half of them of three bytes, with a new colour every four.
    #expect((4800 * 2...4800 * 6).contains(numbers[1]))
  }

  // MARK: - Suspension and ends

  @Test("Ctrl-Z gives the terminal back, fg takes it again")
  func suspend() throws {
    let exerciser = try Exerciser(width: 80, height: 60)
    try exerciser.start()
    for round in 1...2 {
      try exerciser.session.press("C-z")
      let screen = try exerciser.session.waitFor("Stopped")
      #expect(!screen.contains("end of row"))
      try exerciser.expectShell(status: 128 + SIGTSTP)
      try exerciser.session.run("fg")
      try exerciser.session.wait("the screen again") {
        $0.contains("end of row") && $0.components(separatedBy: "resumed\n").count == round + 1
      }
      #expect(
        try exerciser.session.modes() == .init(showsCursor: false, isAlternate: true, reportsMouse: true))
      try exerciser.session.press("Up")
      try exerciser.session.waitFor("key up")
    }
    try exerciser.session.press("q")
    try exerciser.session.waitFor("bye")
    try exerciser.expectShell(status: 0)
  }

  @Test("continued after a stop that it could not see, it takes the terminal again")
  func continued() throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    let pid = try exerciser.pid()
    try exerciser.session.press("-R")  // resets the terminal
    try exerciser.session.wait("an empty screen") { !$0.contains("end of row") }
    kill(pid, SIGCONT)
    try exerciser.session.wait("the screen again") { $0.contains("end of row") && $0.contains("resumed\n") }
    #expect(
      try exerciser.session.modes() == .init(showsCursor: false, isAlternate: true, reportsMouse: true))
  }

  @Test(
    "a crash gives the terminal back and says what happened and where the run is saved",
    arguments: [
      ("T", trap, "a failed check"), ("H", trap, "a failed check"), ("S", SIGSEGV, "SIGSEGV"),
      ("O", SIGSEGV, "SIGSEGV"), ("A", SIGABRT, "SIGABRT"), ("B", SIGBUS, "SIGBUS"), ("E", SIGFPE, "SIGFPE"),
      ("C-\\", SIGQUIT, "SIGQUIT"),
    ])
  func crash(key: String, signal: Int32, expected: String) throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    try exerciser.session.press(key)
    let screen = try exerciser.session.waitFor("The run is saved in runs/test.")
    #expect(screen.contains("ranktop ended by SIG"))
    #expect(screen.contains(expected))
    try exerciser.expectShell(status: 128 + signal)
  }

  @Test("a call of exit gives the terminal back")
  func exit() throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    try exerciser.session.press("X")
    try exerciser.session.wait("the shell") { !$0.contains("end of row") }
    try exerciser.expectShell(status: 7)
  }

  @Test(
    "a signal is a request to the main loop",
    arguments: [(SIGTERM, "terminate"), (SIGINT, "interrupt"), (SIGHUP, "hangUp")])
  func request(signal: Int32, name: String) throws {
    let exerciser = try Exerciser()
    try exerciser.start()
    try exerciser.kill(signal)
    try exerciser.session.waitFor("ended by \(name)")
    try exerciser.expectShell(status: 128 + signal)
  }

  @Test("a second request ends the process at once")
  func secondRequest() throws {
    let exerciser = try Exerciser()
    try exerciser.start(arguments: "--insist")
    try exerciser.kill(SIGTERM)
    try exerciser.session.waitFor("asked to end: terminate")
    try exerciser.kill(SIGTERM)
    try exerciser.session.waitFor("SIGTERM: asked to end twice")
    try exerciser.expectShell(status: 128 + SIGTERM)
  }

  @Test("a closed terminal is a request, with or without the signal", arguments: ["", "trap '' HUP; "])
  func closed(prefix: String) throws {
    let exerciser = try Exerciser()
    try exerciser.session.run("\(prefix)exec env TERM=xterm-256color \(exerciser.program)")
    let pid = try exerciser.pid()
    #expect(kill(pid, 0) == 0)
    try exerciser.session.close()
    let deadline = Date(timeIntervalSinceNow: 30)
    while kill(pid, 0) == 0 && Date() < deadline { usleep(10_000) }
    #expect(kill(pid, 0) == -1)
  }
}
