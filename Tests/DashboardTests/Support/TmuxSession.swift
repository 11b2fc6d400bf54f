// A real terminal for tests: a shell in a tmux of its own.

import Foundation
import Testing

/// A shell inside a private tmux server, which dies with this value. Waiting polls the screen until a generous
/// deadline, so that a slow machine makes a test slow and not red.
final class TmuxSession {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// What tmux knows of the pane's terminal.
  struct Modes: Equatable {
    var showsCursor: Bool
    var isAlternate: Bool
    var reportsMouse: Bool
    /// As a shell wants it.
    static let shell = Modes(showsCursor: true, isAlternate: false, reportsMouse: false)
  }

  /// A new folder for the files of this session, removed with it.
  let folder: URL
  private let socket = "ranktop-\(UUID().uuidString.prefix(13))"

  /// Starts a shell that shows `$ `, in a screen of so many cells.
  init(width: Int = 80, height: Int = 24) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(socket)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try tmux(
      "-f", "/dev/null", "-u", "new-session", "-d", "-x", "\(width)", "-y", "\(height)",
      "env -u NO_COLOR -u LC_ALL LANG=C.UTF-8 HISTFILE= PS1='$ ' bash --norc --noprofile -i")
    try tmux("set-option", "-g", "escape-time", "0")
    try waitFor("$")
  }

  deinit {
    _ = try? tmux("kill-server")
    try? FileManager.default.removeItem(at: folder)
  }

  // MARK: - Hands

  /// Types text and Return.
  func run(_ command: String) throws {
    try type(command)
    try press("Enter")
  }

  /// Types text as it is; may be a control sequence.
  func type(_ text: String) throws { try tmux("send-keys", "-l", text) }

  /// Presses keys by tmux's names, such as `C-a`, `PageUp`, `BTab`.
  func press(_ keys: String...) throws { try tmux(["send-keys"] + keys) }

  func resize(width: Int, height: Int) throws {
    try tmux("resize-window", "-x", "\(width)", "-y", "\(height)")
  }

  /// Closes the terminal under whatever runs in it.
  func close() throws { try tmux("kill-server") }

  // MARK: - Eyes

  /// The text of the screen, blanks at the ends of the rows removed.
  func text() throws -> String { try tmux("capture-pane", "-p") }

  /// The text with its attributes, as SGR sequences.
  func styledText() throws -> String { try tmux("capture-pane", "-p", "-e") }

  func modes() throws -> Modes {
    let flags = try tmux("display-message", "-p", "#{cursor_flag}#{alternate_on}#{mouse_any_flag}").map { $0 == "1" }
    guard flags.count >= 3 else { throw Failure(description: "tmux tells no modes") }
    return Modes(showsCursor: flags[0], isAlternate: flags[1], reportsMouse: flags[2])
  }

  /// Waits until the screen satisfies a condition, and returns it then.
  @discardableResult
  func wait(_ what: String, seconds: Double = 30, until condition: (String) throws -> Bool) throws -> String {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var screen = try text()
    while try !condition(screen) {
      guard Date() < deadline else { throw Failure(description: "waited for \(what); the screen is\n\(screen)") }
      usleep(10_000)
      screen = try text()
    }
    return screen
  }

  @discardableResult
  func waitFor(_ text: String) throws -> String { try wait("'\(text)'") { $0.contains(text) } }

  /// Runs a command whose output is one line, and returns that line.
  func output(of command: String) throws -> String {
    let file = folder.appendingPathComponent(UUID().uuidString)
    try run("\(command) > \(file.path).part; mv \(file.path).part \(file.path)")
    try wait("the output of \(command)") { _ in FileManager.default.fileExists(atPath: file.path) }
    return try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines)
  }

  // MARK: - tmux

  @discardableResult
  private func tmux(_ arguments: String...) throws -> String { try tmux(arguments) }

  @discardableResult
  private func tmux(_ arguments: [String]) throws -> String {
    // Not Foundation's Process: its children inherit the socket by which it learns of their end, and the server that
    // tmux leaves behind keeps that open.
    let file = folder.appendingPathComponent("tmux-output").path
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // The threads of tests block signals; a shell and what runs in it must not.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let words = ["env", "-u", "TMUX", "tmux", "-L", socket] + arguments
    var strings: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for string in strings { free(string) } }
    var child: pid_t = 0
    let error = posix_spawn(&child, "/usr/bin/env", &actions, &attributes, &strings, environ)
    guard error == 0 else { throw Failure(description: "tmux cannot be started: \(String(cString: strerror(error)))") }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    let text = String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: file))) ?? Data(), as: UTF8.self)
    guard status == 0 else { throw Failure(description: "tmux \(arguments.joined(separator: " ")): \(text)") }
    return text
  }

  /// The path of a program of this package, built beside the tests.
  static func program(_ name: String) throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = CommandLine.arguments.first.map { URL(fileURLWithPath: $0) } ?? URL(fileURLWithPath: tests)
    for place in [URL(fileURLWithPath: tests), beside] {
      let path = place.deletingLastPathComponent().appendingPathComponent(name).path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Failure(description: "\(name) is not built beside \(tests)")
  }
}
