// The words that are typed after `:`: text in, a command or one plain sentence of refusal out. What orders the training
// loop is read by `CommandText`.

import AdaLoRA
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
  public typealias Problem = CommandProblem

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
    Entry(name: "resume", usage: "resume", description: "go on training", false),
    Entry(name: "step", usage: "step [N]", description: "train N steps (1), then pause", false),
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
    Entry(
      name: "whatif", usage: "whatif NAME=VALUE…",
      description: "show what another score, target, beta1 … would keep; whatif off", false),
    Entry(name: "alone", usage: "alone", description: "this run alone again", false),
  ]

  /// Reads one command line.
  /// - Parameter initialRank: the bound of the target, where it is known.
  public static func parse(_ text: String, initialRank: Int? = nil) throws(Problem) -> Statement {
    let words = CommandText.words(text)
    guard let name = words.first?.lowercased() else { throw Problem(text: "an empty command") }
    let rest = Array(words.dropFirst())
    if name == "fork", rest.isEmpty { return .fork }
    if let command = try CommandText.command(words, initialRank: initialRank) { return .command(command) }
    switch name {
    case "goto": return .goTo(step: try CommandText.whole(rest, "goto STEP: which step", from: 0))
    case "live": return try CommandText.alone(.live, name, rest)
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
    case "quit", "q": return .quit(discard: try CommandText.discard(rest, "quit"))
    case "beside":
      guard !rest.isEmpty else { throw Problem(text: "beside RUN: which run, by its name or folder?") }
      // A path may have a = in it.
      let words = text.drop { $0 == ":" || $0 == " " || $0 == "\t" }.split { $0 == " " || $0 == "\t" }
      return .beside(words.dropFirst().joined(separator: " "))
    case "alone": return try CommandText.alone(.alone, name, rest)
    default:
      let near = entries.map(\.name).min { distance($0, name) < distance($1, name) } ?? ""
      throw Problem(
        text: distance(near, name) <= 2
          ? "no command \(name); did you mean \(near)?" : "no command \(name); tab lists them")
    }
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
    case (let count, "whatif") where count % 2 == 1: offers = ShadowSettings.names + (count == 1 ? ["off"] : [])
    case (let count, "whatif") where words[count - 1] == "score": offers = ScoringRule.allCases.map(\.rawValue)
    case (let count, "whatif"):
      offers = Hyperparameter(word: words[count - 1]).flatMap { p in values[p].map { [p.text($0)] } } ?? []
    case (_, "export"): offers = CommandText.exportFormats.filter { !words.contains($0) }
    case (1, "stop"): offers = ["discard"]
    case (1, "quit"): offers = ["keep", "discard"]
    case (1, "focus"), (1, "help"): offers = Panel.allCases.map(\.word)
    default: offers = []
    }
    return offers.filter { $0.lowercased().hasPrefix(last.lowercased()) }
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
