// What shadows of a run kept, mask by mask.

import AdaLoRA
import Models

/// Looks at a session's shadows after every step.
public final class ShadowReport {
  /// What an allocator has decided as of a step.
  public struct Decision: Sendable {
    public var budget, kept: Int
    /// The largest score that its last mask pruned.
    public var threshold: Double?
    /// Kept triplets a module.
    public var ranks: [Int]
  }

  /// A step at which the run or a shadow chose what stays.
  public struct Mask: Sendable {
    public var step: Int
    public var run: Decision
    /// In the order of the shadows, each with what it has in common with the run.
    public var shadows: [(decision: Decision, agreement: PatternAgreement)]
  }

  private let session: Session
  private let allocator: RankAllocator
  /// Masks that can still change the pattern, of the run and of each shadow: their number and whether it is final.
  private var seen: [(masks: Int, isFinal: Bool)]
  private var masks = 0
  private var agreements: [Double]

  /// - Parameter session: with its shadows; nil where its rank is fixed.
  public init?(_ session: Session) {
    guard let allocator = session.trainer.allocator else { return nil }
    self.session = session
    self.allocator = allocator
    agreements = session.shadowAllocators.map { _ in 0 }
    seen = []
    seen = allocators.map { ($0.maskCount, $0.isFrozen) }
  }

  private var allocators: [RankAllocator] { [allocator] + session.shadowAllocators.map(\.allocator) }

  /// - Returns: nil where nothing was chosen in the step, or an earlier choice was applied again.
  public func mask(after record: StepRecord) -> Mask? {
    let before = seen
    seen = allocators.map { ($0.maskCount, $0.isFrozen) }
    guard zip(before, seen).contains(where: { !$0.isFinal && $0.masks < $1.masks }) else { return nil }
    let now = state(step: record.step, budget: record.budget)
    masks += 1
    for (index, shadow) in now.shadows.enumerated() { agreements[index] += shadow.agreement.jaccard }
    return now
  }

  private func state(step: Int, budget: Int) -> Mask {
    Mask(
      step: step, run: Decision(allocator, budget: budget),
      shadows: session.shadowAllocators.map { shadow in
        (
          Decision(shadow.allocator, budget: shadow.budget),
          PatternAgreement(allocator.kept, shadow.allocator.kept, rank: allocator.scores.rank)
        )
      })
  }

  /// How it stands at the end.
  /// - Parameter verdict: whether the replay was the recorded run.
  public func summary(_ verdict: ReplayCheck.Verdict) -> JSON {
    let names = session.description.modules.map(\.name)
    func ranks(_ decision: Decision) -> JSON {
      .object(JSONObject(zip(names, decision.ranks).map { ($0, .integer($1)) }))
    }
    let end = last
    let shadows = zip(session.shadowAllocators, end.shadows).enumerated().map { index, pair -> JSON in
      let (shadow, state) = pair
      return .object(
        JSONObject([
          ("settings", .string(shadow.settings.text)), ("kept", .integer(state.decision.kept)),
          ("common", .integer(state.agreement.common)), ("jaccard", .number(state.agreement.jaccard)),
          ("mean_jaccard", masks > 0 ? .number(agreements[index] / Double(masks)) : .null),
          ("spearman", .number(state.agreement.spearman)), ("ranks", ranks(state.decision)),
        ]))
    }
    return .object(
      JSONObject([
        ("run", .string(session.description.run)), ("steps", .integer(session.trainer.stepsDone)),
        ("exact", .bool(verdict.difference == nil)), ("difference", verdict.difference.map { .string($0) } ?? .null),
        ("masks", .integer(masks)), ("kept", .integer(end.run.kept)), ("ranks", ranks(end.run)),
        ("shadows", .array(shadows)),
      ]))
  }

  /// As of the latest step.
  public var last: Mask { state(step: session.trainer.stepsDone - 1, budget: allocator.keptCount) }
}

extension ShadowReport.Decision {
  init(_ allocator: RankAllocator, budget: Int) {
    self.init(
      budget: budget, kept: allocator.keptCount, threshold: allocator.threshold.map(Double.init), ranks: allocator.ranks
    )
  }

  fileprivate var entries: [(String, JSON)] {
    [
      ("budget", .integer(budget)), ("kept", .integer(kept)),
      ("threshold", threshold.map { .number($0) } ?? .null), ("ranks", .array(ranks.map { .integer($0) })),
    ]
  }
}

extension ShadowReport.Mask {
  /// Ranks are in the order of the summary's modules, shadows in that of the summary's.
  public var json: JSON {
    let shadows = shadows.map { shadow -> JSON in
      .object(
        JSONObject(
          shadow.decision.entries + [
            ("common", .integer(shadow.agreement.common)), ("jaccard", .number(shadow.agreement.jaccard)),
            ("spearman", .number(shadow.agreement.spearman)),
          ]))
    }
    return .object(JSONObject([("step", .integer(step))] + run.entries + [("shadows", .array(shadows))]))
  }
}
