// How many triplets all modules together may keep at each step: b(t), the paper's cubic curve.

/// The budget b(t) over a run: warm-up at b₀, a cubic fall, then b_T.
///
/// With t counted from 0:
///
///     t ≤ t_i               b₀, no mask
///     t_i < t ≤ T − t_f     int(b_T + (b₀ − b_T)·(1 − (t − t_i)/(T − t_f − t_i))³), masks when t mod ΔT = 0
///     t > T − t_f           b_T, masks every step
///
/// A target changed at step t_c while budgeting starts a new anchor, so that the curve stays continuous:
/// b(t) = int(b_T′ + (b(t_c) − b_T′)·(1 − (t − t_c)/(T − t_f − t_c))³).
/// Where rank grows b_T is above b₀, and the curve is linear: the exponents 3 become 1.
/// Source: `RankAllocator.budget_schedule` of PEFT; equation 14 of the paper is misprinted (it exceeds b₀).
public struct BudgetSchedule: Codable, Sendable, Equatable {
  public enum Phase: String, Codable, Sendable { case warmup, budgeting, final }

  /// How the way from b₀ to b_T is gone: the power of what is left of the time.
  public enum Curve: String, Codable, Sendable { case cubic, linear }

  /// Where a piece of the curve begins and what it falls to.
  public struct Anchor: Codable, Sendable, Equatable {
    /// The step from which the piece holds.
    public var step: Int
    /// The budget at that step.
    public var budget: Int
    /// The budget that the piece reaches at T − t_f.
    public var target: Int
  }

  /// b₀, in triplets.
  public let initialBudget: Int
  /// The triplets that there is room for: b₀ where rank does not grow.
  public let room: Int
  public let curve: Curve
  /// t_i, t_f and T, in steps.
  public let initialWarmup: Int
  public let finalWarmup: Int
  public let totalSteps: Int
  /// ΔT, in steps.
  public private(set) var maskInterval: Int
  /// The pieces of the curve in order of their steps; the first begins at t_i.
  public private(set) var anchors: [Anchor]

  /// - Precondition: T > t_i + t_f, ΔT ≥ 1, 0 ≤ target ≤ room.
  public init(
    initialBudget: Int, targetBudget: Int, room: Int? = nil, curve: Curve = .cubic, initialWarmup: Int,
    finalWarmup: Int, maskInterval: Int, totalSteps: Int
  ) {
    let room = room ?? initialBudget
    precondition(
      totalSteps > initialWarmup + finalWarmup && initialWarmup >= 0 && finalWarmup >= 0,
      "T \(totalSteps) must exceed t_i \(initialWarmup) + t_f \(finalWarmup)")
    precondition(maskInterval >= 1, "ΔT \(maskInterval) must be at least 1")
    precondition(
      targetBudget >= 0 && targetBudget <= room && initialBudget <= room,
      "the target \(targetBudget) must lie in 0...\(room), and the start \(initialBudget)")
    self.initialBudget = initialBudget
    self.room = room
    self.curve = curve
    self.initialWarmup = initialWarmup
    self.finalWarmup = finalWarmup
    self.totalSteps = totalSteps
    self.maskInterval = maskInterval
    self.anchors = [Anchor(step: initialWarmup, budget: initialBudget, target: targetBudget)]
  }

  /// A schedule from before rank could grow has neither room nor curve.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    initialBudget = try values.decode(Int.self, forKey: .initialBudget)
    room = try values.decodeIfPresent(Int.self, forKey: .room) ?? initialBudget
    curve = try values.decodeIfPresent(Curve.self, forKey: .curve) ?? .cubic
    initialWarmup = try values.decode(Int.self, forKey: .initialWarmup)
    finalWarmup = try values.decode(Int.self, forKey: .finalWarmup)
    totalSteps = try values.decode(Int.self, forKey: .totalSteps)
    maskInterval = try values.decode(Int.self, forKey: .maskInterval)
    anchors = try values.decode([Anchor].self, forKey: .anchors)
  }

  /// Whether what `init` demands holds: a schedule that was read from a file may hold anything.
  public var isSound: Bool {
    initialWarmup >= 0 && finalWarmup >= 0 && totalSteps > 0 && initialWarmup < totalSteps
      && finalWarmup < totalSteps - initialWarmup && maskInterval >= 1 && initialBudget >= 0 && initialBudget <= room
      && !anchors.isEmpty
      && anchors.allSatisfy {
        (0...room).contains($0.budget) && (0...room).contains($0.target)
          && (initialWarmup..<finalStep).contains($0.step)
      }
  }

  /// T − t_f, the last budgeting step.
  public var finalStep: Int { totalSteps - finalWarmup }

  /// The most that the curve reaches.
  public var highestBudget: Int { anchors.reduce(initialBudget) { max($0, $1.budget, $1.target) } }

  /// b_T as it now stands.
  public var targetBudget: Int { anchors[anchors.count - 1].target }

  public func phase(at step: Int) -> Phase {
    step <= initialWarmup ? .warmup : step > finalStep ? .final : .budgeting
  }

  /// How much of the way from t_i to T − t_f is behind, 0…1.
  public func progress(at step: Int) -> Double {
    min(max(Double(step - initialWarmup) / Double(finalStep - initialWarmup), 0), 1)
  }

  /// b(t), in triplets. O(number of anchors).
  public func budget(at step: Int) -> Int {
    switch phase(at: step) {
    case .warmup: return initialBudget
    case .final: return targetBudget
    case .budgeting:
      var piece = anchors[0]
      for anchor in anchors.dropFirst() where anchor.step <= step { piece = anchor }
      let left = 1 - Double(step - piece.step) / Double(finalStep - piece.step)
      let share = curve == .cubic ? left * left * left : left
      return Int(Double(piece.budget - piece.target) * share + Double(piece.target))
    }
  }

  /// Whether the table above masks at step t: with ΔT while budgeting, always in the final phase.
  public func masks(at step: Int) -> Bool {
    switch phase(at: step) {
    case .warmup: return false
    case .budgeting: return step % maskInterval == 0
    case .final: return true
    }
  }

  /// Changes b_T from step `step` on. During warm-up the curve is simply drawn anew; while budgeting it goes on from
  /// b(step) to the new target.
  /// - Returns: false, and nothing changed, after T − t_f, where the target is fixed.
  public mutating func setTarget(_ target: Int, at step: Int) -> Bool {
    guard step < finalStep, target >= 0, target <= room else { return false }
    if step <= initialWarmup {
      anchors = [Anchor(step: initialWarmup, budget: initialBudget, target: target)]
    } else {
      let now = budget(at: step)
      anchors.removeAll { $0.step >= step && $0.step > initialWarmup }
      anchors.append(Anchor(step: step, budget: now, target: target))
    }
    return true
  }

  /// Changes ΔT from now on.
  /// - Returns: false, and nothing changed, after T − t_f.
  public mutating func setMaskInterval(_ interval: Int, at step: Int) -> Bool {
    guard step < finalStep, interval >= 1 else { return false }
    maskInterval = interval
    return true
  }
}
