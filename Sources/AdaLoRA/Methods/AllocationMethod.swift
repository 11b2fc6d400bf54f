// What one way to spend rank says of itself. `RankAllocator` drives any of them.

/// A method: how an adapter writes ΔW, how much rank it starts with, and what it keeps at a mask.
///
/// One small file in this folder holds one method; `ListedMethod` lists them.
public protocol AllocationMethod: Sendable {
  /// As an experiment file's `adapter.method` names it.
  var name: String { get }
  var parameterization: any Parameterization { get }
  /// Whether triplets are scored and masked; where not, every module keeps its rank to the end.
  var allocates: Bool { get }
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

  public func select(_ question: MaskQuestion, kept: inout [Bool]) -> Float? {
    question.keepBest(&kept)
  }
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
  /// S of every triplet by the run's rule, module-major.
  public var scores: [Float]
  /// Triplets that a module has room for.
  public var rank: Int
  /// How a budget is spent on scores.
  public var rule: any AllocationRule

  public init(budget: Int, scores: [Float], rank: Int, rule: any AllocationRule = GlobalTopBudget()) {
    self.budget = budget
    self.scores = scores
    self.rank = rank
    self.rule = rule
  }

  /// Keeps what the rule says, whatever was kept before.
  /// - Returns: the largest score that was pruned; nil where nothing was.
  public func keepBest(_ kept: inout [Bool]) -> Float? {
    rule.select(budget: budget, scores: scores, rank: rank, kept: &kept)
  }
}
