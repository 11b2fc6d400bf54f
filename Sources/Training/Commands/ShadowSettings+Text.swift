// How a shadow's settings are written: `score=magnitude target=3`, on the command line and after `:whatif`.

import AdaLoRA
import Foundation

extension ShadowSettings {
  /// What can be set, as completion offers it.
  public static let names = ["score", "target", "beta1", "beta2", "deltaT", "tinit", "tfinal"]

  /// As it is typed, in the order of `names`.
  public var text: String {
    let values: [String?] = [
      score?.rawValue, target.map(Self.short), beta1.map(Self.short), beta2.map(Self.short), deltaT.map(String.init),
      tinit.map(String.init), tfinal.map(String.init),
    ]
    return zip(Self.names, values).compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: " ")
  }

  private static func short(_ value: Double) -> String { String(format: "%.6g", value) }

  /// Reads names and values in turn.
  /// - Parameter initialRank: the bound of the target, where it is known.
  public init(words: [String], initialRank: Int? = nil) throws(CommandProblem) {
    self.init()
    let expected = "NAME=VALUE with a name of \(Self.names.joined(separator: ", "))"
    guard !words.isEmpty else { throw CommandProblem(text: "what is to be different? \(expected)") }
    for start in stride(from: 0, to: words.count, by: 2) {
      let word = words[start]
      guard let name = Self.names.first(where: { $0.lowercased() == word.lowercased() }) else {
        throw CommandProblem(text: "no setting \(word); \(expected)")
      }
      guard start + 1 < words.count else { throw CommandProblem(text: "\(name) needs a value; \(expected)") }
      try set(name, words[start + 1], initialRank)
    }
  }

  private mutating func set(_ name: String, _ word: String, _ initialRank: Int?) throws(CommandProblem) {
    if name == "score" {
      let rules = ScoringRule.allCases.map(\.rawValue).joined(separator: ", ")
      guard let rule = ScoringRule(rawValue: word.lowercased()) else {
        throw CommandProblem(text: "score \(word): one of \(rules)")
      }
      score = rule
      return
    }
    guard let value = Double(word) else { throw CommandProblem(text: "\(name) \(word) is not a number") }
    if let parameter = Hyperparameter(word: name) {
      if let objection = parameter.objection(to: value, initialRank: initialRank) {
        throw CommandProblem(text: objection)
      }
      switch parameter {
      case .beta1: beta1 = value
      case .beta2: beta2 = value
      case .deltaT: deltaT = Int(value)
      default: target = value
      }
      return
    }
    guard let steps = Int(word), (0...1_000_000_000).contains(steps) else {
      throw CommandProblem(text: "\(name) \(word) must be a whole number of at least 0")
    }
    if name == "tinit" { tinit = steps } else { tfinal = steps }
  }
}
