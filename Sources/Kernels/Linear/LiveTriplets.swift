// Which triplets of a low-rank path take part in its products.

/// All of them at first; those whose λ stays 0 for good may be left out between steps.
public final class LiveTriplets: @unchecked Sendable {
  // Unchecked: changed between steps only.

  /// Triplets that lie together in the factors, in their order.
  public private(set) var runs: [Range<Int>]
  public private(set) var count: Int

  /// All of `rank`.
  public init(rank: Int) {
    runs = rank > 0 ? [0..<rank] : []
    count = rank
  }

  /// Leaves out those of the live that are not kept.
  public func keep(where isKept: (Int) -> Bool) {
    let kept = runs.joined().filter(isKept)
    count = kept.count
    runs = []
    for i in kept {
      if let last = runs.last, last.upperBound == i {
        runs[runs.count - 1] = last.lowerBound..<i + 1
      } else {
        runs.append(i..<i + 1)
      }
    }
  }
}
