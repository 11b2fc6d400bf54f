// Everything a screen needs to draw one moment of a run. Immutable values only.

import AdaLoRA
import Models

/// What does not change during a run.
public struct RunDescription: Codable, Sendable, Equatable {
  public struct Module: Codable, Sendable, Equatable {
    /// The full name, as PEFT writes it after `base_model.model.`.
    public var name: String
    /// The layer's number, where the name has one.
    public var layer: Int?
    /// The name's last telling part: `query`, `attention.output.dense`, …; the column of the Ranks panel.
    public var type: String
    public var outputSize: Int
    public var inputSize: Int
    /// The rank that the planted experiment put here.
    public var plantedRank: Int?

    public init(
      name: String, layer: Int?, type: String, outputSize: Int, inputSize: Int, plantedRank: Int? = nil
    ) {
      self.name = name
      self.layer = layer
      self.type = type
      self.outputSize = outputSize
      self.inputSize = inputSize
      self.plantedRank = plantedRank
    }

    /// The type is what follows the layer's number; its last part alone where that says enough.
    public init(_ module: LinearModule, plantedRank: Int? = nil) {
      let parts = module.name.split(separator: ".").map(String.init)
      let number = parts.lastIndex { Int($0) != nil }
      let rest = number.map { Array(parts[($0 + 1)...]) } ?? parts
      // A layer has several of these.
      let type = ["dense", "c_proj"].contains(rest.last) ? rest : rest.suffix(1)
      self.init(
        name: module.name, layer: module.layer, type: type.joined(separator: "."), outputSize: module.outputSize,
        inputSize: module.inputSize, plantedRank: plantedRank)
    }
  }

  public var run: String
  /// The run's folder, or empty where nothing is written.
  public var folder: String
  public var model: String
  /// A `ListedMethod`'s title, such as "ADALORA" or "LORA".
  public var method: String
  public var score: ScoringRule
  public var dialect: Dialect
  public var modules: [Module]
  /// r₀, the triplets that a module has room for.
  public var initialRank: Int
  /// α / (r₀ + 1e-5).
  public var effectiveScale: Double
  public var totalSteps: Int
  public var threads: Int
  public var blasCore: String
  /// Name of the evaluation metric worth a curve: "accuracy", "matthews", or "" where there is no evaluation.
  public var metric: String
  /// What modules start with where rank grows; nil: r₀.
  public var firstRank: Int?
  /// What b(t) counts.
  public var budgetUnit = BudgetUnit.rank
}

extension RunDescription {
  private var listed: ListedMethod? { ListedMethod(title: method) }

  /// Whether triplets are scored and masked; where not, every module keeps its rank.
  public var allocates: Bool { listed?.method.allocates ?? false }

  /// Whether R is part of the loss.
  public var isRegularized: Bool { listed?.method.parameterization.hasLambda ?? false }

  /// How b(t) goes.
  var curve: BudgetSchedule.Curve { listed?.method.curve ?? .cubic }

  /// Whether modules start with less than they have room for.
  public var grows: Bool { listed?.method.grows ?? false }

  /// What each module starts with.
  var firstRanks: [Int] { Array(repeating: firstRank ?? initialRank, count: modules.count) }

  /// Whether a mask keeps the best triplets of all, so that another rule's choice can be told.
  public var prunesByScore: Bool { allocates && !grows }

  /// What a triplet costs of b(t) in each module.
  public var prices: TripletPrices { TripletPrices(budgetUnit, sizes: modules.map { ($0.outputSize, $0.inputSize) }) }

  /// What the kept triplets cost, in the unit of the budget.
  public func cost(of ranks: [Int]) -> Int { zip(prices.each, ranks).reduce(0) { $0 &+ $1.0 &* $1.1 } }

  /// Whether a hyper-parameter means something to the run.
  public func steers(_ parameter: Hyperparameter) -> Bool { listed?.steers(parameter) ?? true }
}

extension ListedMethod {
  /// Whether a hyper-parameter means something to a run by the method.
  func steers(_ parameter: Hyperparameter) -> Bool {
    switch parameter {
    case .learningRate: true
    case .orthRegWeight: method.parameterization.hasLambda
    case .beta1, .beta2, .deltaT, .targetR: method.allocates
    }
  }
}

public enum RunState: Codable, Sendable, Equatable {
  case training, paused, evaluating, done
  /// Cannot write, for the reason given, and goes on by itself once it can.
  case waiting(String)
  /// Cannot train on, for the reason given, until somebody says from where.
  case halted(String)
  case failed(String)
}

/// What whoever looks at a run can do to it.
public enum RunControl: Codable, Sendable, Equatable {
  /// Everything: the run is this process's own. Whether it keeps checkpoints decides what lasts.
  case own(keepsCheckpoints: Bool)
  /// A recorded run that this process trains again: it can be stopped and looked at, its past cannot be changed.
  case replay
  /// Another process trains it and reads commands from a file.
  case remote
  /// Another process trains it, or it has ended: nothing but looking.
  case readOnly
}

/// Per triplet quantities, module-major: element k·r₀ + i is triplet i of module k. All are empty where rank is fixed.
public struct TripletFrame: Codable, Sendable, Equatable {
  /// λ after the step; of a doublet, which has none, ‖B column‖·‖A row‖.
  public var lambda: [Float] = []
  /// Kept by the last mask.
  public var kept: [Bool] = []
  /// s(λ), mean s(P) and mean s(Q) with s = Ī·Ū; their sum is the smoothed S.
  public var lambdaPart: [Float] = []
  public var pPart: [Float] = []
  public var qPart: [Float] = []
  /// Ī and Ū combined like S: of λ plus the means over P and Q.
  public var smoothedSensitivity: [Float] = []
  public var uncertainty: [Float] = []
  /// S by each of the five rules.
  public var scores: [ScoringRule: [Float]] = [:]
  /// Scores that the last mask used, by the run's own rule.
  public var maskScores: [Float] = []
}

/// One retained moment of the run's history.
public final class HistoryPoint: Sendable {
  public let record: StepRecord
  public let triplets: TripletFrame
  /// Kept triplets a module.
  public let ranks: [Int]

  public init(record: StepRecord, triplets: TripletFrame, ranks: [Int]) {
    self.record = record
    self.triplets = triplets
    self.ranks = ranks
  }
}

/// The state of a run after a step. Published to a latest-only mailbox.
public struct Frame: Sendable {
  public var description: RunDescription
  public var state: RunState
  /// Steps done; 0 before the first.
  public var stepsDone: Int
  /// The latest step; absent before the first.
  public var record: StepRecord?
  public var schedule: BudgetSchedule?
  /// What the next step will use.
  public var beta1, beta2, orthRegWeight, learningRate, targetR: Double
  public var deltaT: Int
  /// Kept triplets a module by the last mask (r₀ before the first).
  public var ranks: [Int]
  /// λ that are not zero, a module.
  public var nonzero: [Int]
  public var triplets: TripletFrame
  /// Oldest first; a fixed-size ring that thins itself.
  public var history: [HistoryPoint]
  /// Oldest first, the most recent few hundred.
  public var events: [Event]
  public var interventions: [Intervention]
  /// Changes asked for that have not taken effect.
  public var pending: [Command]
  public var tokensPerSecond: Double
  /// Seconds left, where it can be told.
  public var eta: Double?
  public var control = RunControl.own(keepsCheckpoints: false)
  /// The same moment as other rules would have it, each a frame without shadows.
  public var shadows: [Frame] = []
}
