// What a person's hand can ask of the training loop. Plain values, so that they can cross a file or a socket.

import AdaLoRA

/// The hyper-parameters that can be changed while a run trains.
public enum Hyperparameter: String, Codable, Sendable, CaseIterable {
  case beta1, beta2
  /// γ.
  case orthRegWeight = "orth_reg_weight"
  /// η, the base rate; the schedule's multiplier goes on.
  case learningRate = "learning_rate"
  case deltaT
  /// Target rank a module; may be fractional, since the budget is in triplets.
  case targetR = "target_r"
}

/// One order to the training loop, applied between two steps.
public enum Command: Codable, Sendable, Equatable {
  case pause
  /// Pauses when `step` steps are done.
  case pauseAt(step: Int)
  case resume
  /// Trains so many steps, then pauses again.
  case step(count: Int)
  case set(Hyperparameter, Double)
  /// Takes back the last change that has not been taken back, as a new change.
  case undo
  /// Evaluates now.
  case evaluate
  /// Writes a snapshot (`formats`: empty = everything) into the run's `snapshots/`.
  case export(formats: [String])
  /// Writes a resumable state.
  case checkpoint
  /// Makes a new run of this one as it was when `step` steps were done (nil: as it is now) and trains it in a process of
  /// its own.
  case fork(step: Int?)
  /// Goes back to before the last change, as if it had not been made.
  case rewind
  /// Goes on from the last checkpoint after a number that is not finite, with another η (nil: half of what it was).
  case recover(learningRate: Double?)
  /// Adds a shadow from now on; nil removes all. Nothing of it is recorded.
  case whatIf(ShadowSettings?)
  /// Ends the run; `discard` leaves no adapter behind.
  case stop(discard: Bool)
}

/// A command that changed the run, with the step before whose forward it took effect.
public struct Intervention: Codable, Sendable, Equatable {
  public var step: Int
  public var parameter: Hyperparameter
  public var old: Double
  public var new: Double
  /// Whether it takes an earlier one back.
  public var isUndo: Bool
}

/// A line of the run's story, for the Events panel and the log.
public struct Event: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable {
    case started, mask, intervention, evaluation, export, checkpoint, warning, refused, paused, resumed, finished,
      failed
  }
  public var step: Int
  public var kind: Kind
  public var text: String

  public init(step: Int, kind: Kind, text: String) {
    self.step = step
    self.kind = kind
    self.text = text
  }
}

/// A command and the step before whose forward it is applied.
public struct ScheduledCommand: Codable, Sendable, Equatable {
  public var step: Int
  public var command: Command
  /// As it was written.
  public var text: String

  public init(step: Int, command: Command, text: String) {
    self.step = step
    self.command = command
    self.text = text
  }
}
