import Testing

@testable import Training

@Suite("Shards of a batch")
struct ShardPlannerTests {
  /// The lengths that each worker gets.
  private func shards(_ lengths: [Int], workers: Int) -> [[Int]] {
    var planner = ShardPlanner(sequences: lengths.count, workers: workers)
    planner.plan(count: lengths.count) { lengths[$0] }
    var shards = [[Int]](repeating: [], count: workers)
    planner.forEach(count: lengths.count) { shards[$1].append(lengths[$0]) }
    return shards
  }

  @Test("short sequences are dealt by tokens")
  func tokens() {
    #expect(shards([8, 3, 5, 2], workers: 2) == [[8], [3, 5, 2]])
    #expect(shards([9, 9, 9, 9], workers: 2) == [[9, 9], [9, 9]])
    #expect(shards([4], workers: 3) == [[4], [], []])
  }

  @Test("a long sequence weighs more than its tokens: attention is quadratic")
  func attention() {
    // By tokens the second worker would be the lighter one until it has 512.
    let shards = shards([512] + [Int](repeating: 8, count: 70), workers: 2)
    #expect(shards[0] == [512])
    #expect(shards[1].reduce(0, +) == 560)
  }
}
