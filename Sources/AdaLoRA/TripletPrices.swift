// What a kept triplet costs of the budget.

/// What b(t) counts.
public enum BudgetUnit: String, Codable, Sendable, CaseIterable {
  /// Triplets.
  case rank
  /// Their parameters, Σ (d₁ + d₂): b(t) triplets of the mean size.
  case parameters
}

/// The price of a triplet in each module.
public struct TripletPrices: Sendable, Equatable {
  public let unit: BudgetUnit
  /// A module's, in module order.
  public let each: [Int]
  private let sum: Int
  /// Whether a triplet costs the same everywhere.
  public let areEqual: Bool

  /// - Parameter sizes: d₁ and d₂ of each module.
  public init(_ unit: BudgetUnit, sizes: [(outputSize: Int, inputSize: Int)]) {
    self.unit = unit
    let each = sizes.map { unit == .rank ? 1 : $0.outputSize &+ $0.inputSize }
    self.each = each
    sum = each.reduce(0, &+)
    areEqual = each.allSatisfy { $0 == each.first }
  }

  /// Every triplet costs 1.
  public init(modules: Int) { self.init(.rank, sizes: Array(repeating: (1, 1), count: modules)) }

  /// What a budget of so many triplets comes to: the same share of all that there is.
  public func limit(of budget: Int) -> Int {
    let (product, isTooMuch) = budget.multipliedReportingOverflow(by: sum)
    return each.isEmpty ? 0 : isTooMuch ? .max : product / each.count
  }

  /// What the kept triplets cost, `rank` a module.
  public func cost(_ kept: [Bool], rank: Int) -> Int {
    each.indices.reduce(0) { total, k in total + each[k] * (0..<rank).count { kept[k * rank + $0] } }
  }
}
