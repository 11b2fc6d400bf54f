// A run from its first step to its last: commands between steps, evaluations, events, frames for a screen.

import AdaLoRA
import Foundation
import Models

/// Drives a `Trainer` to the end of its run. Everything happens on the thread that calls `run`; commands arrive through
/// the queue, frames leave through the mailbox.
public final class Session {
  /// How a session ended.
  public enum Ending: Sendable, Equatable {
    case finished
    case stopped(discard: Bool)
    case failed(String)
  }

  public let trainer: Trainer
  public let description: RunDescription
  public let commands: CommandQueue
  private let evaluator: Evaluator?
  private let evalEvery: Int
  private let frames: Mailbox<Frame>?
  /// Keeps the run on disk; nil where nothing lasts.
  var journal: RunJournal?
  /// What can be done to the run; nil: everything that its journal allows.
  public var control: RunControl?
  /// What other rules would keep, in the order of their coming.
  var shadows: [ShadowView] = [] { didSet { trainer.shadows = shadows.map(\.shadow) } }
  /// Makes a new run of this one as of a step, trains it elsewhere and returns its name; nil where that cannot be.
  public var makeFork: ((Int) throws(InputError) -> String)?
  /// Changes and commands that happen by themselves, in the order of their steps.
  var due: [DueCommand] = []
  /// Writes a snapshot of the moment in the given formats and returns where; nil where the run writes none.
  var writeSnapshot: ((Frame, [String]) throws(InputError) -> String)?

  /// Called after each step, with its evaluation if it had one.
  public var onStep: ((StepRecord) -> Void)?
  public var onEvent: ((Event) -> Void)?
  /// Called when the run has gone back, with the steps that are done now.
  public var onGoBack: ((Int) -> Void)?

  public internal(set) var interventions: [Intervention] = []
  public internal(set) var lastEvaluation: Evaluation?
  /// The mean of the latest steps, for throughput and ETA.
  private var stepSeconds = 0.0
  private var tokensPerStep = 0.0
  private var events: [Event] = []
  private var history = HistoryRing()
  private var record: StepRecord?
  var state = RunState.training
  /// Whether a number was not finite and the run has not gone back since: the weights are of no use then, finite or not.
  var isBroken = false
  /// Steps after which to pause; nil where nothing asks for it.
  var pauseAt: Int?
  var ending: Ending?
  private var lastFrame = ContinuousClock.now - .seconds(1)
  /// At most so many frames a second come from training.
  private static let frameInterval = Duration.milliseconds(50)

  /// - Parameters:
  ///   - evalEvery: steps between evaluations; 0 = at the end only.
  ///   - frames: where frames go; nil where nobody watches.
  init(
    trainer: Trainer, description: RunDescription, evaluator: Evaluator?, evalEvery: Int, commands: CommandQueue,
    frames: Mailbox<Frame>?
  ) {
    self.trainer = trainer
    self.description = description
    self.evaluator = evaluator
    self.evalEvery = evalEvery
    self.commands = commands
    self.frames = frames
  }

  // MARK: The run

  public func run() -> Ending {
    log(
      trainer.stepsDone == 0 ? .started : .resumed,
      trainer.stepsDone == 0
        ? "\(description.method) on \(description.model), \(description.totalSteps) steps"
        : "goes on after \(trainer.stepsDone) of \(description.totalSteps) steps")
    if trainer.stepsDone == 0, let schedule = trainer.allocator?.schedule {
      journal?.record(schedule: schedule, from: 0)
    }
    publish(force: true)
    while !isAtEnd {
      doWhatIsDue()
      takeCommands()
      waitForRoom()
      if let ending { return finish(ending) }
      do {
        try step()
      } catch {
        guard halt(error) else { return finish(.failed(error.description)) }
      }
      publish()
    }
    checkpoint("the end")
    return finish(ending ?? .finished)
  }

  /// Whether all steps are done.
  var isAtEnd: Bool { trainer.stepsDone >= description.totalSteps }

  private func step() throws(NonFiniteNumber) {
    let masksBefore = trainer.allocator?.maskCount ?? 0
    let leftOut = trainer.allocator?.leavesOutPruned
    var record = try trainer.step()
    let done = trainer.stepsDone
    let isLast = isAtEnd
    if let allocator = trainer.allocator, allocator.maskCount > masksBefore, record.step <= allocator.schedule.finalStep
    {
      log(.mask, "mask to b(t) = \(record.budget): \(record.kept) triplets kept", step: record.step)
    }
    if trainer.allocator?.leavesOutPruned == true, leftOut == false {
      log(.mask, "the pattern is final: pruned triplets are left out, the gradient's norm is that of the kept")
    }
    measure(record)
    self.record = record
    if isLast || (evalEvery > 0 && done % evalEvery == 0) {
      record.eval = evaluate()
      self.record = record
    }
    onStep?(record)
    let masked = (trainer.allocator?.maskCount ?? 0) > masksBefore
    journal?.record(record, self, masked: masked)
    remember(record)
    keep(record.eval)
    if let pauseAt, done >= pauseAt, !isLast {
      self.pauseAt = nil
      pause()
    }
  }

  private func evaluate() -> Evaluation? {
    guard let evaluator else { return nil }
    let before = state
    state = .evaluating
    publish(force: true)
    defer { state = before }
    // A stop need not wait for a long evaluation, unless the run is gone on with: its record would lack it then.
    let keeps = journal != nil
    let result = evaluator.evaluate(trainer.team) { [commands] in
      commands.pending.contains { if case .stop(let discard) = $0 { discard || !keeps } else { false } }
    }
    guard let result else { return nil }
    lastEvaluation = result
    log(
      .evaluation,
      result.metrics.map { String(format: "\($0.name) %.4f", $0.value) }.joined(separator: ", "))
    return result
  }

  /// Whether a command ended it before its last step.
  public var wasStopped: Bool { ending != nil }

  private func finish(_ ending: Ending) -> Ending {
    if case .stopped(discard: false) = ending, !isAtEnd { keepLastMoment() }
    switch ending {
    case .finished:
      state = .done
      log(.finished, "\(trainer.stepsDone) steps done")
    case .stopped(let discard):
      state = .done
      log(.finished, "stopped after \(trainer.stepsDone) steps" + (discard ? ", nothing kept" : ""))
    case .failed(let reason):
      state = .failed(reason)
      log(.failed, reason)
    }
    publish(force: true)
    return ending
  }

  // MARK: Commands

  private func takeCommands() {
    for command in commands.drain() { apply(command) }
    while state == .paused, ending == nil {
      publish(force: true)
      commands.wait()
      for command in commands.drain() { apply(command) }
    }
  }

  func apply(_ command: Command) {
    switch command {
    case .pause: pause()
    case .checkpoint: checkpoint(nil)
    case .fork(let step): fork(at: step)
    case .rewind: rewind()
    case .recover: refuse("there is nothing to recover from")
    case .pauseAt(let step):
      pauseAt = step
      if step <= trainer.stepsDone { pause() }
    case .resume:
      guard state == .paused else { return }
      state = .training
      log(.resumed, "training goes on")
    case .step(let count):
      pauseAt = trainer.stepsDone + max(count, 1)
      state = .training
    case .set(let parameter, let value): change(parameter, to: value)
    case .undo: undo()
    case .evaluate:
      if evaluator == nil { refuse("there is no data set to evaluate on") } else { _ = evaluate() }
    case .export(let formats): export(formats)
    case .whatIf(let settings): watch(settings)
    case .stop(let discard): ending = .stopped(discard: discard)
    }
  }

  private func pause() {
    guard state != .paused else { return }
    state = .paused
    log(.paused, "after \(trainer.stepsDone) steps")
  }

  /// Goes on writing the snapshots that are asked for after the run, until a `stop` comes: the dashboard stays open
  /// then. On the thread that called `run`.
  public func serveExports() {
    while true {
      commands.wait()
      for command in commands.drain() {
        switch command {
        case .export(let formats):
          export(formats)
          publish(force: true)
        case .stop: return
        default: break
        }
      }
    }
  }

  /// Writes a snapshot of this moment and tells so, or why not.
  private func export(_ formats: [String]) {
    do {
      guard let path = try snapshot(formats) else { return refuse("this run writes no snapshots") }
      log(.export, "snapshot in \(path)")
    } catch {
      refuse("the snapshot could not be written: \(error)")
    }
  }

  /// Writes a snapshot of this moment.
  /// - Returns: its folder; nil where this run writes none.
  func snapshot(_ formats: [String] = []) throws(InputError) -> String? {
    guard let writeSnapshot else { return nil }
    return try writeSnapshot(makeFrame(tripletFrame()), formats)
  }

  /// What a hyper-parameter is now.
  public func value(of parameter: Hyperparameter) -> Double {
    let allocator = trainer.allocator
    return switch parameter {
    case .beta1: allocator?.beta1 ?? 0
    case .beta2: allocator?.beta2 ?? 0
    case .orthRegWeight: trainer.options.orthRegWeight
    case .learningRate: trainer.options.learningRate
    case .deltaT: Double(allocator?.schedule.maskInterval ?? 0)
    case .targetR: Double(allocator?.schedule.targetBudget ?? 0) / Double(max(description.modules.count, 1))
    }
  }

  /// Changes a hyper-parameter, once the change is where no crash can lose it.
  /// - Parameters:
  ///   - scheduled: the number of the scheduled command that asks for it.
  ///   - logged: what the log has of it already: it was made by a process that ended before its next checkpoint.
  func change(
    _ parameter: Hyperparameter, to value: Double, isUndo: Bool = false, scheduled: Int? = nil,
    logged: Intervention? = nil
  ) {
    let old = self.value(of: parameter)
    let plan: (new: Double, apply: () -> Void)
    switch self.plan(parameter, value) {
    case .success(let found): plan = found
    case .failure(let refusal):
      // What is logged stands, else no later checkpoint would be of the same changes.
      if let logged { interventions.append(logged) }
      return refuse("\(parameter.rawValue) \(old) stays: \(refusal.reason)")
    }
    guard plan.new != old || logged != nil else { return }
    let change =
      logged
      ?? Intervention(step: trainer.stepsDone, parameter: parameter, old: old, new: plan.new, isUndo: isUndo)
    if let journal {
      guard
        untilWritten({ () throws(InputError) in
          try journal.checkpoint(self, isBeforeChange: true)
          if logged == nil { try journal.log(change, scheduled: scheduled) }
        })
      else { return }
    }
    plan.apply()
    interventions.append(change)
    journal?.record(change)
    if parameter == .targetR || parameter == .deltaT, let schedule = trainer.allocator?.schedule {
      journal?.record(schedule: schedule, from: trainer.stepsDone)
    }
    log(
      .intervention, "\(parameter.rawValue) \(short(old)) → \(short(plan.new))" + (change.isUndo ? " (taken back)" : "")
    )
  }

  private struct Refusal: Error { let reason: String }

  /// What a change would make of a value, and how; or why it cannot be.
  private typealias Plan = Result<(new: Double, apply: () -> Void), Refusal>

  private func no(_ reason: String) -> Plan { .failure(Refusal(reason: reason)) }

  private func plan(_ parameter: Hyperparameter, _ value: Double) -> Plan {
    guard value.isFinite else { return no("\(value) is not a number") }
    switch parameter {
    case .learningRate:
      guard value > 0 else { return no("a learning rate must be above 0") }
      return .success((value, { self.trainer.options.learningRate = value }))
    case .orthRegWeight:
      guard trainer.isRegularized else { return no("\(description.method) has no regulariser") }
      guard value >= 0 else { return no("it must be at least 0") }
      return .success((value, { self.trainer.options.orthRegWeight = value }))
    case .beta1:
      return planSmoothing(value) { $0.beta1 = value }
    case .beta2:
      return planSmoothing(value) { $0.beta2 = value }
    case .deltaT:
      guard let allocator = trainer.allocator else { return no(fixedRank) }
      guard value >= 1, value == value.rounded(), value <= Double(Int32.max) else {
        return no("it must be a whole number of at least 1")
      }
      var schedule = allocator.schedule
      guard schedule.setMaskInterval(Int(value), at: trainer.stepsDone) else { return no(fixed(allocator, "ΔT")) }
      return .success((value, { allocator.schedule = schedule }))
    case .targetR:
      guard let allocator = trainer.allocator else { return no(fixedRank) }
      return planTarget(value, allocator)
    }
  }

  private func planSmoothing(_ value: Double, _ apply: @escaping (RankAllocator) -> Void) -> Plan {
    guard let allocator = trainer.allocator else { return no(fixedRank) }
    guard value > 0 && value < 1 else { return no("it must lie between 0 and 1") }
    return .success((value, { apply(allocator) }))
  }

  private func planTarget(_ value: Double, _ allocator: RankAllocator) -> Plan {
    let modules = Double(max(description.modules.count, 1))
    let budget = (value * modules).rounded()
    guard budget >= 0, budget <= Double(allocator.schedule.room) else {
      return no("it must lie between 0 and the initial rank \(description.initialRank)")
    }
    guard !allocator.method.onlyGrows || budget >= Double(allocator.keptCount) else {
      return no("\(allocator.keptCount) triplets have grown, and none is pruned")
    }
    var schedule = allocator.schedule
    guard schedule.setTarget(Int(budget), at: trainer.stepsDone) else { return no(fixed(allocator, "the target")) }
    return .success((budget / modules, { allocator.schedule = schedule }))
  }

  private var fixedRank: String { "\(description.method) has a fixed rank" }

  private func fixed(_ allocator: RankAllocator, _ what: String) -> String {
    "\(what) is fixed from T − t_f = \(allocator.schedule.finalStep) on"
  }

  /// Takes back the newest change that was neither taken back nor takes one back.
  /// - Parameter scheduled: the number of the scheduled command that asks for it.
  func undo(scheduled: Int? = nil) {
    var skip = 0
    for intervention in interventions.reversed() {
      if intervention.isUndo {
        skip += 1
      } else if skip > 0 {
        skip -= 1
      } else {
        return change(intervention.parameter, to: intervention.old, isUndo: true, scheduled: scheduled)
      }
    }
    refuse("there is no change to take back")
  }

  // MARK: What is told

  /// Tells of something that goes wrong outside the loop. On the thread that called `run`.
  public func warn(_ text: String) { log(.warning, text) }

  func refuse(_ why: String) { log(.refused, why) }

  func log(_ kind: Event.Kind, _ text: String, step: Int? = nil) {
    let event = Event(step: step ?? trainer.stepsDone, kind: kind, text: text)
    events.append(event)
    if events.count > 400 { events.removeFirst(100) }
    onEvent?(event)
    journal?.record(event)
  }

  private func short(_ value: Double) -> String { String(format: "%.4g", value) }

  private func measure(_ record: StepRecord) {
    let blend = trainer.stepsDone <= 1 ? 1 : 0.1
    stepSeconds += blend * (record.stepMs / 1000 - stepSeconds)
    tokensPerStep += blend * (Double(record.tokens) - tokensPerStep)
  }

  /// Seconds to the end, evaluations not counted.
  public var eta: Double? {
    trainer.stepsDone == 0 ? nil : Double(description.totalSteps - trainer.stepsDone) * stepSeconds
  }

  public var tokensPerSecond: Double { stepSeconds > 0 ? tokensPerStep / stepSeconds : 0 }

  /// Snapshots need the records of the past, a screen the triplets as well. Of the points that the history would drop
  /// again, `past` adds the newest.
  private func remember(_ record: StepRecord) {
    if isWatched { for shadow in shadows { shadow.remember(record) } }
    guard frames != nil || writeSnapshot != nil, history.retains(record) else { return }
    history.append(point(record, tripletFrame()))
  }

  /// Fills the history with what earlier processes left.
  func remember(past: [HistoryPoint], events: [Event]) {
    history = HistoryRing()
    for point in past { history.append(point) }
    record = past.last?.record
    self.events = events
  }

  /// Drops what is known of a step and those after it.
  func forget(from step: Int) {
    remember(past: history.points.filter { $0.record.step < step }, events: events)
  }

  /// Whether somebody sees the frames.
  var isWatched: Bool { frames != nil }

  /// - Parameter triplets: of now; kept for a screen only.
  private func point(_ record: StepRecord, _ triplets: @autoclosure () -> TripletFrame) -> HistoryPoint {
    HistoryPoint(
      record: record, triplets: frames == nil ? TripletFrame() : triplets(), ranks: trainer.allocator?.ranks ?? [])
  }

  private func past(_ triplets: TripletFrame) -> [HistoryPoint] {
    guard let record, history.points.last?.record.step != record.step else { return history.points }
    return history.points + [point(record, triplets)]
  }

  /// Everything about the triplets after the latest step; empty where rank is fixed.
  func tripletFrame() -> TripletFrame {
    guard let allocator = trainer.allocator else { return TripletFrame() }
    let scores = allocator.scores
    var frame = TripletFrame()
    frame.lambda = trainer.store.adapters.indices.flatMap { trainer.store.sizes($0) }
    frame.kept = allocator.kept
    frame.lambdaPart = scores.lambdaPart
    frame.pPart = scores.pPart
    frame.qPart = scores.qPart
    frame.smoothedSensitivity = scores.smoothedSensitivity
    frame.uncertainty = scores.uncertainty
    for rule in ScoringRule.allCases {
      frame.scores[rule] = frame.lambda.indices.map { scores.score($0, by: rule) }
    }
    frame.maskScores = allocator.maskScores
    return frame
  }

  func publish(force: Bool = false) {
    guard frames != nil || journal != nil else { return }
    let now = ContinuousClock.now
    guard force || now - lastFrame >= Self.frameInterval else { return }
    lastFrame = now
    // Read once for both who want it.
    let triplets = tripletFrame()
    journal?.setLive(
      LiveState(
        state: state, stepsDone: trainer.stepsDone, tokensPerSecond: tokensPerSecond, eta: eta,
        beta1: value(of: .beta1), beta2: value(of: .beta2), orthRegWeight: value(of: .orthRegWeight),
        learningRate: trainer.options.learningRate, targetR: value(of: .targetR),
        deltaT: trainer.allocator?.schedule.maskInterval ?? 0, triplets: triplets))
    if let frames { frames.post(makeFrame(triplets)) }
  }

  private func makeFrame(_ triplets: TripletFrame) -> Frame {
    let allocator = trainer.allocator
    let ranks = currentRanks
    var frame = Frame(
      description: description, state: state, stepsDone: trainer.stepsDone, record: record,
      schedule: allocator?.schedule, beta1: value(of: .beta1), beta2: value(of: .beta2),
      orthRegWeight: value(of: .orthRegWeight), learningRate: trainer.options.learningRate,
      targetR: value(of: .targetR), deltaT: allocator?.schedule.maskInterval ?? 0,
      ranks: ranks.kept, nonzero: ranks.nonzero, triplets: triplets, history: past(triplets), events: events,
      interventions: interventions,
      pending: commands.pending + (pauseAt.map { [.pauseAt(step: $0)] } ?? []), tokensPerSecond: tokensPerSecond,
      eta: eta, control: control ?? .own(keepsCheckpoints: journal != nil))
    frame.shadows = shadows.map { $0.frame(in: frame) }
    return frame
  }

  /// Of each module: triplets kept by the last mask, and λ that are not zero.
  var currentRanks: (kept: [Int], nonzero: [Int]) {
    guard let allocator = trainer.allocator else {
      let all = Array(repeating: description.initialRank, count: description.modules.count)
      return (all, all)
    }
    return (allocator.ranks, trainer.store.adapters.indices.map { allocator.nonzero($0) })
  }
}
