import AdaLoRA
import Foundation
import Kernels
import Testing

@Suite("Allocation rules")
struct AllocationRuleTests {
  private func select(_ rule: any AllocationRule, _ scores: [Float], budget: Int, rank: Int) -> ([Bool], Float?) {
    var kept = [Bool](repeating: true, count: scores.count)
    let threshold = rule.select(budget: budget, scores: scores, rank: rank, kept: &kept)
    return (kept, threshold)
  }

  /// What selection means, by sorting.
  private func naive(_ scores: [Float], budget: Int) -> ([Bool], Float?) {
    let order = scores.indices.sorted { scores[$0] > scores[$1] || (scores[$0] == scores[$1] && $0 < $1) }
    var kept = [Bool](repeating: false, count: scores.count)
    for i in order.prefix(budget) { kept[i] = true }
    return (kept, order.dropFirst(budget).first.map { scores[$0] })
  }

  @Test("the global rule equals a sort, with and without ties")
  func globalEqualsSort() {
    var random = RandomSource(seed: 1)
    for trial in 0..<400 {
      let count = 1 + random.index(below: 200)
      let levels = trial % 2 == 0 ? 1_000_000 : 1 + random.index(below: 6)
      // Small and large, both zeros, and negative ones.
      let unit = Float(pow(10, 8 * random.uniform() - 4))
      let scores = (0..<count).map { _ in
        unit * Float(random.index(below: levels) - levels / 3) * (trial % 3 == 0 ? -1 : 1)
      }
      let budget = random.index(below: count + 1)
      let (kept, threshold) = select(GlobalTopBudget(), scores, budget: budget, rank: 1)
      let (expected, cut) = naive(scores, budget: budget)
      #expect(kept == expected)
      #expect(threshold == cut)
    }
  }

  @Test("exactly b(t) stay when all scores are equal, and of equals the earlier")
  func ties() {
    let (kept, threshold) = select(GlobalTopBudget(), [2, 2, 2, 2, 2], budget: 2, rank: 5)
    #expect(kept == [true, true, false, false, false])
    #expect(threshold == 2)
  }

  @Test("a budget of everything prunes nothing and has no threshold")
  func nothingToPrune() {
    let (kept, threshold) = select(GlobalTopBudget(), [3, 1, 2], budget: 3, rank: 3)
    #expect(kept == [true, true, true])
    #expect(threshold == nil)
    #expect(select(ReferenceThreshold(), [3, 1, 2], budget: 3, rank: 3).0 == [true, true, true])
  }

  @Test("a budget of nothing prunes everything")
  func everythingPruned() {
    #expect(select(GlobalTopBudget(), [3, 1, 2], budget: 0, rank: 3).0 == [false, false, false])
  }

  @Test("the reference's rule prunes every tie at the threshold")
  func referenceTies() {
    let (kept, threshold) = select(ReferenceThreshold(), [5, 1, 1, 1, 4], budget: 3, rank: 5)
    #expect(kept == [true, false, false, false, true])
    #expect(threshold == 1)
  }

  @Test("the uniform rule gives each module its share and the first ones the remainder")
  func uniform() {
    let scores: [Float] = [9, 8, 7, 6, 1, 2, 3, 4, 5, 5, 5, 5]
    let (kept, _) = select(UniformShare(), scores, budget: 7, rank: 4)
    #expect(
      kept == [true, true, true, false, false, false, true, true, true, true, false, false])
  }
}
