import AdaLoRA
import Kernels
import Testing

@Suite("A budget of parameters")
struct TripletPricesTests {
  private func random(_ count: Int, seed: UInt64) -> [Float] {
    var random = RandomSource(seed: seed)
    return (0..<count).map { _ in Float(random.index(below: 60)) }
  }

  @Test("b₀ and b_T come to what so many triplets in every module cost")
  func limits() {
    let prices = TripletPrices(.parameters, sizes: [(384, 384), (1536, 384), (384, 1536)])
    #expect(prices.limit(of: 3 * 12) == 12 * (768 + 1920 + 1920))
    #expect(prices.limit(of: 3 * 4) == 4 * (768 + 1920 + 1920))
    #expect(prices.cost([true, false, true, true, false, true], rank: 2) == 768 + 2 * 1920 + 1920)
    #expect(TripletPrices(modules: 3).limit(of: 7) == 7)
  }

  @Test("is the budget of triplets where all modules have one size, by every rule", arguments: ScoringRule.allCases)
  func equalSizes(rule: ScoringRule) {
    let prices = TripletPrices(.parameters, sizes: Array(repeating: (5, 9), count: 6))
    for seed in 0..<50 {
      let scores = random(24, seed: UInt64(seed))
      for budget in 0...24 {
        var byRank = [Bool](repeating: true, count: 24)
        var byParameters = byRank
        let first = rule.allocation.select(budget: budget, scores: scores, rank: 4, kept: &byRank)
        let second = rule.allocation.select(
          budget: budget, prices: prices, scores: scores, rank: 4, kept: &byParameters)
        #expect(byRank == byParameters && first == second)
      }
    }
  }

  @Test("the best are bought until the next cannot be paid, whatever comes after it")
  func bought() {
    let prices = TripletPrices(.parameters, sizes: [(1, 1), (5, 5), (2, 2)])
    for seed in 0..<50 {
      let scores = random(12, seed: UInt64(seed))
      for budget in 0...12 {
        var kept = [Bool](repeating: true, count: 12)
        let threshold = GlobalTopBudget().select(budget: budget, prices: prices, scores: scores, rank: 4, kept: &kept)
        var expected = [Bool](repeating: false, count: 12)
        var left = budget * 16 / 3
        var cut: Float?
        for i in scores.indices.sorted(by: { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }) {
          guard left >= prices.each[i / 4] else {
            cut = scores[i]
            break
          }
          left -= prices.each[i / 4]
          expected[i] = true
        }
        #expect(kept == expected && threshold == cut)
        #expect(prices.cost(kept, rank: 4) <= prices.limit(of: budget))
      }
    }
  }

  @Test("a uniform budget of parameters is the same rank everywhere, the rest in module order while it can be paid")
  func uniform() {
    let prices = TripletPrices(.parameters, sizes: [(1, 1), (5, 5), (2, 2)])
    var kept = [Bool](repeating: true, count: 12)
    // 5 triplets of 16/3: 26, of which one in each takes 16; then 2 and not 10.
    _ = UniformShare().select(budget: 5, prices: prices, scores: random(12, seed: 3), rank: 4, kept: &kept)
    #expect((0..<3).map { k in (0..<4).count { kept[4 * k + $0] } } == [2, 1, 1])
  }
}
