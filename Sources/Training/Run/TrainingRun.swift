// A run from an experiment file: everything loaded, trained, and left behind in a folder.

import AdaLoRA
import Foundation
import Kernels
import Models

/// One training run by an experiment. Make it, hook up `session`'s callbacks, call `train`.
public final class TrainingRun {
  public let experiment: Experiment
  public let folder: RunFolder
  public let session: Session
  /// The classes; nil of a language model.
  private let labels: LabelSet?
  private let targets: TargetModules
  private let fanInFanOut: Bool
  private let testSet: Evaluator?
  /// Whether `train` left an adapter: not where it was to be discarded or a number was not finite.
  public private(set) var hasAdapter = false
  private var stepTimes: [Double] = []
  private var tokens = 0
  private let log: RunLog
  private let journal: RunJournal
  private var lock: RunLock?
  /// What the user should know: examples left out, checkpoints passed over, another machine.
  public private(set) var notes: [String] = []

  /// Where a run is kept.
  public enum Place {
    /// A new folder in `runs`.
    case new(runs: String)
    /// A run's own, to go on from its newest good checkpoint, or from the beginning where it has none.
    case existing(RunFolder)
  }

  /// Loads everything; nothing is written before it has all been read.
  /// - Parameters:
  ///   - frames: where frames go; nil where nobody watches.
  ///   - snapshots: writes snapshots into the run's folder, the last one when the run ends; nil writes none.
  /// - Throws: also where another process trains the run.
  public init(
    _ experiment: Experiment, in place: Place, commands: CommandQueue = CommandQueue(),
    frames: Mailbox<Frame>? = nil, snapshots: (any SnapshotWriting)? = nil
  ) throws(InputError) {
    self.experiment = experiment
    let held: RunLock? = if case .existing(let folder) = place { try RunLock(folder) } else { nil }
    let seed = UInt64(bitPattern: Int64(experiment.seed))
    let training = experiment.training
    let modelFolder = try ModelFolder(path: experiment.model.path)
    let isLanguageModel = experiment.model.task == .causalLanguageModel
    let classification = isLanguageModel ? nil : try ClassificationData.load(experiment: experiment)
    let task = classification.map { ModelTask.sequenceClassification(labels: $0.labels.names.count) }
    let (loaded, targets) = try LoadedModel.forTraining(modelFolder, experiment, task: task ?? .causalLanguageModel)
    guard experiment.data.maxLength <= loaded.model.maximumLength else {
      throw InputError(
        file: experiment.path, place: "data.max_length",
        "\(experiment.data.maxLength) is more than the model's \(loaded.model.maximumLength) positions")
    }
    labels = classification?.labels
    self.targets = targets
    fanInFanOut = loaded.adapted.contains { $0.isTransposed }
    let threads = Machine.threads(training.threads)
    let pool = WorkerPool(count: threads)
    let data = try RunData(experiment, modelFolder, classification, loaded.tokenizer, on: pool)
    notes = data.notes
    let adapter = experiment.adapter
    let method = adapter.method.method
    let allocator =
      method.allocates
      ? RankAllocator(
        loaded.store, initialRank: adapter.initR, targetRank: adapter.targetR, initialWarmup: adapter.tinit,
        finalWarmup: adapter.tfinal, maskInterval: adapter.deltaT, totalSteps: training.totalStep, method: method,
        unit: adapter.budget, beta1: adapter.beta1, beta2: adapter.beta2, scoring: adapter.score,
        dialect: adapter.dialect, seed: seed) : nil
    let trainer = Trainer(
      model: loaded.model, store: loaded.store, allocator: allocator,
      source: ShuffledBatches(data.train, batchSize: training.batchSize, seed: seed, workers: threads),
      objective: loaded.model.objective, pool: pool,
      options: TrainerOptions(
        totalSteps: training.totalStep, learningRate: training.learningRate, schedule: training.schedule,
        warmupRatio: training.warmupRatio, weightDecay: training.weightDecay, maxGradNorm: training.maxGradNorm,
        accumulation: training.gradientAccumulationSteps,
        orthRegWeight: method.parameterization.hasLambda ? adapter.orthRegWeight : 0, dialect: adapter.dialect,
        recomputes: training.recompute, seed: seed))
    // A language model's sequences are long: no more at once than in training.
    let most = isLanguageModel ? training.batchSize : Evaluator.batchSize
    let evaluator = data.eval.map { Evaluator($0, batchSize: most, workers: threads) }
    testSet = data.test.map { Evaluator($0, batchSize: most, workers: threads) }
    switch place {
    case .existing(let folder): self.folder = folder
    case .new(let runs):
      folder = try RunFolder.create(in: runs, name: experiment.name)
      try AtomicFile.write(experiment.tomlText, to: folder.experiment)
    }
    if let held { lock = held } else { lock = try RunLock(folder) }
    try folder.refuseLinks()
    folder.removeLeftovers()
    let log = try RunLog(path: folder.log)
    self.log = log
    let rank = adapter.ranks.room
    let description = RunDescription(
      run: folder.path.split(separator: "/").last.map(String.init) ?? experiment.name, folder: folder.path,
      model: experiment.model.path.split(separator: "/").last.map(String.init) ?? experiment.model.path,
      method: adapter.method.title, score: adapter.score, dialect: adapter.dialect,
      modules: loaded.adapted.map { RunDescription.Module($0) }, initialRank: rank,
      effectiveScale: method.parameterization.scale(alpha: adapter.alpha, rank: rank),
      totalSteps: training.totalStep, threads: threads, blasCore: BLAS.coreName,
      metric: evaluator == nil ? "" : isLanguageModel ? "perplexity" : "accuracy",
      firstRank: adapter.ranks.first, budgetUnit: adapter.budget)
    var origin: Checkpoint?
    if case .existing = place {
      let standing = InterventionLog.standing(try InterventionLog.read(folder.interventions))
      let found = CheckpointFolder(path: folder.checkpoints).newest(of: standing)
      notes += found.skipped.map { "passed over: \($0)" }
      origin = found.checkpoint
      try origin?.restore(trainer)
    }
    journal = try RunJournal(
      folder, description: description, experiment: experiment, origin: origin,
      facts: [
        "experiment": experiment.tomlText, "seed": String(experiment.seed), "cpu": Machine.cpuName,
        "cores": String(Machine.cores), "system": ProcessInfo.processInfo.operatingSystemVersionString,
        "versions": BLAS.configuration, "started": Date().formatted(.iso8601),
      ])
    session = Session(
      trainer: trainer, description: description, evaluator: evaluator, evalEvery: training.evalEvery,
      commands: commands, frames: frames)
    session.journal = journal
    if let origin {
      let past = try? TelemetryReader(path: folder.telemetry).frame()
      session.take(origin.state, past: past?.history ?? [], events: past?.events ?? [])
      let first = journal.lastRecordedStep.map { $0 + 1 } ?? 0
      if first < origin.state.step {
        notes.append("the rows of steps \(first) to \(origin.state.step - 1) are not in the database")
      }
      let differences = Machine.Arithmetic(threads: threads).differences(from: origin.state.machine)
      if !differences.isEmpty {
        notes.append("the numbers may differ in their last bits: \(differences.joined(separator: "; "))")
      }
    } else if case .existing = place {
      notes.append("no checkpoint to go on from: starts at the beginning")
    }
    session.schedule(experiment.schedule, goesOn: origin != nil)
    session.onEvent = { log.write($0) }
    guard let snapshots else { return }
    session.writeSnapshot = { [unowned self] (frame, formats) throws(InputError) in
      let path = folder.snapshots + "/step-\(frame.stepsDone)"
      return try snapshots.write(frame, formats: formats, to: path) { (place) throws(InputError) in
        try writeAdapter(to: place)
      }
    }
  }

  /// Trains to the end and writes the adapter.
  /// - Parameter onStep: called after each step; what it throws ends the run, with its adapter kept.
  public func train(
    onStep: @escaping (StepRecord) throws(InputError) -> Void
  ) throws(InputError) -> (ending: Session.Ending, summary: RunSummary) {
    let start = ContinuousClock.now
    var failure: InputError?
    stepTimes.reserveCapacity(experiment.training.totalStep)
    session.onStep = { [self] record in
      stepTimes.append(record.stepMs)
      tokens += record.tokens
      guard failure == nil else { return }
      do throws(InputError) {
        try onStep(record)
      } catch {
        failure = error
        session.warn(error.description)
        session.commands.send(.stop(discard: false))
      }
    }
    let asked = experiment.training.precision
    if Machine.precision(asked) != asked {
      session.warn("this CPU has no units for \(asked.rawValue): training goes on in float32")
    } else if asked != .float32 {
      log.write(Event(step: 0, kind: .started, text: "frozen weights in \(asked.rawValue), all else in float32"))
    }
    var ending = session.run()
    let elapsed = start.duration(to: .now)
    let test = ending == .finished ? testSet?.evaluate(session.trainer.team) : nil
    if let test { journal.record(test: test, step: session.trainer.stepsDone) }
    journal.recordCost()
    if ending != .stopped(discard: true), !session.isBroken {
      // The adapter comes last: a run that has one is complete.
      hasAdapter = session.untilWritten { () throws(InputError) in
        try journal.flush()
        if let snapshot = try session.snapshot() {
          log.write(Event(step: session.trainer.stepsDone, kind: .export, text: "snapshot in \(snapshot)"))
        }
        try writeAdapter()
      }
      if !hasAdapter, ending == .finished { ending = .stopped(discard: false) }
    }
    if let failure { throw failure }
    do {
      try journal.close()
    } catch {
      guard case .stopped = ending else { throw error }
      session.warn("\(error); they are made again from the last checkpoint")
    }
    let busy = stepTimes.reduce(0, +) / 1000
    let ranks = session.trainer.allocator?.ranks ?? session.trainer.store.adapters.map(\.layout.rank)
    let summary = RunSummary(
      steps: session.trainer.stepsDone,
      wallSeconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18,
      stepMs: stepTimes.isEmpty ? 0 : stepTimes.sorted()[stepTimes.count / 2],
      tokensPerSecond: busy > 0 ? Double(tokens) / busy : 0, peakRSSBytes: Machine.peakResidentBytes,
      evaluation: session.lastEvaluation, test: test,
      ranks: zip(session.description.modules, ranks).map { ($0.name, $1) })
    return (ending, summary)
  }

  /// Lets another process train the run.
  public func release() { lock = nil }

  /// Writes the adapter as it is now.
  /// - Parameters:
  ///   - folder: where to; nil is the run's own `adapter/`.
  ///   - masked: by the last mask instead of λ ≠ 0.
  public func writeAdapter(to folder: String? = nil, masked: Bool = false) throws(InputError) {
    let folder = folder ?? self.folder.adapter
    let adapter = experiment.adapter
    let trainer = session.trainer
    let modules = Double(max(session.description.modules.count, 1))
    let description = PEFTAdapter.Description(
      method: adapter.peftType, taskType: experiment.model.task.rawValue, baseModel: experiment.model.path,
      targetModules: targets, fanInFanOut: fanInFanOut, alpha: adapter.alpha, dropout: adapter.loraDropout,
      initialRank: adapter.ranks.room,
      targetRank: trainer.allocator.map { Double($0.schedule.targetBudget) / modules } ?? Double(adapter.ranks.last),
      tinit: adapter.tinit,
      tfinal: adapter.tfinal, deltaT: trainer.allocator?.schedule.maskInterval ?? 1,
      beta1: session.value(of: .beta1), beta2: session.value(of: .beta2),
      orthRegWeight: session.value(of: .orthRegWeight), totalSteps: experiment.training.totalStep)
    try PEFTAdapter.write(
      trainer.store, description, pattern: PEFTAdapter.pattern(trainer, masked: masked), to: folder)
    try labels?.save(to: folder + "/labels.json")
  }
}
