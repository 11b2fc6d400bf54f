// The learning rate's multiplier over a run, as HuggingFace's schedulers have it.

import Foundation

/// What the base rate η is multiplied by at step t (0-based).
public enum LearningRateSchedule: String, Codable, Sendable, CaseIterable {
  case linear, cosine, constant

  /// With W = ⌈warmupRatio·T⌉: t/W below W, then (T − t)/(T − W) or half a cosine; `constant` has no warm-up.
  public func factor(step: Int, totalSteps: Int, warmupRatio: Double) -> Double {
    guard self != .constant else { return 1 }
    let warmup = Int((warmupRatio * Double(totalSteps)).rounded(.up))
    if step < warmup { return Double(step) / Double(warmup) }
    let progress = Double(step - warmup) / Double(max(totalSteps - warmup, 1))
    return self == .linear ? max(0, 1 - progress) : 0.5 * (1 + cos(.pi * min(progress, 1)))
  }
}
