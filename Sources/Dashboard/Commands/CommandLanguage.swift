// The words that are typed after `:` and after `--at STEP:`: text in, a command or one plain sentence of refusal out.

import Training

/// What a command line asks for: something of the training loop, or something of the screen.
public enum Statement: Sendable, Equatable {
  case command(Command)
  /// Ends the program: asks first while training unless it says how.
  case quit(discard: Bool?)
  /// Forks the run from the shown moment.
  case fork
  case help(Panel?)
  case filter(String)
  /// Shows the recorded moment nearest to a step.
  case goTo(step: Int)
  case live
  case focus(Panel)
  /// Shows another run beside this one, by its name or folder.
  case beside(String)
  /// No other run any more.
  case alone
}

public enum CommandLanguage {
  /// Why a text is not a command; one line.
  public struct Problem: Error, Equatable, Sendable {
    public let text: String
  }

  /// A line of the help.
  public struct Entry: Sendable {
    public let name: String
    public let usage: String
    public let description: String
    /// Whether `--at` can use it.
    public let canBeScheduled: Bool
  }

  public static let entries: [Entry] = [
    Entry(name: "pause", usage: "pause [at STEP]", description: "pause now, or when STEP steps are done", true),
    Entry(name: "resume", usage: "resume", description: "go on training", true),
    Entry(name: "step", usage: "step [N]", description: "train N steps (1), then pause", true),
    Entry(
      name: "set", usage: "set NAME VALUE", description: "change beta1, beta2, gamma, lr, deltaT or target", true),
    Entry(name: "target", usage: "target RANK", description: "change the target rank a module", true),
    Entry(name: "undo", usage: "undo", description: "take back the last change", true),
    Entry(name: "evaluate", usage: "evaluate", description: "evaluate now", true),
    Entry(
      name: "export", usage: "export [FORMAT…]", description: "write a snapshot: json csv svg txt adapter, or all",
      true),
    Entry(name: "stop", usage: "stop [discard]", description: "end the run; keep its adapter, or discard it", true),
    Entry(name: "goto", usage: "goto STEP", description: "show the recorded moment nearest to STEP", false),
    Entry(name: "live", usage: "live", description: "back from the history to now", false),
    Entry(name: "filter", usage: "filter [TEXT]", description: "show only modules whose name has TEXT", false),
    Entry(name: "focus", usage: "focus PANEL", description: "focus a panel by its name or number", false),
    Entry(name: "help", usage: "help [PANEL]", description: "explain a panel and list every key", false),
    Entry(name: "quit", usage: "quit [keep|discard]", description: "end, asked first while training", false),
    Entry(name: "checkpoint", usage: "checkpoint", description: "write a resumable state", true),
    Entry(
      name: "fork", usage: "fork [at STEP]",
      description: "a new run from the shown moment, or when STEP steps were done",
      false),
    Entry(name: "rewind", usage: "rewind", description: "back to before the last change", false),
    Entry(
      name: "recover", usage: "recover [RATE]",
      description: "a halted run: on from its last checkpoint, with half the rate or this one", false),
    Entry(name: "beside", usage: "beside RUN", description: "show another run beside this one", false),
    Entry(name: "alone", usage: "alone", description: "this run alone again", false),
  ]

  public static let exportFormats = ["json", "csv", "svg", "txt", "adapter"]

  /// Reads one command line.
  /// - Parameter initialRank: the bound of the target, where it is known.
  public static func parse(_ text: String, initialRank: Int? = nil) throws(Problem) -> Statement {
    var words = text.split { $0 == " " || $0 == "\t" || $0 == "=" }.map(String.init)
    if let first = words.first, first.hasPrefix(":") {
      words[0] = String(first.dropFirst())
      if words[0].isEmpty { words.removeFirst() }
    }
    guard let name = words.first?.lowercased() else { throw Problem(text: "an empty command") }
    let rest = Array(words.dropFirst())
    switch name {
    case "pause": return .command(try pause(rest))
    case "resume": return .command(try alone(.resume, name, rest))
    case "step":
      if rest.isEmpty { return .command(.step(count: 1)) }
      return .command(.step(count: try whole(rest, "step N: how many steps", from: 1)))
    case "set": return .command(try set(rest, initialRank))
    case "target": return .command(try set(["target"] + rest, initialRank))
    case "undo": return .command(try alone(.undo, name, rest))
    case "evaluate": return .command(try alone(.evaluate, name, rest))
    case "export": return .command(try export(rest))
    case "stop": return .command(.stop(discard: try discard(rest, name) ?? false))
    case "goto": return .goTo(step: try whole(rest, "goto STEP: which step", from: 0))
    case "live": return try alone(.live, name, rest)
    case "filter": return .filter(rest.joined(separator: " "))
    case "focus":
      guard rest.count == 1, let panel = Panel(word: rest[0]) else {
        throw Problem(text: "focus PANEL: one of \(Panel.allCases.map(\.word).joined(separator: ", "))")
      }
      return .focus(panel)
    case "help":
      guard let word = rest.first else { return .help(nil) }
      guard let panel = Panel(word: word) else {
        throw Problem(text: "help PANEL: one of \(Panel.allCases.map(\.word).joined(separator: ", "))")
      }
      return .help(panel)
    case "quit", "q": return .quit(discard: try discard(rest, "quit"))
    case "checkpoint": return .command(try alone(.checkpoint, name, rest))
    case "fork": return try fork(rest)
    case "rewind": return .command(try alone(.rewind, name, rest))
    case "recover": return .command(.recover(learningRate: try rate(rest)))
    case "beside":
      guard !rest.isEmpty else { throw Problem(text: "beside RUN: which run, by its name or folder?") }
      // A path may have a = in it.
      let words = text.drop { $0 == ":" || $0 == " " || $0 == "\t" }.split { $0 == " " || $0 == "\t" }
      return .beside(words.dropFirst().joined(separator: " "))
    case "alone": return try alone(.alone, name, rest)
    default:
      let near = entries.map(\.name).min { distance($0, name) < distance($1, name) } ?? ""
      throw Problem(
        text: distance(near, name) <= 2
          ? "no command \(name); did you mean \(near)?" : "no command \(name); tab lists them")
    }
  }

  /// Reads a command that can be given for a step to come.
  public static func parseCommand(_ text: String, initialRank: Int? = nil) throws(Problem) -> Command {
    switch try parse(text, initialRank: initialRank) {
    case .fork, .command(.fork), .command(.rewind), .command(.recover):
      throw Problem(text: "\(text) cannot be scheduled: a run does it only when it is told to")
    case .command(let command): return command
    default: throw Problem(text: "\(text) is not a command for the training loop")
    }
  }

  /// Reads `STEP:COMMAND`, such as `120:set beta1 0.9`.
  public static func parseScheduled(
    _ text: String, initialRank: Int? = nil
  ) throws(Problem) -> (step: Int, command: Command) {
    guard let colon = text.firstIndex(of: ":"), let step = Int(text[..<colon]), step >= 0 else {
      throw Problem(text: "\(text): expected STEP:COMMAND, such as '120:set beta1 0.9'")
    }
    return (step, try parseCommand(String(text[text.index(after: colon)...]), initialRank: initialRank))
  }

  /// The candidates for the last word of a text.
  /// - Parameter values: what the parameters are now, offered after `set NAME`.
  public static func completions(for text: String, values: [Hyperparameter: Double] = [:]) -> [String] {
    var words = text.split { $0 == " " || $0 == "=" }.map(String.init)
    let last = text.last == " " || text.last == "=" || words.isEmpty ? "" : words.removeLast()
    let offers: [String]
    switch (words.count, words.first?.lowercased()) {
    case (0, _): offers = entries.map(\.name)
    case (1, "set"): offers = Hyperparameter.allCases.map(\.commandName)
    case (2, "set"): offers = Hyperparameter(word: words[1]).flatMap { p in values[p].map { [p.text($0)] } } ?? []
    case (1, "target"): offers = values[.targetR].map { [Hyperparameter.targetR.text($0)] } ?? []
    case (1, "pause"), (1, "fork"): offers = ["at"]
    case (1, "recover"): offers = values[.learningRate].map { [Hyperparameter.learningRate.text($0 / 2)] } ?? []
    case (_, "export"): offers = exportFormats.filter { !words.contains($0) }
    case (1, "stop"): offers = ["discard"]
    case (1, "quit"): offers = ["keep", "discard"]
    case (1, "focus"), (1, "help"): offers = Panel.allCases.map(\.word)
    default: offers = []
    }
    return offers.filter { $0.lowercased().hasPrefix(last.lowercased()) }
  }

  // MARK: Parts

  private static func alone<T>(_ value: T, _ name: String, _ rest: [String]) throws(Problem) -> T {
    guard rest.isEmpty else { throw Problem(text: "\(name) takes nothing after it, not \(rest[0])") }
    return value
  }

  private static func whole(_ rest: [String], _ what: String, from lowest: Int) throws(Problem) -> Int {
    guard rest.count == 1, let number = Int(rest[0]), number >= lowest, number <= 1_000_000_000 else {
      throw Problem(text: "\(what)? a whole number of at least \(lowest)")
    }
    return number
  }

  private static func pause(_ rest: [String]) throws(Problem) -> Command {
    if rest.isEmpty { return .pause }
    guard rest[0].lowercased() == "at" else { throw Problem(text: "pause [at STEP], not \(rest[0])") }
    return .pauseAt(step: try whole(Array(rest.dropFirst()), "pause at STEP: which step", from: 0))
  }

  /// Of the shown moment where no step is said: the dashboard knows which that is.
  private static func fork(_ rest: [String]) throws(Problem) -> Statement {
    if rest.isEmpty { return .fork }
    guard rest[0].lowercased() == "at" else { throw Problem(text: "fork [at STEP], not \(rest[0])") }
    return .command(.fork(step: try whole(Array(rest.dropFirst()), "fork at STEP: which step", from: 0)))
  }

  private static func rate(_ rest: [String]) throws(Problem) -> Double? {
    guard let word = rest.first else { return nil }
    guard rest.count == 1, let value = Double(word) else {
      throw Problem(text: "recover [RATE]: a learning rate such as 1e-4, not \(rest.joined(separator: " "))")
    }
    if let objection = Hyperparameter.learningRate.objection(to: value, initialRank: nil) {
      throw Problem(text: objection)
    }
    return value
  }

  private static func set(_ rest: [String], _ initialRank: Int?) throws(Problem) -> Command {
    let names = Hyperparameter.allCases.map(\.commandName).joined(separator: ", ")
    guard let word = rest.first else { throw Problem(text: "set NAME VALUE: one of \(names)") }
    guard let parameter = Hyperparameter(word: word) else {
      throw Problem(text: "nothing is called \(word); one of \(names)")
    }
    guard rest.count == 2 else { throw Problem(text: "\(parameter.commandName) needs one value, such as 0.9") }
    guard let value = Double(rest[1]) else { throw Problem(text: "\(rest[1]) is not a number") }
    if let objection = parameter.objection(to: value, initialRank: initialRank) { throw Problem(text: objection) }
    return .set(parameter, value)
  }

  private static func export(_ rest: [String]) throws(Problem) -> Command {
    let formats = rest.map { $0.lowercased() }
    if formats == ["all"] { return .export(formats: []) }
    for format in formats where !exportFormats.contains(format) {
      throw Problem(text: "export \(format): one of \(exportFormats.joined(separator: ", "))")
    }
    return .export(formats: formats)
  }

  private static func discard(_ rest: [String], _ name: String) throws(Problem) -> Bool? {
    switch rest.map({ $0.lowercased() }) {
    case []: return nil
    case ["keep"]: return false
    case ["discard"]: return true
    default: throw Problem(text: "\(name) [keep|discard], not \(rest.joined(separator: " "))")
    }
  }

  /// Levenshtein's distance, for a misspelt name.
  private static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.unicodeScalars.prefix(32))
    let b = Array(b.unicodeScalars.prefix(32))
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var diagonal = row[0]
      row[0] = i + 1
      for j in 0..<b.count {
        let next = min(diagonal + (a[i] == b[j] ? 0 : 1), row[j] + 1, row[j + 1] + 1)
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}

extension CommandLanguage.Entry {
  fileprivate init(name: String, usage: String, description: String, _ canBeScheduled: Bool) {
    self.init(name: name, usage: usage, description: description, canBeScheduled: canBeScheduled)
  }
}
