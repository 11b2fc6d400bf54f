// IncreLoRA: modules start with one triplet each and are given more, by the score of the module.

/// Each mask gives one triplet more to each of the best modules, as many as b(t) allows, round again where it allows more
/// than there are (arXiv 2308.12043). Triplets to come learn P and Q in advance, under a λ of 1e-5.
///
/// A module's score here is Σ S over its kept triplets: the paper's mean |ΔW ∘ ∂L/∂ΔW| needs the gradient of ΔW, which is
/// never formed. Other differences: b(t) is given and rises evenly from t_i to T − t_f, where the paper gives the modules a
/// round and the interval; the scale does not fall as rank grows; new triplets have the learning rate of all others.
public struct IncreLoRAMethod: AllocationMethod {
  public let name = "increlora"
  public var parameterization: any Parameterization { SVDParameterization() }
  public var curve: BudgetSchedule.Curve { .linear }
  public var unkept: UnkeptTriplets { .wait(lambda: 1e-5, startsAnew: false) }
  public var onlyGrows: Bool { true }

  public init() {}

  public func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks {
    ModuleRanks(room: initial, first: 1, last: target)
  }

  public func select(_ question: MaskQuestion, kept: inout [Bool]) -> Float? {
    let rank = question.rank
    let scores = question.prices.each.indices.map { module -> Float in
      let own = (module * rank..<(module + 1) * rank).filter { kept[$0] }
      return question.scoring == .uniform ? -Float(own.count) : own.reduce(0) { $0 + question.scores[$1] }
    }
    let best = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    var left = question.limit - question.prices.cost(kept, rank: rank)
    var hasGrown = true
    while hasGrown {
      hasGrown = false
      for module in best {
        guard let triplet = question.firstFree(module, kept) else { continue }
        left -= question.prices.each[module]
        guard left >= 0 else { return nil }
        kept[triplet] = true
        hasGrown = true
      }
    }
    return nil
  }
}
