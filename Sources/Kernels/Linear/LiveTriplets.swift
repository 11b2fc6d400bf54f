// Which triplets of a low-rank path take part in its products.

/// All of them at first; those whose λ stays 0 may be left out between steps.
public final class LiveTriplets: @unchecked Sendable {
  // Unchecked: changed between steps only.

  /// Triplets that lie together in the factors, in their order.
  public private(set) var runs: [Range<Int>] = []
  public private(set) var count = 0
  private let rank: Int

  /// All of `rank`.
  public init(rank: Int) {
    self.rank = rank
    choose { _ in true }
  }

  public func choose(where isLive: (Int) -> Bool) {
    runs = []
    count = 0
    for i in 0..<rank where isLive(i) {
      count += 1
      if let last = runs.last, last.upperBound == i {
        runs[runs.count - 1] = last.lowerBound..<i + 1
      } else {
        runs.append(i..<i + 1)
      }
    }
  }
}
