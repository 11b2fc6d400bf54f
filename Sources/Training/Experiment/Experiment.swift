// What an experiment file says: the model, the data, the adapter and how it is trained.

import AdaLoRA
import Kernels

/// One experiment, complete: every key has a value, every path is absolute. `Experiment.load` makes it from a TOML file.
///
/// Properties are named as the file's keys, in camel case; their initial values are the keys' defaults (PEFT's own where
/// PEFT has the key). Units: ranks in triplets, `tinit`, `tfinal`, `deltaT` and `totalStep` in optimizer steps,
/// `maxLength` in tokens.
public struct Experiment: Sendable, Equatable {
  /// The file it came from, as the user gave it. Two experiments that differ in nothing else are equal.
  public internal(set) var path: String
  /// Names the run's folder; the file's name where the key is left out.
  public internal(set) var name: String
  public internal(set) var seed = 0
  public internal(set) var model = Model()
  public internal(set) var data = Data()
  public internal(set) var adapter = Adapter()
  public internal(set) var training = TrainingOptions()
  public internal(set) var telemetry = Telemetry()
  /// `[[intervention]]`: what happens by itself before a step, in the file's order.
  public internal(set) var schedule: [ScheduledCommand] = []

  /// All defaults; what has none is empty.
  init(path: String) {
    self.path = path
    name = ExperimentKey.folderName(ofFile: path) ?? "experiment"
  }

  public static func == (a: Experiment, b: Experiment) -> Bool {
    a.name == b.name && a.seed == b.seed && a.model == b.model && a.data == b.data && a.adapter == b.adapter
      && a.training == b.training && a.telemetry == b.telemetry && a.schedule == b.schedule
  }

  /// `[model]`.
  public struct Model: Sendable, Equatable {
    /// The folder of the pretrained model.
    public internal(set) var path = ""
    public internal(set) var task = Task.sequenceClassification
  }

  /// `[data]`.
  public struct Data: Sendable, Equatable {
    public internal(set) var train = ""
    /// The file that evaluations use; nil where `split` names a column instead.
    public internal(set) var eval: String?
    public internal(set) var format = DataFormat.tsv
    /// A column's name, or its 0-based index in digits; likewise the other columns.
    public internal(set) var text = ""
    public internal(set) var label = ""
    public internal(set) var header = true
    /// The second text of a pair.
    public internal(set) var textPair: String?
    /// The column that says train, dev (or validation) or test.
    public internal(set) var split: String?
    /// A language model's columns: what a completion follows, and the completion; or a list of messages.
    public internal(set) var prompt: String?
    public internal(set) var completion: String?
    public internal(set) var messages: String?
    public internal(set) var maxLength = 128
  }

  /// `[adapter]`, in PEFT's own field names.
  public struct Adapter: Sendable, Equatable {
    /// Follows from `method`.
    public internal(set) var peftType = PEFTType.adalora
    public internal(set) var method = ListedMethod.adalora
    /// nil: as PEFT maps the model's type (`TargetModules.defaults`).
    public internal(set) var targetModules: TargetModules?
    /// The rank of `lora`; the others have no use for it.
    public internal(set) var r = 8
    public internal(set) var initR = 12
    public internal(set) var targetR = 8
    public internal(set) var tinit = 0
    public internal(set) var tfinal = 0
    public internal(set) var deltaT = 1
    public internal(set) var beta1 = 0.85
    public internal(set) var beta2 = 0.85
    public internal(set) var orthRegWeight = 0.5
    public internal(set) var loraAlpha = 8.0
    /// s itself, whatever the method's rank; nil: as `lora_alpha` makes it.
    public internal(set) var effectiveScale: Double?
    public internal(set) var loraDropout = 0.0
    public internal(set) var score = ScoringRule.smoothed
    public internal(set) var budget = BudgetUnit.rank
    public internal(set) var dialect = Dialect.peft

    /// What a module's rank is over the run.
    public var ranks: ModuleRanks { method.method.ranks(r: r, initial: initR, target: targetR) }

    /// α, which gives the scale that was asked for.
    public var alpha: Double {
      effectiveScale.map { $0 / method.method.parameterization.scale(alpha: 1, rank: ranks.room) } ?? loraAlpha
    }
  }

  /// `[training]`.
  public struct TrainingOptions: Sendable, Equatable {
    public internal(set) var totalStep = 0
    public internal(set) var batchSize = 32
    public internal(set) var learningRate = 1e-3
    public internal(set) var schedule = LearningRateSchedule.linear
    public internal(set) var warmupRatio = 0.06
    public internal(set) var weightDecay = 0.01
    /// 0: no clipping.
    public internal(set) var maxGradNorm = 0.0
    /// In steps; 0: only at the end.
    public internal(set) var evalEvery = 200
    /// Steps between checkpoints; 0: only where something asks for one.
    public internal(set) var checkpointEvery = 100
    public internal(set) var gradientAccumulationSteps = 1
    public internal(set) var baseDropout = true
    public internal(set) var precision = Precision.float32
    /// Whether activations are computed again in backward instead of kept.
    public internal(set) var recompute = false
    /// 0: one per core.
    public internal(set) var threads = 0
  }

  /// `[telemetry]`, what the run's database records.
  public struct Telemetry: Sendable, Equatable {
    /// Steps between two rows of triplet scores where no mask falls; 0: with masks and the last step only.
    public internal(set) var scoresEvery = 100
  }

  public enum Task: String, Sendable, CaseIterable {
    case sequenceClassification = "SEQ_CLS"
    case causalLanguageModel = "CAUSAL_LM"
  }

  public enum PEFTType: String, Sendable, CaseIterable {
    case adalora = "ADALORA"
    case lora = "LORA"

    /// How adapters that a method makes are saved.
    init(of method: any AllocationMethod) { self = method.parameterization.hasLambda ? .adalora : .lora }
  }
}
