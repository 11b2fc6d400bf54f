// Which triplets stay, given their scores and a budget.

/// A way to spend a budget of triplets over modules.
public protocol AllocationRule: Sendable {
  /// Sets `kept` for every triplet (module-major, `rank` a module).
  /// - Parameter order: scratch, as long as `scores`, any content.
  /// - Returns: the largest score that was pruned; nil where nothing was.
  func select(budget: Int, scores: [Float], rank: Int, order: inout [Int32], kept: inout [Bool]) -> Float?
}

/// The `budget` best of all triplets. Of equal scores the earlier is kept, so that exactly `budget` stay.
public struct GlobalTopBudget: AllocationRule {
  public init() {}

  /// O(triplets).
  public func select(budget: Int, scores: [Float], rank: Int, order: inout [Int32], kept: inout [Bool]) -> Float? {
    for i in scores.indices { order[i] = Int32(i) }
    partition(&order, 0..<scores.count, best: budget, scores)
    return keepBest(budget, of: 0..<scores.count, scores, order, &kept)
  }
}

/// Module k keeps ⌊budget·r_k/b₀⌋ of its own, the remainder going by largest fraction in module order.
public struct UniformShare: AllocationRule {
  public init() {}

  public func select(budget: Int, scores: [Float], rank: Int, order: inout [Int32], kept: inout [Bool]) -> Float? {
    guard rank > 0, !scores.isEmpty else { return nil }
    let modules = scores.count / rank
    // All modules have the same r, so the fractions are equal and the first modules take the remainder.
    let each = budget / modules
    let extra = budget - each * modules
    var threshold: Float?
    for i in scores.indices { order[i] = Int32(i) }
    for k in 0..<modules {
      let range = k * rank..<(k + 1) * rank
      let count = each + (k < extra ? 1 : 0)
      partition(&order, range, best: count, scores)
      if let best = keepBest(count, of: range, scores, order, &kept) { threshold = max(threshold ?? best, best) }
    }
    return threshold
  }
}

/// What the references do: everything at or below the (b₀ − b)-th smallest score goes, ties included.
public struct ReferenceThreshold: AllocationRule {
  public init() {}

  public func select(budget: Int, scores: [Float], rank: Int, order: inout [Int32], kept: inout [Bool]) -> Float? {
    guard
      let threshold = GlobalTopBudget().select(
        budget: budget, scores: scores, rank: rank, order: &order, kept: &kept)
    else { return nil }
    for i in scores.indices { kept[i] = scores[i] > threshold }
    return threshold
  }
}

/// Rearranges `order[range]` so that its `best` first places hold the best. Hoare's selection, expected O(range).
private func partition(_ order: inout [Int32], _ range: Range<Int>, best: Int, _ scores: [Float]) {
  var low = range.lowerBound
  var high = range.upperBound - 1
  let target = low + best
  guard best > 0, target <= high else { return }

  func isBetter(_ a: Int32, _ b: Int32) -> Bool {
    let x = scores[Int(a)]
    let y = scores[Int(b)]
    return x > y || (x == y && a < b)
  }

  while low < high {
    let pivot = order[low + (high - low) / 2]
    var i = low
    var j = high
    while i <= j {
      while isBetter(order[i], pivot) { i += 1 }
      while isBetter(pivot, order[j]) { j -= 1 }
      if i <= j {
        order.swapAt(i, j)
        i += 1
        j -= 1
      }
    }
    if target <= j { high = j } else if target >= i { low = i } else { return }
  }
}

/// Marks the first `count` of `order[range]` as kept and the others as pruned; the best score among the pruned.
private func keepBest(
  _ count: Int, of range: Range<Int>, _ scores: [Float], _ order: [Int32], _ kept: inout [Bool]
) -> Float? {
  var threshold: Float?
  for place in range {
    let triplet = Int(order[place])
    kept[triplet] = place - range.lowerBound < count
    if !kept[triplet] { threshold = max(threshold ?? scores[triplet], scores[triplet]) }
  }
  return threshold
}
