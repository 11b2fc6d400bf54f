// A real terminal for tests: a shell in a tmux of its own.

import Foundation

/// A shell inside a private tmux server, which dies with this value. Waiting polls the screen until a generous
/// deadline, so that a slow machine makes a test slow and not red.
public final class TmuxSession {
  public struct Failure: Error, CustomStringConvertible { public var description: String }

  /// What tmux knows of the pane's terminal.
  public struct Modes: Equatable, Sendable {
    public var showsCursor: Bool
    public var isAlternate: Bool
    public var reportsMouse: Bool

    public init(showsCursor: Bool, isAlternate: Bool, reportsMouse: Bool) {
      self.showsCursor = showsCursor
      self.isAlternate = isAlternate
      self.reportsMouse = reportsMouse
    }

    /// As a shell wants it.
    public static let shell = Modes(showsCursor: true, isAlternate: false, reportsMouse: false)
  }

  /// A new folder for the files of this session, removed with it.
  public let folder: URL
  private let socket = "ranktop-\(UUID().uuidString.prefix(13))"

  /// Starts a shell that shows `$ `, in a screen of so many cells.
  public init(width: Int = 80, height: Int = 24) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(socket)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try tmux(
      "-f", "/dev/null", "-u", "new-session", "-d", "-x", "\(width)", "-y", "\(height)",
      "env -u NO_COLOR -u LC_ALL -u LC_CTYPE XDG_CONFIG_HOME=\(folder.path)/config LANG=C.UTF-8 HISTFILE= PS1='$ ' bash --norc --noprofile -i"
    )
    try tmux("set-option", "-g", "escape-time", "0")
    try waitFor("$")
  }

  deinit {
    _ = try? tmux("kill-server")
    try? FileManager.default.removeItem(at: folder)
  }

  // MARK: - Hands

  /// Types text and Return.
  public func run(_ command: String) throws {
    try type(command)
    try press("Enter")
  }

  /// Types text as it is; may be a control sequence.
  public func type(_ text: String) throws { try tmux("send-keys", "-l", text) }

  /// Presses keys by tmux's names, such as `C-a`, `PageUp`, `BTab`.
  public func press(_ keys: String...) throws { try tmux(["send-keys"] + keys) }

  public func resize(width: Int, height: Int) throws {
    try tmux("resize-window", "-x", "\(width)", "-y", "\(height)")
  }

  /// Closes the terminal under whatever runs in it.
  public func close() throws { try tmux("kill-server") }

  // MARK: - Eyes

  /// The text of the screen, blanks at the ends of the rows removed.
  public func text() throws -> String { try tmux("capture-pane", "-p") }

  /// The text with its attributes, as SGR sequences.
  public func styledText() throws -> String { try tmux("capture-pane", "-p", "-e") }

  public func modes() throws -> Modes {
    let flags = try tmux("display-message", "-p", "#{cursor_flag}#{alternate_on}#{mouse_any_flag}").map { $0 == "1" }
    guard flags.count >= 3 else { throw Failure(description: "tmux tells no modes") }
    return Modes(showsCursor: flags[0], isAlternate: flags[1], reportsMouse: flags[2])
  }

  /// Waits until the screen satisfies a condition, and returns it then.
  @discardableResult
  public func wait(_ what: String, seconds: Double = 30, until condition: (String) throws -> Bool) throws -> String {
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
  public func waitFor(_ text: String) throws -> String { try wait("'\(text)'") { $0.contains(text) } }

  /// Runs a command whose output is one line, and returns that line.
  public func output(of command: String) throws -> String {
    let file = folder.appendingPathComponent(UUID().uuidString)
    try run("\(command) > \(file.path).part; mv \(file.path).part \(file.path)")
    try wait("the output of \(command)") { _ in FileManager.default.fileExists(atPath: file.path) }
    return try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines)
  }

  /// Copies every byte that the pane's programs write from now on into a file.
  public func record(to path: String) throws { try tmux("pipe-pane", "-O", "cat >> \(path)") }

  // MARK: - tmux

  @discardableResult
  private func tmux(_ arguments: String...) throws -> String { try tmux(arguments) }

  @discardableResult
  private func tmux(_ arguments: [String]) throws -> String {
    let child = try Child("env", ["-u", "TMUX", "tmux", "-L", socket] + arguments, folder: folder)
    let ending = try child.wait()
    child.removeFiles()
    guard ending.status == 0 else {
      throw Failure(description: "tmux \(arguments.joined(separator: " ")): \(ending.output)\(ending.error)")
    }
    return ending.output
  }
}
