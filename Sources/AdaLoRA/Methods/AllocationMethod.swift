// What one way to spend rank says of itself. `RankAllocator` drives any of them.

/// A method: how an adapter writes ΔW, how much rank it starts with, and what it keeps at a mask.
///
/// One small file in this folder holds one method; `ListedMethod` lists them. What is left out is as AdaLoRA has it.
public protocol AllocationMethod: Sendable {
  /// As an experiment file's `adapter.method` names it.
  var name: String { get }
  var parameterization: any Parameterization { get }
  /// Whether triplets are scored and masked; where not, every module keeps its rank to the end.
  var allocates: Bool { get }
  /// How b(t) goes from the first rank to the last.
  var curve: BudgetSchedule.Curve { get }
  var unkept: UnkeptTriplets { get }
  /// Whether what is kept stays, so that a target below it cannot be met.
  var onlyGrows: Bool { get }
  /// What a module's rank is, of what an experiment asks for.
  /// - Parameters:
  ///   - r: `r`. - initial: `init_r`. - target: `target_r`.
  func ranks(r: Int, initial: Int, target: Int) -> ModuleRanks
  /// Sets which triplets are kept from now on; `kept` arrives as the last mask left it.
  /// - Returns: the largest score that was pruned; nil where nothing was.
  func select(_ question: MaskQuestion, kept: inout [Bool]) -> Float?
}

extension AllocationMethod {
  public var allocates: Bool { true }
  public var curve: BudgetSchedule.Curve { .cubic }
  public var unkept: UnkeptTriplets { .trainOn }
  public var onlyGrows: Bool { false }

  public func select(_ question: MaskQuestion, kept: inout [Bool]) -> Float? {
    question.keepBest(&kept)
  }

  /// Whether triplets wait for their turn: modules start with less than they have room for.
  public var grows: Bool { if case .wait = unkept { true } else { false } }
}

/// What becomes of a triplet that is not kept, until the pattern is final.
public enum UnkeptTriplets: Sendable, Equatable {
  /// A mask takes it out of ΔW, then it trains on until the next one: it may come back.
  case trainOn
  /// It stays out of ΔW. While a step is computed its λ is `lambda`: not 0, so that P and Q learn before their turn.
  /// - Parameter startsAnew: whether P and Q are drawn when it is taken in, orthogonal to the module's others.
  case wait(lambda: Float, startsAnew: Bool)
}

/// A module's rank over a run, in triplets.
public struct ModuleRanks: Sendable, Equatable {
  /// The most that a module can have: its tensors' size.
  public var room: Int
  /// What every module starts with.
  public var first: Int
  /// The mean over modules at the end.
  public var last: Int

  public init(room: Int, first: Int, last: Int) {
    self.room = room
    self.first = first
    self.last = last
  }
}

/// What a mask is decided from.
public struct MaskQuestion: Sendable {
  /// b(t), in triplets.
  public var budget: Int
  public var prices: TripletPrices
  /// S of every triplet by the run's rule, module-major; all are numbers.
  public var scores: [Float]
  public var scoring: ScoringRule
  /// Triplets that a module has room for.
  public var rank: Int
  /// How much of the way from t_i to T − t_f is behind, 0…1.
  public var progress: Double
  /// How a budget is spent on scores alone.
  public var rule: any AllocationRule

  public init(
    budget: Int, prices: TripletPrices, scores: [Float], scoring: ScoringRule = .smoothed, rank: Int,
    progress: Double = 0, rule: (any AllocationRule)? = nil
  ) {
    self.budget = budget
    self.prices = prices
    self.scores = scores
    self.scoring = scoring
    self.rank = rank
    self.progress = progress
    self.rule = rule ?? scoring.allocation
  }

  /// b(t) in the unit of the prices.
  public var limit: Int { prices.limit(of: budget) }

  /// Keeps what the rule says, whatever was kept before.
  /// - Returns: the largest score that was pruned; nil where nothing was.
  public func keepBest(_ kept: inout [Bool]) -> Float? {
    rule.select(budget: budget, prices: prices, scores: scores, rank: rank, kept: &kept)
  }

  /// The first triplet of a module that is not kept; nil where it has no room.
  public func firstFree(_ module: Int, _ kept: [Bool]) -> Int? {
    (module * rank..<(module + 1) * rank).first { !kept[$0] }
  }
}
