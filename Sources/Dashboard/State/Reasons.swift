// Why a command cannot be sent now: keys, the command line, the footer and the help ask the same.

import Training

extension DashboardState {
  /// Why a command cannot be sent now, or nil.
  func reasonAgainst(_ command: Command) -> String? {
    guard let frame else { return Reason.noRun }
    if let reason = reasonOfControl(against: command) { return reason }
    switch command {
    case .export: return nil
    case _ where isOver: return Reason.over
    case .stop: return nil
    case .recover: return haltReason == nil ? "nothing to recover from: the run is not halted" : nil
    case .fork(let step):
      guard let step, step > frame.stepsDone else { return nil }
      return "step \(step) is not done yet; \(frame.stepsDone) steps are"
    case .rewind: return frame.interventions.isEmpty ? "no change to go back before" : nil
    case .undo where haltReason == nil:
      let depth = frame.interventions.reduce(0) { max($0 + ($1.isUndo ? -1 : 1), 0) }
      return depth > 0 || changes.contains { $0.step == nil } ? nil : "no change to take back"
    case _ where haltReason != nil: return Reason.halted
    case .set(let parameter, _): return reasonAgainstChanging(parameter)
    case .whatIf(nil): return frame.shadows.isEmpty ? Reason.noShadow : nil
    case .whatIf:
      if hasFixedRank { return Reason.noAllocation }
      guard let schedule = frame.schedule, frame.stepsDone > schedule.finalStep else { return nil }
      return "the pattern is final after T − t_f = \(schedule.finalStep)"
    case .pauseAt(let step):
      return step > frame.stepsDone ? nil : "step \(step) is over; \(frame.stepsDone) steps are done"
    case .pause, .resume, .step, .evaluate, .checkpoint, .undo:
      if case .waiting(let why) = frame.state { return Reason.waiting(why) }
    }
    switch command {
    case .pause: return frame.state == .paused ? "paused already" : nil
    case .resume: return frame.state == .paused ? nil : "it is training already"
    case .step: return frame.state == .paused ? nil : "pause first (space)"
    case .evaluate: return frame.description.metric.isEmpty ? "this run has no evaluation" : nil
    default: return nil
    }
  }

  /// Why whoever looks from here cannot give such a command, or nil.
  private func reasonOfControl(against command: Command) -> String? {
    switch control {
    case .own(let keepsCheckpoints):
      switch command {
      case .checkpoint, .fork, .rewind, .recover: return keepsCheckpoints ? nil : Reason.noCheckpoints
      default: return nil
      }
    case .replay:
      switch command {
      case .pause, .pauseAt, .resume, .step, .stop, .whatIf: return nil
      default: return Reason.replay
      }
    case .readOnly: return isOver ? Reason.ended : Reason.readOnly
    case .remote:
      if isOver { return Reason.ended }
      switch command {
      case .set, .pause, .resume, .step, .stop(discard: false): return nil
      default: return Reason.remote
      }
    }
  }

  /// Why a hyper-parameter cannot change now, or nil.
  func reasonAgainstChanging(_ parameter: Hyperparameter) -> String? {
    guard let frame else { return Reason.noRun }
    if control == .readOnly { return isOver ? Reason.ended : Reason.readOnly }
    if control == .replay { return Reason.replay }
    if isOver { return Reason.over }
    if haltReason != nil { return Reason.halted }
    if !steers(parameter) { return parameter == .orthRegWeight ? Reason.noRegularizer : Reason.noAllocation }
    guard let schedule = frame.schedule, parameter == .targetR || parameter == .deltaT else { return nil }
    let what = parameter == .targetR ? "the target" : "ΔT"
    return frame.stepsDone >= schedule.finalStep ? "\(what) is fixed after T − t_f = \(schedule.finalStep)" : nil
  }

  /// Why the run cannot go on without this screen, or nil.
  var reasonAgainstBackground: String? {
    guard control == .own(keepsCheckpoints: true) else { return Reason.noCheckpoints }
    return haltReason == nil ? nil : Reason.halted
  }

  /// Why space does nothing, or nil. On a halted run it asks how to go on.
  var reasonAgainstPauseOrResume: String? {
    if haltReason != nil, control == .own(keepsCheckpoints: true) { return nil }
    return reasonAgainst(frame?.state == .paused ? .resume : .pause)
  }
}

/// The reasons that stand in more than one place.
enum Reason {
  static let noRun = "no run yet"
  static let over = "the run is over"
  static let noAllocation = "fixed rank: no allocation"
  static let noRegularizer = "no λ: no regulariser"
  static let noCheckpoints = "this run keeps no checkpoints"
  static let readOnly = "read-only: another process trains this run"
  static let ended = "the run has ended"
  static let remote = "another process trains this run; from here it takes set, pause, resume, step and stop"
  static let replay = "a replay: what was recorded stays as it was"
  static let noShadow = "no other rule watches; :whatif score=magnitude lets one"
  static let left = "another process trains this run; leaving changes nothing for it"
  static let halted = "the run is halted; :recover goes on from the last checkpoint"
  static func waiting(_ why: String) -> String { "it waits and goes on by itself: \(cellText(why))" }
}

extension RunState {
  public var isOver: Bool {
    switch self {
    case .done, .failed: true
    case .training, .paused, .evaluating, .waiting, .halted: false
    }
  }

  /// `training`, `waiting: No space left on device`.
  public var words: String {
    switch self {
    case .training: "training"
    case .paused: "paused"
    case .evaluating: "evaluating"
    case .done: "done"
    case .waiting(let why): "waiting: \(cellText(why))"
    case .halted(let why): "halted: \(cellText(why))"
    case .failed(let why): "failed: \(cellText(why))"
    }
  }
}
