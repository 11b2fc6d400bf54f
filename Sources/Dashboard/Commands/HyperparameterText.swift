// How the hyper-parameters are written on the screen and stepped by a key.

import Training

extension Hyperparameter {
  func text(_ value: Double) -> String {
    switch self {
    case .beta1, .beta2:
      let text = NumberText.plain(value)
      return value.isFinite && text.count == 3 ? text + "0" : text
    case .deltaT: return NumberText.fixed(value, 0)
    case .orthRegWeight, .learningRate, .targetR: return NumberText.plain(value)
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
