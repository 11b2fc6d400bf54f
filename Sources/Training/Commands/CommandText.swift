// The words of a command for the training loop: typed after `:`, after `--at STEP:`, and in `[[intervention]]`.

import AdaLoRA

/// Why a text is not a command; one line.
public struct CommandProblem: Error, Equatable, Sendable {
  public let text: String
  public init(text: String) { self.text = text }
}

public enum CommandText {
  public static let exportFormats = ["json", "csv", "svg", "txt", "adapter"]

  /// The words of a text, a leading colon left out.
  public static func words(_ text: String) -> [String] {
    var words = text.split { $0 == " " || $0 == "\t" || $0 == "=" }.map(String.init)
    if let first = words.first, first.hasPrefix(":") {
      words[0] = String(first.dropFirst())
      if words[0].isEmpty { words.removeFirst() }
    }
    return words
  }

  /// - Parameter initialRank: the bound of the target, where it is known.
  /// - Returns: nil where the first word names no command of the training loop.
  public static func command(_ words: [String], initialRank: Int? = nil) throws(CommandProblem) -> Command? {
    guard let name = words.first?.lowercased() else { return nil }
    let rest = Array(words.dropFirst())
    switch name {
    case "pause": return try pause(rest)
    case "resume": return try alone(.resume, name, rest)
    case "step":
      return .step(count: rest.isEmpty ? 1 : try whole(rest, "step N: how many steps", from: 1))
    case "set": return try set(rest, initialRank)
    case "target": return try set(["target"] + rest, initialRank)
    case "undo": return try alone(.undo, name, rest)
    case "evaluate": return try alone(.evaluate, name, rest)
    case "export": return try export(rest)
    case "stop": return .stop(discard: try discard(rest, name) ?? false)
    case "checkpoint": return try alone(.checkpoint, name, rest)
    case "fork": return try fork(rest)
    case "rewind": return try alone(.rewind, name, rest)
    case "recover": return .recover(learningRate: try rate(rest))
    case "whatif":
      return .whatIf(
        rest.map { $0.lowercased() } == ["off"] ? nil : try ShadowSettings(words: rest, initialRank: initialRank))
    default: return nil
    }
  }

  /// Reads a command that can be given for a step to come.
  public static func scheduled(
    _ text: String, at step: Int, initialRank: Int? = nil
  ) throws(CommandProblem) -> ScheduledCommand {
    guard let command = try command(words(text), initialRank: initialRank) else {
      throw CommandProblem(text: "\(text) is not a command for the training loop")
    }
    switch command {
    case .fork, .rewind, .recover, .resume, .step, .whatIf:
      throw CommandProblem(text: "\(text) cannot be scheduled: a run does it only when it is told to")
    default: return ScheduledCommand(step: step, command: command, text: text)
    }
  }

  /// Reads `STEP:COMMAND`, such as `120:set beta1 0.9`.
  public static func scheduled(
    _ text: String, initialRank: Int? = nil
  ) throws(CommandProblem) -> ScheduledCommand {
    guard let colon = text.firstIndex(of: ":"), let step = Int(text[..<colon]), step >= 0 else {
      throw CommandProblem(text: "\(text): expected STEP:COMMAND, such as '120:set beta1 0.9'")
    }
    return try scheduled(String(text[text.index(after: colon)...]), at: step, initialRank: initialRank)
  }

  // MARK: Parts

  package static func alone<T>(_ value: T, _ name: String, _ rest: [String]) throws(CommandProblem) -> T {
    guard rest.isEmpty else { throw CommandProblem(text: "\(name) takes nothing after it, not \(rest[0])") }
    return value
  }

  package static func whole(_ rest: [String], _ what: String, from lowest: Int) throws(CommandProblem) -> Int {
    guard rest.count == 1, let number = Int(rest[0]), number >= lowest, number <= 1_000_000_000 else {
      throw CommandProblem(text: "\(what)? a whole number of at least \(lowest)")
    }
    return number
  }

  private static func pause(_ rest: [String]) throws(CommandProblem) -> Command {
    if rest.isEmpty { return .pause }
    guard rest[0].lowercased() == "at" else { throw CommandProblem(text: "pause [at STEP], not \(rest[0])") }
    return .pauseAt(step: try CommandText.whole(Array(rest.dropFirst()), "pause at STEP: which step", from: 0))
  }

  private static func fork(_ rest: [String]) throws(CommandProblem) -> Command {
    if rest.isEmpty { return .fork(step: nil) }
    guard rest[0].lowercased() == "at" else { throw CommandProblem(text: "fork [at STEP], not \(rest[0])") }
    return .fork(step: try whole(Array(rest.dropFirst()), "fork at STEP: which step", from: 0))
  }

  private static func rate(_ rest: [String]) throws(CommandProblem) -> Double? {
    guard let word = rest.first else { return nil }
    guard rest.count == 1, let value = Double(word) else {
      throw CommandProblem(text: "recover [RATE]: a learning rate such as 1e-4, not \(rest.joined(separator: " "))")
    }
    if let objection = Hyperparameter.learningRate.objection(to: value, initialRank: nil) {
      throw CommandProblem(text: objection)
    }
    return value
  }

  private static func set(_ rest: [String], _ initialRank: Int?) throws(CommandProblem) -> Command {
    let names = Hyperparameter.allCases.map(\.commandName).joined(separator: ", ")
    guard let word = rest.first else { throw CommandProblem(text: "set NAME VALUE: one of \(names)") }
    guard let parameter = Hyperparameter(word: word) else {
      throw CommandProblem(text: "nothing is called \(word); one of \(names)")
    }
    guard rest.count == 2 else { throw CommandProblem(text: "\(parameter.commandName) needs one value, such as 0.9") }
    guard let value = Double(rest[1]) else { throw CommandProblem(text: "\(rest[1]) is not a number") }
    if let objection = parameter.objection(to: value, initialRank: initialRank) {
      throw CommandProblem(text: objection)
    }
    return .set(parameter, value)
  }

  private static func export(_ rest: [String]) throws(CommandProblem) -> Command {
    let formats = rest.map { $0.lowercased() }
    if formats == ["all"] { return .export(formats: []) }
    for format in formats where !exportFormats.contains(format) {
      throw CommandProblem(text: "export \(format): one of \(exportFormats.joined(separator: ", "))")
    }
    return .export(formats: formats)
  }

  package static func discard(_ rest: [String], _ name: String) throws(CommandProblem) -> Bool? {
    switch rest.map({ $0.lowercased() }) {
    case []: return nil
    case ["keep"]: return false
    case ["discard"]: return true
    default: throw CommandProblem(text: "\(name) [keep|discard], not \(rest.joined(separator: " "))")
    }
  }
}
