// Which triplets stay, given their scores and a budget.

/// A way to spend a budget of triplets over modules.
public protocol AllocationRule: Sendable {
  /// Sets `kept` for every triplet (module-major, `rank` a module).
  /// - Parameter budget: b(t), in triplets; what it buys is by `prices`.
  /// - Returns: the largest score that was pruned; nil where nothing was.
  func select(budget: Int, prices: TripletPrices, scores: [Float], rank: Int, kept: inout [Bool]) -> Float?
}

extension AllocationRule {
  /// The same where every triplet costs 1.
  public func select(budget: Int, scores: [Float], rank: Int, kept: inout [Bool]) -> Float? {
    let prices = TripletPrices(modules: rank > 0 ? scores.count / rank : 0)
    return select(budget: budget, prices: prices, scores: scores, rank: rank, kept: &kept)
  }
}

/// The `budget` best of all triplets. Of equal scores the earlier is kept, so that exactly `budget` stay; where prices
/// differ, the best until the next cannot be paid.
public struct GlobalTopBudget: AllocationRule {
  public init() {}

  /// O(triplets), where prices differ O(n log n).
  public func select(
    budget: Int, prices: TripletPrices, scores: [Float], rank: Int, kept: inout [Bool]
  ) -> Float? {
    guard !prices.areEqual else { return keepBest(budget, of: 0..<scores.count, scores, &kept) }
    var left = prices.limit(of: budget)
    var threshold: Float?
    for i in scores.indices.sorted(by: { (-scores[$0], $0) < (-scores[$1], $1) }) {
      left -= prices.each[i / rank]
      kept[i] = left >= 0
      // From here on nothing is bought, however cheap, so that the threshold parts the scores.
      if left < 0 { (left, threshold) = (.min / 2, threshold ?? scores[i]) }
    }
    return threshold
  }
}

/// Module k keeps ⌊budget·r_k/b₀⌋ of its own, the remainder going by largest fraction in module order while it can be paid.
public struct UniformShare: AllocationRule {
  public init() {}

  public func select(
    budget: Int, prices: TripletPrices, scores: [Float], rank: Int, kept: inout [Bool]
  ) -> Float? {
    guard rank > 0, !scores.isEmpty else { return nil }
    let modules = scores.count / rank
    // All modules have the same r, so the fractions are equal and the first modules take the remainder.
    let each = budget / modules
    var left = prices.limit(of: budget) - prices.limit(of: each * modules)
    var threshold: Float?
    for k in 0..<modules {
      let range = k * rank..<(k + 1) * rank
      left -= prices.each[k]
      if left < 0 { left = .min / 2 }
      let count = each + (left >= 0 ? 1 : 0)
      if let best = keepBest(count, of: range, scores, &kept) { threshold = max(threshold ?? best, best) }
    }
    return threshold
  }
}

/// What the references do: everything at or below the (b₀ − b)-th smallest score goes, ties included.
public struct ReferenceThreshold: AllocationRule {
  public init() {}

  public func select(
    budget: Int, prices: TripletPrices, scores: [Float], rank: Int, kept: inout [Bool]
  ) -> Float? {
    let best = GlobalTopBudget().select(budget: budget, prices: prices, scores: scores, rank: rank, kept: &kept)
    guard let threshold = best else { return nil }
    for i in scores.indices { kept[i] = scores[i] > threshold }
    return threshold
  }
}

/// Marks the `count` best of `scores[range]` as kept and the others as pruned; of equal scores the earlier is kept.
///
/// Finds the worst score that stays a byte at a time, from the first: each pass counts the scores that begin with the bytes
/// found so far by their next one. O(range), in order through memory. No score is NaN.
/// - Returns: the best score among the pruned; nil where none is.
private func keepBest(_ count: Int, of range: Range<Int>, _ scores: [Float], _ kept: inout [Bool]) -> Float? {
  guard count < range.count else {
    for i in range { kept[i] = true }
    return nil
  }
  var worst: UInt32 = 0
  // How many of the scores that begin so stay.
  var wanted = count
  // 1 KiB, which stays on the stack.
  withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { sizes in
    var known: UInt32 = 0
    for byte in 0..<UInt32(4) {
      let shift = 24 - 8 * byte
      sizes.initialize(repeating: 0)
      for i in range {
        let key = orderedBits(scores[i])
        if key & known == worst { sizes[Int(key >> shift & 255)] += 1 }
      }
      var digit = 255
      while digit > 0, Int(sizes[digit]) < wanted {
        wanted -= Int(sizes[digit])
        digit -= 1
      }
      worst |= UInt32(digit) << shift
      known |= 255 << shift
    }
  }
  var threshold = -Float.infinity
  for i in range {
    let key = orderedBits(scores[i])
    let isTied = key == worst && wanted > 0
    if isTied { wanted -= 1 }
    kept[i] = key > worst || isTied
    if !kept[i] { threshold = max(threshold, scores[i]) }
  }
  return threshold
}

/// Bits that stand in the same order as the numbers; both zeros have the same.
@inline(__always)
private func orderedBits(_ score: Float) -> UInt32 {
  let bits = (score + 0).bitPattern
  return bits ^ (bits >> 31 == 1 ? .max : 1 << 31)
}
