// The embedded default: an experiment whose right answer is known, with nothing to download.

import AdaLoRA
import Foundation
import Kernels
import Models

/// A small random model (the base), and a teacher that is the base plus low-rank changes of known rank in some of its
/// linear modules. The student, adapters over the base, must find where they are and how large.
public struct PlantedExperiment: Sendable {
  static let strength = 2.0
  static let sequences = 64
  static let length = 16

  /// What the student is trained on.
  public enum Signal: String, Sendable, CaseIterable {
    /// Every module's output: the places can be told apart.
    case modules
    /// The teacher's most likely class of 16 alone: they cannot.
    case labels
  }

  public var family = Family.bert
  public var signal = Signal.modules
  public var steps = 400
  public var seed: UInt64 = 0
  public var method = ListedMethod.adalora
  public var score = ScoringRule.smoothed
  public var budget = BudgetUnit.rank
  public var dialect = Dialect.peft
  public var initialRank = 6
  /// Also the rank where it is fixed.
  public var targetRank = 2
  /// s, of every method.
  public var effectiveScale = SVDParameterization().scale(alpha: 32, rank: 6)
  public var learningRate = 5e-3
  public var orthRegWeight = 0.1
  public var beta1 = 0.85
  public var beta2 = 0.85

  public init() {}

  /// How well a finished run found what was planted.
  public struct Outcome: Sendable, Equatable {
    public var modules: [String]
    public var planted: [Int]
    public var allocated: [Int]
    /// Spearman's rank correlation of planted and allocated rank over all modules.
    public var correlation: Double
    /// The share of the allocated rank that lies in planted modules.
    public var share: Double
    /// Σ |allocated − planted|.
    public var distance: Int
    /// Modules with exactly the planted rank.
    public var exact: Int
  }

  /// The modules that take part, in order.
  var modules: [LinearModule] { family.config.modules.filter { $0.layer != nil } }

  private var ranks: ModuleRanks { method.method.ranks(r: targetRank, initial: initialRank, target: targetRank) }

  private var alpha: Double { effectiveScale / method.method.parameterization.scale(alpha: 1, rank: ranks.room) }

  /// Planted rank by module.
  func planted() -> [Int] {
    var random = RandomSource(seed: seed, purpose: 6)
    var places = Array(modules.indices)
    random.shuffle(&places)
    var ranks = Array(repeating: 0, count: places.count)
    for (place, rank) in zip(places, family.plantedRanks) { ranks[place] = rank }
    return ranks
  }

  /// The teacher's weights: W + strength·‖W‖_F/√min(d₁, d₂)·U·Vᵀ where rank is planted.
  func teacher(_ base: any WeightSource, planted: [Int]) throws(InputError) -> ReplacedWeights {
    var random = RandomSource(seed: seed, purpose: 7)
    var changed: [String: TensorData] = [:]
    for (module, rank) in zip(modules, planted) where rank > 0 {
      let name = module.name + ".weight"
      let shape = [module.outputSize, module.inputSize]
      var w = try base.floats(name, shape: shape).values
      let norm = w.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      let size = Self.strength * norm / Double(min(module.outputSize, module.inputSize)).squareRoot()
      let u = orthonormal(rank, module.outputSize, &random)
      let v = orthonormal(rank, module.inputSize, &random)
      for row in 0..<module.outputSize {
        for column in 0..<module.inputSize {
          var sum = 0.0
          for i in 0..<rank { sum += u[i][row] * v[i][column] }
          w[row * module.inputSize + column] += Float(size * sum)
        }
      }
      changed[name] = TensorData(w, shape: shape)
    }
    return ReplacedWeights(base, changed)
  }

  /// `count` orthonormal vectors, by Gram and Schmidt.
  private func orthonormal(_ count: Int, _ size: Int, _ random: inout RandomSource) -> [[Double]] {
    var vectors: [[Double]] = []
    for _ in 0..<count {
      var v = (0..<size).map { _ in random.normal() }
      for other in vectors {
        let dot = zip(v, other).reduce(0.0) { $0 + $1.0 * $1.1 }
        for i in v.indices { v[i] -= dot * other[i] }
      }
      let norm = v.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
      vectors.append(v.map { $0 / norm })
    }
    return vectors
  }

  /// Builds the whole run. It has no folder: snapshots go to `snapshots/` in the working directory.
  public func makeSession(
    threads: Int, commands: CommandQueue = CommandQueue(), frames: Mailbox<Frame>? = nil,
    snapshots: (any SnapshotWriting)? = nil
  ) throws(InputError) -> Session {
    let config = family.config
    let modules = modules
    let planted = planted()
    let base = family.weights(seed: seed)
    let task = ModelTask.sequenceClassification(labels: config.labelNames.count)
    let teacherModel = try config.build(
      try teacher(base, planted: planted), task: task, seed: seed, factory: FrozenFactory(), precision: .float32)
    let method = method.method
    let plan = AdapterPlan(
      entries: modules.map { AdapterPlan.Entry(module: $0, rank: ranks.room, alpha: alpha) },
      parameterization: method.parameterization, trainsHead: false)
    let (student, store) = try config.build(base, plan, task: task, seed: seed)
    let allocator =
      method.allocates
      ? RankAllocator(
        store, initialRank: initialRank, targetRank: targetRank, initialWarmup: steps / 6, finalWarmup: steps / 4,
        maskInterval: 5, totalSteps: steps, method: method, unit: budget, beta1: beta1, beta2: beta2, scoring: score,
        dialect: dialect, seed: seed) : nil
    let pool = WorkerPool(count: threads)
    let source = RandomTokenBatches(
      sequences: Self.sequences, length: Self.length, vocabulary: config.vocabularySize, seed: seed, workers: threads)
    let objective: any Objective =
      switch signal {
      case .modules:
        PlantedObjective(
          teacher: teacherModel, modules: modules.count, tokenCapacity: source.capacity.tokens, workers: threads)
      case .labels: TeacherLabelObjective(teacher: teacherModel, workers: threads)
      }
    let trainer = Trainer(
      model: student, store: store, allocator: allocator, source: source, objective: objective, pool: pool,
      options: TrainerOptions(
        totalSteps: steps, learningRate: learningRate,
        orthRegWeight: method.parameterization.hasLambda ? orthRegWeight : 0, dialect: dialect, seed: seed))
    let description = RunDescription(
      run: "demo", folder: "", model: family.title, method: self.method.title, score: score,
      dialect: dialect, modules: zip(modules, planted).map { RunDescription.Module($0, plantedRank: $1) },
      initialRank: ranks.room, effectiveScale: effectiveScale, totalSteps: steps, threads: threads,
      blasCore: BLAS.coreName, metric: "", firstRank: ranks.first, budgetUnit: budget)
    let session = Session(
      trainer: trainer, description: description, evaluator: nil, evalEvery: 0, commands: commands, frames: frames)
    if let snapshots {
      session.writeSnapshot = { (frame, formats) throws(InputError) in
        let path = "snapshots/\(frame.description.run)-step-\(frame.stepsDone)"
        return try snapshots.write(frame, formats: formats, to: path) { (place) throws(InputError) in
          try writeAdapter(trainer, to: place)
        }
      }
    }
    return session
  }

  /// Writes the student's adapter as it is now; there is no head.
  private func writeAdapter(_ trainer: Trainer, to folder: String) throws(InputError) {
    let allocator = trainer.allocator
    let schedule = allocator?.schedule
    let description = PEFTAdapter.Description(
      method: .init(of: method.method), taskType: "SEQ_CLS", baseModel: family.title,
      targetModules: .list(modules.map(\.name)), fanInFanOut: false, alpha: alpha, dropout: 0,
      initialRank: ranks.room,
      targetRank: Double(schedule?.targetBudget ?? 0) / Double(modules.count),
      tinit: schedule?.initialWarmup ?? 0, tfinal: schedule?.finalWarmup ?? 0, deltaT: schedule?.maskInterval ?? 1,
      beta1: allocator?.beta1 ?? beta1, beta2: allocator?.beta2 ?? beta2,
      orthRegWeight: trainer.options.orthRegWeight, totalSteps: steps)
    try PEFTAdapter.write(trainer.store, description, pattern: PEFTAdapter.pattern(trainer), to: folder)
  }

  /// Compares what a run allocated with what was planted.
  public func outcome(of session: Session) -> Outcome {
    let planted = planted()
    let allocated = session.currentRanks.kept
    let inPlanted = zip(planted, allocated).reduce(0) { $0 + ($1.0 > 0 ? $1.1 : 0) }
    return Outcome(
      modules: modules.map(\.name), planted: planted, allocated: allocated,
      correlation: spearman(planted.map(Double.init), allocated.map(Double.init)),
      share: Double(inPlanted) / Double(max(allocated.reduce(0, +), 1)),
      distance: zip(planted, allocated).reduce(0) { $0 + abs($1.0 - $1.1) },
      exact: zip(planted, allocated).count { $0 == $1 })
  }
}

/// Leaves every module as it is.
struct FrozenFactory: LinearFactory {
  func linear(_ module: LinearModule, base: FrozenLinear) -> any LinearLayer { base }

  func head(_ module: LinearModule, pretrained: FrozenLinear?) -> any LinearLayer {
    pretrained
      ?? FrozenLinear(
        name: module.name,
        weight: FrozenMatrix(
          Array(repeating: 0, count: module.outputSize * module.inputSize), outputSize: module.outputSize,
          inputSize: module.inputSize), bias: nil)
  }
}

/// Fresh random sequences, all of one length.
final class RandomTokenBatches: ResumableBatchSource {
  let capacity: (sequences: Int, tokens: Int)
  private let length: Int
  private let vocabulary: Int
  private let workers: Int
  private var random: RandomSource
  private var ids: [Int32]

  init(sequences: Int, length: Int, vocabulary: Int, seed: UInt64, workers: Int) {
    capacity = (sequences, sequences * length)
    self.length = length
    self.vocabulary = vocabulary
    self.workers = workers
    random = RandomSource(seed: seed, purpose: 8)
    ids = Array(repeating: 0, count: length)
  }

  var position: BatchPosition { BatchPosition(random: random) }

  func seek(to position: BatchPosition) -> Bool {
    random = position.random
    return true
  }

  func fill(_ batch: PackedBatch) {
    batch.clear()
    for sequence in 0..<capacity.sequences {
      for i in ids.indices { ids[i] = Int32(random.index(below: vocabulary)) }
      ids.withUnsafeBufferPointer { ids in
        guard let base = ids.baseAddress else { return }
        batch.append(
          base, types: nil, count: length, label: 0, example: Int32(sequence),
          worker: sequence * workers / capacity.sequences)
      }
    }
  }
}
