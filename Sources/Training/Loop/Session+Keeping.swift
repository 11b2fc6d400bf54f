// How a session lasts: checkpoints, what is due by itself, going back, and what stops it for a while.

import AdaLoRA
import Foundation
import Models

/// Something that happens before a step's forward without anybody's hand.
enum DueCommand {
  /// A change that the log has already.
  case logged(Intervention)
  /// From the experiment or the command line; its number is its place there.
  case scheduled(ScheduledCommand, number: Int)

  var step: Int {
    switch self {
    case .logged(let change): change.step
    case .scheduled(let command, _): command.step
    }
  }
}

extension Session {
  // MARK: Going on

  /// Takes up a run where a checkpoint left it.
  func take(_ state: CheckpointState, past: [HistoryPoint], events: [Event]) {
    interventions = state.interventions
    lastEvaluation = state.lastEvaluation
    remember(past: past, events: events)
    recordChangesOfThisMoment()
  }

  /// The database has lost the rows of the step that comes next, and with them those of changes that the state holds.
  private func recordChangesOfThisMoment() {
    let changes = interventions.filter { $0.step == trainer.stepsDone }
    for change in changes { journal?.record(change) }
    if changes.contains(where: { [.targetR, .deltaT].contains($0.parameter) }),
      let schedule = trainer.allocator?.schedule
    {
      journal?.record(schedule: schedule, from: trainer.stepsDone)
    }
  }

  /// What happens by itself from here on: first what the log has, then what is scheduled and was not done yet.
  /// - Parameter goesOn: whether the run is taken up where it was left.
  func schedule(_ commands: [ScheduledCommand], goesOn: Bool) {
    let logged = journal?.changes(after: interventions) ?? []
    let done = journal?.doneSchedule ?? []
    let first = trainer.stepsDone
    let open = commands.enumerated().filter { number, scheduled in
      scheduled.step >= first && !done.contains(number) && !(goesOn && stopsHere(scheduled))
    }
    // Sorting is stable by number within a step; what is logged comes first.
    let scheduled = open.sorted { ($0.element.step, $0.offset) < ($1.element.step, $1.offset) }
      .map { DueCommand.scheduled($0.element, number: $0.offset) }
    due = merge(logged.map { .logged($0) }, scheduled)
  }

  /// Whether a command is what the run stopped for where it now goes on.
  private func stopsHere(_ scheduled: ScheduledCommand) -> Bool {
    guard scheduled.step == trainer.stepsDone else { return false }
    return switch scheduled.command {
    case .stop, .pause: true
    default: false
    }
  }

  private func merge(_ first: [DueCommand], _ second: [DueCommand]) -> [DueCommand] {
    var merged: [DueCommand] = []
    var rest = second[...]
    for command in first {
      while rest.first.map({ $0.step < command.step }) == true { merged.append(rest.removeFirst()) }
      merged.append(command)
    }
    return merged + rest
  }

  /// Applies what is due before the next step.
  func doWhatIsDue() {
    while let next = due.first, next.step <= trainer.stepsDone, ending == nil {
      due.removeFirst()
      switch next {
      case .logged(let change): self.change(change.parameter, to: change.new, logged: change)
      case .scheduled(let scheduled, let number):
        switch scheduled.command {
        case .set(let parameter, let value): change(parameter, to: value, scheduled: number)
        case .undo: undo(scheduled: number)
        default: apply(scheduled.command)
        }
      }
    }
  }

  // MARK: Checkpoints

  /// Writes a checkpoint and says so.
  /// - Parameter why: nil where somebody asked for it.
  func checkpoint(_ why: String?) {
    guard let journal else {
      if why == nil { refuse("this run keeps no checkpoints") }
      return
    }
    guard untilWritten({ () throws(InputError) in try journal.checkpoint(self) }) else { return }
    log(.checkpoint, "after \(trainer.stepsDone) steps" + (why.map { ", \($0)" } ?? ""))
  }

  /// The checkpoints that come by themselves.
  func keep(_ evaluation: Evaluation?) {
    guard let journal else { return }
    let isBest = evaluation.map { journal.note($0, step: trainer.stepsDone) } ?? false
    // The last step has its own.
    guard !isAtEnd else { return }
    if isBest {
      checkpoint("the best evaluation so far")
    } else if journal.isDue(trainer.stepsDone) {
      guard untilWritten({ () throws(InputError) in try journal.checkpoint(self) }) else { return }
      onEvent?(Event(step: trainer.stepsDone, kind: .checkpoint, text: "after \(trainer.stepsDone) steps"))
    }
  }

  /// The checkpoint of a run that is stopped, unless the moment is not one to go on from.
  func keepLastMoment() {
    guard let journal else { return }
    var reason: String?
    if case .halted(let why) = state { reason = why }
    if reason == nil {
      do {
        try journal.checkpoint(self)
      } catch {
        reason = "\(error)"
      }
    }
    guard let reason else { return log(.checkpoint, "after \(trainer.stepsDone) steps, to go on from") }
    let last = journal.checkpoints.steps.last.map { "the last checkpoint is after \($0) steps" }
    log(.warning, "no checkpoint of this moment: \(reason); \(last ?? "there is none")")
  }

  // MARK: Waiting

  /// Waits while the database cannot take another row.
  func waitForRoom() {
    guard let journal, journal.trouble != nil else { return }
    wait { journal.trouble }
  }

  /// Repeats what cannot be written until it can be, or until the run is stopped.
  /// - Returns: whether it was written.
  func untilWritten(_ body: () throws(InputError) -> Void) -> Bool {
    var isWritten = false
    func attempt() -> String? {
      do throws(InputError) {
        try body()
        isWritten = true
        return nil
      } catch {
        return error.description
      }
    }
    guard let reason = attempt() else { return true }
    wait(first: reason, until: attempt)
    return isWritten
  }

  /// Training stands still for as long as there is a reason; only a `stop` ends it sooner.
  private func wait(first: String? = nil, until reason: () -> String?) {
    guard var why = first ?? reason() else { return }
    guard ending == nil else { return log(.warning, why) }
    let before = state
    state = .waiting(why)
    log(.warning, "training waits: \(why)")
    while true {
      publish(force: true)
      commands.wait(upTo: 0.5)
      for case .stop(let discard) in commands.pending { ending = .stopped(discard: discard) }
      if ending != nil { break }
      // A queue that is not empty would not wait.
      if !commands.pending.isEmpty { Thread.sleep(forTimeInterval: 0.5) }
      guard let still = reason() else { break }
      why = still
      state = .waiting(why)
    }
    state = before
    if ending == nil { log(.resumed, "there is room again: training goes on") }
    publish(force: true)
  }

  // MARK: Going back

  /// Goes back to before the last change that stands.
  /// - Returns: whether it did.
  @discardableResult
  func rewind() -> Bool {
    func no(_ why: String) -> Bool {
      refuse(why)
      return false
    }
    guard let journal else { return no("this run keeps no checkpoints") }
    guard let last = interventions.last else { return no("there is no change to go back before") }
    let kept = Array(interventions.dropLast())
    guard let checkpoint = journal.checkpoint(upTo: last.step, within: kept) else {
      return no("no checkpoint is left from before the change of step \(last.step)")
    }
    guard goBack(to: checkpoint, keeping: kept, journal) else { return false }
    log(.resumed, "back to before the change of step \(last.step): \(trainer.stepsDone) steps are done")
    return true
  }

  /// Goes on from the last checkpoint with another η, after a number that was not finite.
  func recover(_ learningRate: Double?) {
    guard let journal else { return refuse("this run keeps no checkpoints") }
    guard let checkpoint = journal.checkpoint(upTo: trainer.stepsDone, within: interventions) else {
      return refuse("there is no checkpoint to go on from")
    }
    let rate = learningRate ?? checkpoint.state.learningRate / 2
    guard rate > 0, rate.isFinite else { return refuse("a learning rate must be above 0") }
    guard goBack(to: checkpoint, keeping: checkpoint.state.interventions, journal) else { return }
    change(.learningRate, to: rate)
    state = .training
    log(.resumed, "from the checkpoint of step \(checkpoint.state.step)")
  }

  private func goBack(to checkpoint: Checkpoint, keeping kept: [Intervention], _ journal: RunJournal) -> Bool {
    do {
      try checkpoint.restore(trainer)
      try journal.goBack(to: checkpoint, keeping: kept.count)
    } catch {
      refuse("\(error)")
      return false
    }
    isBroken = false
    interventions = checkpoint.state.interventions
    lastEvaluation = checkpoint.state.lastEvaluation
    recordChangesOfThisMoment()
    let again = kept[interventions.count...].map { DueCommand.logged($0) }
    due = merge(again, due.filter { if case .scheduled = $0 { true } else { false } })
    forget(from: trainer.stepsDone)
    pauseAt = nil
    if !shadows.isEmpty {
      shadows = []
      log(.warning, "no checkpoint holds what :whatif watches: it is gone")
    }
    onGoBack?(trainer.stepsDone)
    return true
  }

  func fork(at step: Int?) {
    guard journal != nil, let makeFork else { return refuse("this run keeps no checkpoints") }
    let step = step ?? trainer.stepsDone
    guard step <= trainer.stepsDone else { return refuse("step \(step) is still to come") }
    if step == trainer.stepsDone { checkpoint("to fork from") }
    do {
      log(.checkpoint, "forked at step \(step): \(try makeFork(step))")
    } catch {
      refuse("\(error)")
    }
  }

  // MARK: Numbers that are not finite

  /// Stands still on a number that is not finite, until somebody says from where to go on. The last checkpoint is the
  /// last good state.
  /// - Returns: false where nobody watches, or the run keeps nothing to go on from.
  func halt(_ error: NonFiniteNumber) -> Bool {
    log(.failed, error.description)
    isBroken = true
    guard isWatched, journal != nil else { return false }
    state = .halted(error.description)
    while case .halted = state, ending == nil {
      publish(force: true)
      commands.wait()
      for command in commands.drain() {
        switch command {
        case .recover(let rate): recover(rate)
        case .rewind: if rewind() { state = .paused }
        case .stop, .export: apply(command)
        default: refuse("training is halted: recover or rewind first")
        }
      }
    }
    return true
  }
}
