// How the hyper-parameters are called, written, bounded and stepped by a key.

import Training

extension Hyperparameter {
  /// The paper's symbol, as the status line shows it.
  var symbol: String {
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
  var commandName: String {
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
  init?(word: String) {
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

  /// Whether it steers the allocation, which LoRA does not have.
  var isAllocation: Bool { self != .learningRate }

  func text(_ value: Double) -> String {
    switch self {
    case .beta1, .beta2:
      let text = NumberText.plain(value)
      return value.isFinite && text.count == 3 ? text + "0" : text
    case .deltaT: return NumberText.fixed(value, 0)
    case .orthRegWeight, .learningRate, .targetR: return NumberText.plain(value)
    }
  }

  /// - Returns: why the value cannot be, with its bound, or nil.
  func objection(to value: Double, initialRank: Int?) -> String? {
    guard value.isFinite else { return "\(commandName) must be a finite number" }
    switch self {
    case .beta1, .beta2:
      return value > 0 && value < 1 ? nil : "\(commandName) \(text(value)) must lie between 0 and 1"
    case .orthRegWeight: return value >= 0 ? nil : "gamma \(text(value)) must be at least 0"
    case .learningRate: return value > 0 ? nil : "lr \(text(value)) must be above 0"
    case .deltaT:
      return value >= 1 && value == value.rounded() && value < 1e9
        ? nil : "deltaT \(NumberText.plain(value)) must be a whole number of at least 1"
    case .targetR:
      if let initialRank, value > Double(initialRank) {
        return "target \(text(value)) must be at most the initial rank \(initialRank)"
      }
      return value >= 0 ? nil : "target \(text(value)) must be at least 0"
    }
  }

  /// The next value that a key gives: ±0.05 for β, then ±0.01 and ±0.001 near 1; a factor of 1.25 for γ and η;
  /// ±1 for the target; ±1 below and ±10 above 10 for ΔT.
  /// - Returns: nil where the bound is reached.
  func stepped(_ value: Double, up: Bool, initialRank: Int) -> Double? {
    guard value.isFinite else { return nil }
    let small = 1e-9
    switch self {
    case .beta1, .beta2:
      let next: Double
      if up {
        next = value + (value < 0.9 - small ? 0.05 : value < 0.99 - small ? 0.01 : 0.001)
      } else {
        next = value - (value > 0.99 + small ? 0.001 : value > 0.9 + small || value < 0.1 - small ? 0.01 : 0.05)
      }
      let rounded = (next * 1000).rounded() / 1000
      return rounded >= 0.01 && rounded <= 0.999 ? rounded : nil
    case .orthRegWeight:
      if up { return value < 0.01 - small ? 0.01 : value < 1e6 ? threeDigits(value * 1.25) : nil }
      if value == 0 { return nil }
      return value <= 0.01 + small ? 0 : threeDigits(value / 1.25)
    case .learningRate:
      let next = threeDigits(up ? value * 1.25 : value / 1.25)
      return next > 1e-12 && next < 1e3 ? next : nil
    case .deltaT:
      if up { return value < 1e6 ? value + (value < 10 ? 1 : 10) : nil }
      if value <= 1 { return nil }
      return value <= 10 ? value - 1 : max(10, value - 10)
    case .targetR:
      let next = up ? (value + small).rounded(.down) + 1 : (value - small).rounded(.up) - 1
      if up && next > Double(initialRank) { return value < Double(initialRank) - small ? Double(initialRank) : nil }
      return next >= 0 ? next : value > small ? 0 : nil
    }
  }

  private func threeDigits(_ value: Double) -> Double { Double(NumberText.scientific(value)) ?? value }
}

extension Frame {
  /// What the next step will use.
  func value(of parameter: Hyperparameter) -> Double {
    switch parameter {
    case .beta1: beta1
    case .beta2: beta2
    case .orthRegWeight: orthRegWeight
    case .learningRate: learningRate
    case .deltaT: Double(deltaT)
    case .targetR: targetR
    }
  }
}
