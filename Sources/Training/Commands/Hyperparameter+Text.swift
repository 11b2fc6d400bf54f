// How the hyper-parameters are called and bounded, wherever a person names one.

import Foundation

extension Hyperparameter {
  /// The paper's symbol, as the status line shows it.
  public var symbol: String {
    switch self {
    case .beta1: "β₁"
    case .beta2: "β₂"
    case .orthRegWeight: "γ"
    case .learningRate: "η"
    case .deltaT: "ΔT"
    case .targetR: "target"
    }
  }

  /// The name completion offers first.
  public var commandName: String {
    switch self {
    case .beta1: "beta1"
    case .beta2: "beta2"
    case .orthRegWeight: "gamma"
    case .learningRate: "lr"
    case .deltaT: "deltaT"
    case .targetR: "target"
    }
  }

  /// The parameter that a person means: its symbol, command name or name in an experiment file, in any case.
  public init?(word: String) {
    let word = word.lowercased()
    for parameter in Self.allCases
    where [parameter.rawValue.lowercased(), parameter.commandName.lowercased(), parameter.symbol.lowercased()]
      .contains(word) || (parameter == .learningRate && word == "eta")
    {
      self = parameter
      return
    }
    return nil
  }

  /// - Returns: why the value cannot be, with its bound, or nil.
  public func objection(to value: Double, initialRank: Int?) -> String? {
    let shown = String(format: "%.4g", value)
    guard value.isFinite else { return "\(commandName) must be a finite number" }
    switch self {
    case .beta1, .beta2:
      return value > 0 && value < 1 ? nil : "\(commandName) \(shown) must lie between 0 and 1"
    case .orthRegWeight: return value >= 0 ? nil : "gamma \(shown) must be at least 0"
    case .learningRate: return value > 0 ? nil : "lr \(shown) must be above 0"
    case .deltaT:
      return value >= 1 && value == value.rounded() && value < 1e9
        ? nil : "deltaT \(shown) must be a whole number of at least 1"
    case .targetR:
      if let initialRank, value > Double(initialRank) {
        return "target \(shown) must be at most the initial rank \(initialRank)"
      }
      return value >= 0 ? nil : "target \(shown) must be at least 0"
    }
  }
}
