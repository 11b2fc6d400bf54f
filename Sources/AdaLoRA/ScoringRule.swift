// The five ways to decide which triplets matter, and where the references differ.

/// How triplets are scored: the paper's three rules and two controls.
public enum ScoringRule: String, Codable, Sendable, CaseIterable {
  /// S from s = Ī·Ū, the paper's rule (its section 3.2).
  case smoothed
  /// S from s = I = |w · ∂L/∂w|, without smoothing.
  case sensitivity
  /// S = |λ|; of a doublet, which has no λ, the length of its column of B times that of its row of A.
  case magnitude
  /// One seeded draw per triplet for the whole run: a control.
  case random
  /// Every module keeps its share of the budget, within it the best by smoothed S: a control.
  case uniform

  /// How a budget is spent on such scores.
  public var allocation: any AllocationRule { self == .uniform ? UniformShare() : GlobalTopBudget() }
}

/// Whose reading of the algorithm is computed where the references differ.
public enum Dialect: String, Codable, Sendable, CaseIterable { case peft, loralib, paper }
