// How each scoring rule would choose now: the kept set of every rule under the current budget.

import AdaLoRA
import Training

/// What each of the five rules would keep if the mask fell now with b(t) triplets, where the method prunes by score.
struct RuleDecisions {
  let budget: Int
  /// Whether a rule keeps a triplet, module-major.
  private(set) var kept: [ScoringRule: [Bool]] = [:]
  /// A triplet's place among all by a rule's score, from 1. Absent for `uniform`, which compares within a module.
  private(set) var place: [ScoringRule: [Int]] = [:]

  /// O(n log n) for each rule that was scored. Of equal scores the earlier triplet is kept.
  init(scores: [ScoringRule: [Float]], budget: Int, prices: TripletPrices, rank: Int) {
    let moduleCount = prices.each.count
    let count = moduleCount * rank
    self.budget = max(0, min(budget, count))
    guard count > 0 else { return }
    for rule in ScoringRule.allCases {
      guard let values = scores[rule] ?? (rule == .uniform ? scores[.smoothed] : nil), values.count == count, rank > 0
      else {
        continue
      }
      var keeps = [Bool](repeating: false, count: count)
      // NaN counts as lowest.
      let numbers = values.map { $0.isNaN ? -Float.infinity : $0 }
      _ = rule.allocation.select(budget: self.budget, prices: prices, scores: numbers, rank: rank, kept: &keeps)
      kept[rule] = keeps
      guard rule != .uniform else { continue }
      var places = [Int](repeating: 0, count: count)
      for (position, index) in Self.order(values, 0..<count).enumerated() { places[index] = position + 1 }
      place[rule] = places
    }
  }

  /// Share of the kept set that two rules have in common, 0…1; nil where one was not scored or nothing is kept.
  func agreement(_ a: ScoringRule, _ b: ScoringRule) -> Double? {
    guard let first = kept[a], let second = kept[b] else { return nil }
    var (own, common) = (0, 0)
    for index in first.indices where first[index] {
      own += 1
      if second[index] { common += 1 }
    }
    return own > 0 ? Double(common) / Double(own) : nil
  }

  /// Indices from the highest value to the lowest, the earlier first where equal; NaN counts as lowest.
  static func order(_ values: [Float], _ range: Range<Int>) -> [Int] {
    let keyed = range.map { (value: values[$0].isNaN ? -Float.infinity : values[$0], index: $0) }
    return keyed.sorted { $0.value != $1.value ? $0.value > $1.value : $0.index < $1.index }.map(\.index)
  }
}
