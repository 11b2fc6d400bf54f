// ElaLoRA: at a constant total rank the weakest triplets go and modules whose weakest is strong get one more.

import Glibc

/// Each mask looks at the two lowest scores of every module, which keeps one at least. Of these, the four lowest are
/// pruned, and the modules of the four highest get a triplet each; the four become fewer with the cube of the time, none
/// at T − t_f (arXiv 2504.00254, with the defaults of its authors' code).
///
/// A new triplet has λ = 0 and random P and Q of length 1, orthogonal to its module's others. Differences: a module cannot
/// outgrow `init_r`; a new triplet's Ī and Ū start from 0 and its second moment of Adam from what its place had.
public struct ElaLoRAMethod: AllocationMethod {
  public let name = "elalora"
  public var parameterization: any Parameterization { SVDParameterization() }
  public var curve: BudgetSchedule.Curve { .linear }
  public var unkept: UnkeptTriplets { .wait(lambda: 0, startsAnew: true) }
  /// b: exchanged in the first round.
  static let exchanged = 4
  /// k: looked at in each module.
  static let candidates = 2

  public init() {}

  public func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks {
    ModuleRanks(room: initial, first: target, last: target)
  }

  public func select(_ question: MaskQuestion, kept: inout [Bool]) -> Float? {
    let (rank, prices, limit) = (question.rank, question.prices, question.limit)
    func ascending(_ triplets: [Int]) -> [Int] {
      triplets.sorted { (question.scores[$0], $0) < (question.scores[$1], $1) }
    }
    var pool: [Int] = []
    for module in prices.each.indices {
      let own = ascending((module * rank..<(module + 1) * rank).filter { kept[$0] })
      pool += own.prefix(max(min(Self.candidates, own.count - 1), 0))
    }
    pool = ascending(pool)
    // A uniform allocation has nothing to exchange.
    let count = Int((Double(Self.exchanged) * (1 - pow(question.progress, 3))).rounded())
    let pruned = question.scoring == .uniform ? [] : Array(pool.prefix(count))
    // Where each new triplet goes is settled before places become free, so that none is taken in as it was.
    var grown: [Int] = []
    var cost = prices.cost(kept, rank: rank) - pruned.reduce(0) { $0 + prices.each[$1 / rank] }
    var taken = kept
    for strong in pool.reversed() {
      guard let triplet = question.firstFree(strong / rank, taken) else { continue }
      guard cost + prices.each[strong / rank] <= limit else { break }
      cost += prices.each[strong / rank]
      taken[triplet] = true
      grown.append(triplet)
    }
    for triplet in pruned { kept[triplet] = false }
    // Only where the target was lowered.
    var surplus: [Int] = []
    for triplet in ascending(kept.indices.filter { kept[$0] }) where cost > limit {
      cost -= prices.each[triplet / rank]
      surplus.append(triplet)
    }
    for triplet in surplus { kept[triplet] = false }
    for triplet in grown { kept[triplet] = true }
    return (pruned + surplus).map { question.scores[$0] }.max()
  }
}
