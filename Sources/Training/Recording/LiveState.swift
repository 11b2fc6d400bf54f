// The present of a run, as its database has it in one row that is overwritten.

import Foundation

/// What a watcher needs of the moment that no step's row holds.
public struct LiveState: Sendable, Equatable {
  public var state: RunState
  public var stepsDone: Int
  public var tokensPerSecond: Double
  /// Seconds left, where it can be told.
  public var eta: Double?
  /// What the next step will use.
  public var beta1, beta2, orthRegWeight, learningRate, targetR: Double
  public var deltaT: Int
  /// The newest; empty before the first step, and for LORA.
  public var triplets: TripletFrame

  public init(
    state: RunState, stepsDone: Int, tokensPerSecond: Double, eta: Double?, beta1: Double, beta2: Double,
    orthRegWeight: Double, learningRate: Double, targetR: Double, deltaT: Int, triplets: TripletFrame
  ) {
    self.state = state
    self.stepsDone = stepsDone
    self.tokensPerSecond = tokensPerSecond
    self.eta = eta
    self.beta1 = beta1
    self.beta2 = beta2
    self.orthRegWeight = orthRegWeight
    self.learningRate = learningRate
    self.targetR = targetR
    self.deltaT = deltaT
    self.triplets = triplets
  }
}

extension RunState {
  /// As the columns `state` and `reason` have it.
  var recorded: (state: String, reason: String?) {
    switch self {
    case .training: ("training", nil)
    case .paused: ("paused", nil)
    case .evaluating: ("evaluating", nil)
    case .done: ("done", nil)
    case .waiting(let reason): ("waiting", reason)
    case .halted(let reason): ("halted", reason)
    case .failed(let reason): ("failed", reason)
    }
  }

  init?(recorded state: String, reason: String?) {
    switch state {
    case "training": self = .training
    case "paused": self = .paused
    case "evaluating": self = .evaluating
    case "done": self = .done
    case "waiting": self = .waiting(reason ?? "")
    case "halted": self = .halted(reason ?? "")
    case "failed": self = .failed(reason ?? "")
    default: return nil
    }
  }
}
