// A shell in tmux in which ranktop runs.

import Foundation
import TerminalSupport
import Testing

struct RanktopShell {
  let session: TmuxSession
  private let shellModes: String
  private let program: String

  /// A run that does not end by itself.
  static let demo = "demo --steps 100000 --threads 1"

  init(width: Int = 120, height: Int = 40) throws {
    session = try TmuxSession(width: width, height: height)
    program = try Child.program("ranktop")
    // Tells the process before it becomes ranktop.
    try "#!/bin/sh\necho $$ > pid.part; mv pid.part pid\nexec \"$@\"\n".write(
      toFile: session.folder.path + "/r", atomically: true, encoding: .utf8)
    try session.run("cd \(session.folder.path); chmod +x r; R=\(program); clear")
    shellModes = try session.output(of: "stty -g")
    try session.run("echo the shell was here")
    try session.wait("the echo") { $0.contains("\nthe shell was here") }
  }

  var folder: String { session.folder.path }

  /// Types the command that starts it, and goes on.
  func launch(_ arguments: String = demo, environment: String = "TERM=xterm-256color") throws {
    unlink(folder + "/pid")
    try session.run("./r env \(environment) $R \(arguments)")
  }

  /// Starts it under the dashboard and returns its screen.
  @discardableResult
  func start(_ arguments: String = demo, environment: String = "TERM=xterm-256color") throws -> String {
    try launch(arguments, environment: environment)
    // tmux may be asked between two pieces of a frame: the footer comes last, but the first frame, which has no run
    // yet, has one too. A moment later the frame with the run is whole.
    func look() throws -> String {
      try session.wait("the dashboard") {
        $0.contains(" Ranks ") && $0.contains("q quit") && Self.step(in: $0) != nil
      }
    }
    _ = try look()
    usleep(100_000)
    return try look()
  }

  /// Starts it and pauses it after a few steps.
  func startPaused(_ arguments: String = demo, environment: String = "TERM=xterm-256color") throws {
    try start(arguments, environment: environment)
    try session.wait("some steps") { Self.step(in: $0) ?? 0 >= 3 }
    try press("Space", until: "○ paused\n")
  }

  func pid() throws -> pid_t {
    try session.wait("a process") { _ in FileManager.default.fileExists(atPath: folder + "/pid") }
    let text = try String(contentsOfFile: folder + "/pid", encoding: .utf8)
    return try #require(pid_t(text.trimmingCharacters(in: .newlines)))
  }

  /// Presses a key and waits for what it must show.
  @discardableResult
  func press(_ key: String, until text: String) throws -> String {
    try session.press(key)
    return try session.wait("'\(text)' after \(key)") { $0.contains(text) }
  }

  /// Presses a key and waits until something is gone.
  @discardableResult
  func press(_ key: String, untilGone text: String) throws -> String {
    try session.press(key)
    return try session.wait("no '\(text)' after \(key)") { !$0.contains(text) }
  }

  /// Types a line into the command line.
  func command(_ text: String) throws {
    try press(":", until: "tab completes")
    try session.type(text)
    try session.press("Enter")
  }

  /// Steps done, as the header tells.
  static func step(in screen: String) -> Int? {
    guard let found = try? /step (\d+)\/\d/.firstMatch(in: screen) else { return nil }
    return Int(found.1)
  }

  func stepsDone() throws -> Int { try #require(Self.step(in: try session.text())) }

  /// Checks that the shell has its terminal as it was, and the status of what ended. What was said meanwhile is the
  /// screen that is returned.
  @discardableResult
  func expectShell(status: Int32, isAlternate: Bool = true) throws -> String {
    // What is typed before the prompt may be thrown away with what was typed for the dashboard.
    let screen = try session.wait("the prompt") { screen in
      screen.split(separator: "\n").last == "$" && !(isAlternate && screen.contains(" Ranks "))
    }
    #expect(try session.output(of: "echo $?") == "\(status)")
    #expect(try session.modes() == .shell)
    #expect(try session.output(of: "stty -g") == shellModes)
    if isAlternate { #expect(screen.contains("the shell was here")) }
    return screen
  }

  /// Ends a run that trains.
  func quit() throws {
    try press("q", until: "still training")
    try session.press("s")
    try expectShell(status: 0)
  }
}

extension String {
  /// The line that has a text in it, or nothing.
  func line(with text: String) -> String {
    components(separatedBy: "\n").first { $0.contains(text) } ?? ""
  }
}
