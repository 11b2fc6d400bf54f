// Experiment files: defaults, values, paths, overrides and writing back.

import AdaLoRA
import Foundation
import Models
import Testing

@testable import Training

/// The least that an experiment needs.
let leastExperiment = """
  [model]
  path = "model"
  [data]
  train = "train.tsv"
  eval = "dev.tsv"
  text = "sentence"
  label = "label"
  [training]
  total_step = 100

  """

func parsed(_ text: String, path: String = "/nowhere/exp.toml", set overrides: [String] = []) throws -> Experiment {
  try Experiment.parse(Array(text.utf8), path: path, overrides: overrides)
}

@Suite struct ExperimentTests {
  @Test("omitted keys have PEFT's defaults, the others those of the documentation")
  func defaults() throws {
    let experiment = try parsed(leastExperiment)
    #expect(experiment.path == "/nowhere/exp.toml")
    #expect(experiment.name == "exp")
    #expect(experiment.seed == 0)
    #expect(experiment.model.task == .sequenceClassification)
    let data = experiment.data
    #expect(data.format == .tsv && data.header && data.textPair == nil && data.split == nil && data.maxLength == 128)
    let adapter = experiment.adapter
    #expect(adapter.peftType == .adalora && adapter.targetModules == nil)
    #expect(adapter.r == 8 && adapter.initR == 12 && adapter.targetR == 8)
    #expect(adapter.tinit == 0 && adapter.tfinal == 0 && adapter.deltaT == 1)
    #expect(adapter.beta1 == 0.85 && adapter.beta2 == 0.85 && adapter.orthRegWeight == 0.5)
    #expect(adapter.loraAlpha == 8 && adapter.loraDropout == 0)
    #expect(adapter.score == .smoothed && adapter.dialect == .peft)
    let training = experiment.training
    #expect(training.totalStep == 100 && training.batchSize == 32 && training.learningRate == 1e-3)
    #expect(training.schedule == .linear && training.warmupRatio == 0.06 && training.weightDecay == 0.01)
    #expect(training.maxGradNorm == 0 && training.evalEvery == 200 && training.gradientAccumulationSteps == 1)
    #expect(training.baseDropout && training.precision == .float32 && training.threads == 0)
    #expect(experiment.telemetry.scoresEvery == 100)
  }

  /// Every key, none at its default.
  static let full = """
    name = "a run"
    seed = 7

    [model]
    path = "../models/mini"
    task = "SEQ_CLS"

    [data]
    train = "/data/all.csv"
    format = "csv"
    text = 3
    label = "gold label"
    header = false
    text_pair = "second"
    split = 0
    max_length = 64

    [adapter]
    peft_type = "LORA"
    method = "lora"
    target_modules = ["query", "output.dense"]
    r = 2
    init_r = 6
    target_r = 4
    tinit = 10
    tfinal = 30
    deltaT = 5
    beta1 = 0.7
    beta2 = 0.95
    orth_reg_weight = 0
    lora_alpha = 16
    lora_dropout = 0.1
    score = "uniform"
    budget = "parameters"
    dialect = "paper"

    [training]
    total_step = 1_000
    batch_size = 8
    learning_rate = 5e-4
    schedule = "cosine"
    warmup_ratio = 1
    weight_decay = 0.0
    max_grad_norm = 1.5
    eval_every = 0
    checkpoint_every = 7
    gradient_accumulation_steps = 2
    base_dropout = false
    recompute = true
    precision = "float32"
    threads = 3

    [telemetry]
    scores_every = 0

    """

  @Test("every key sets its property")
  func everyKey() throws {
    let experiment = try parsed(Self.full)
    #expect(experiment.name == "a run" && experiment.seed == 7)
    #expect(experiment.model.path == "/models/mini")
    let data = experiment.data
    #expect(data.train == "/data/all.csv" && data.eval == nil && data.format == .csv)
    #expect(data.text == "3" && data.label == "gold label" && !data.header)
    #expect(data.textPair == "second" && data.split == "0" && data.maxLength == 64)
    let adapter = experiment.adapter
    #expect(adapter.peftType == .lora && adapter.method == .lora)
    #expect(adapter.targetModules == .list(["query", "output.dense"]))
    #expect(adapter.r == 2 && adapter.initR == 6 && adapter.targetR == 4)
    #expect(adapter.tinit == 10 && adapter.tfinal == 30 && adapter.deltaT == 5)
    #expect(adapter.beta1 == 0.7 && adapter.beta2 == 0.95 && adapter.orthRegWeight == 0)
    #expect(adapter.loraAlpha == 16 && adapter.loraDropout == 0.1)
    #expect(adapter.score == .uniform && adapter.budget == .parameters && adapter.dialect == .paper)
    let training = experiment.training
    #expect(training.totalStep == 1000 && training.batchSize == 8 && training.learningRate == 5e-4)
    #expect(training.schedule == .cosine && training.warmupRatio == 1 && training.weightDecay == 0)
    #expect(training.maxGradNorm == 1.5 && training.evalEvery == 0 && training.gradientAccumulationSteps == 2)
    #expect(!training.baseDropout && training.recompute && training.threads == 3 && training.checkpointEvery == 7)
    #expect(experiment.telemetry.scoresEvery == 0)
  }

  @Test("the full example leaves no key of the table out")
  func fullIsFull() throws {
    let document = try TOMLDocument(Array(Self.full.utf8), file: "full")
    let named = Set(ExperimentKey.all.filter { $0.task != .causalLanguageModel }.map(\.path)).subtracting([
      "data.eval", "adapter.effective_scale",
    ])
    #expect(Set(document.lines.keys.map { $0.joined(separator: ".") }).isSuperset(of: named))
  }

  @Test("what is written back loads as an equal experiment, wherever it lies")
  func roundTrip() throws {
    let languageModel = """
      [model]
      path = "model"
      task = "CAUSAL_LM"
      [data]
      train = "train"
      eval = "dev"
      format = "jsonl"
      messages = "turns"
      [training]
      total_step = 100
      """
    for (text, overrides) in [
      (languageModel, []),
      (leastExperiment, []), (Self.full, []),
      (leastExperiment, ["name=\"ü \\\" \\\\ [x]\"", "data.label=\"a\\tb\\u0007\"", "seed=9223372036854775807"]),
      (leastExperiment, ["adapter.target_modules=.*\\.(query|value)", "training.learning_rate=1.2345678901234567e-9"]),
      (leastExperiment, ["adapter.target_modules=ALL-linear", "adapter.beta1=0.1", "data.text_pair=x"]),
    ] {
      let first = try parsed(text, set: overrides)
      let second = try parsed(first.tomlText, path: "elsewhere/experiment.toml")
      #expect(second == first)
      #expect(second.tomlText == first.tomlText)
    }
  }

  @Test("two experiments that differ in one value are not equal")
  func inequality() throws {
    let base = try parsed(leastExperiment)
    for change in [
      "seed=1", "name=x", "model.path=x", "data.max_length=9", "adapter.tinit=1", "training.threads=1",
      "telemetry.scores_every=1",
    ] {
      #expect(try parsed(leastExperiment, set: [change]) != base, "\(change)")
    }
  }

  @Test("target_modules is a list, a pattern or all-linear")
  func targetModules() throws {
    func targets(_ value: String) throws -> TargetModules? {
      try parsed(leastExperiment, set: ["adapter.target_modules=\(value)"]).adapter.targetModules
    }
    #expect(try targets("\"all-linear\"") == .allLinear)
    #expect(try targets("all-linear") == .allLinear)
    #expect(try targets("[\"all-linear\"]") == .list(["all-linear"]))
    #expect(try targets("'.*\\.query'") == .pattern(".*\\.query"))
    #expect(try targets("query") == .pattern("query"))
  }

  @Test("an override is TOML, or bare words for a string; the last of two counts")
  func overrides() throws {
    let experiment = try parsed(
      leastExperiment,
      set: [
        "adapter.beta1=0.9", "adapter.beta1 = 0.91", "name=my run", "adapter.score=random", "data.label=2",
        "data.eval=", "data.split=split", "training.base_dropout=false",
      ])
    #expect(experiment.adapter.beta1 == 0.91)
    #expect(experiment.name == "my run")
    #expect(experiment.adapter.score == .random)
    #expect(experiment.data.label == "2")
    #expect(experiment.data.eval == nil && experiment.data.split == "split")
    #expect(!experiment.training.baseDropout)
  }

  @Test("--seed and --threads replace the file's")
  func seedAndThreads() throws {
    let bytes = Array(Self.full.utf8)
    let experiment = try Experiment.parse(bytes, path: "e.toml", overrides: ["seed=3"], seed: 5, threads: 0)
    #expect(experiment.seed == 5 && experiment.training.threads == 0)
  }

  @Test("paths in the file start at its folder, those of --set at the working directory")
  func paths() throws {
    let here = FileManager.default.currentDirectoryPath
    let experiment = try parsed(leastExperiment, path: "/nowhere/exp.toml", set: ["data.eval=other/dev.tsv"])
    #expect(experiment.model.path == "/nowhere/model")
    #expect(experiment.data.train == "/nowhere/train.tsv")
    #expect(experiment.data.eval == here + "/other/dev.tsv")
    #expect(try parsed(leastExperiment, path: "exp.toml").data.train == here + "/train.tsv")
    #expect(try parsed(leastExperiment, path: "a/exp.toml").data.train == here + "/a/train.tsv")
    #expect(try parsed(leastExperiment, path: "/exp.toml").data.train == "/train.tsv")
  }

  @Test("a path keeps its own name, even a link's, and loses its detours")
  func detours() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/a/b", withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "a/b")
    #expect(AbsolutePath.of("../link", from: folder.path + "/a") == folder.path + "/link")
    #expect(AbsolutePath.of("../b", from: folder.path + "/link") == folder.path + "/a/b")
    #expect(AbsolutePath.of("..", from: folder.path + "/a") == folder.path)
    #expect(AbsolutePath.of("/", from: "x") == "/")
  }

  @Test("LORA takes the keys of ADALORA and checks none of them together")
  func loraIgnores() throws {
    let overrides = ["adapter.tinit=90", "adapter.tfinal=90", "adapter.target_r=20"]
    #expect(throws: InputError.self) { try parsed(leastExperiment, set: overrides) }
    let experiment = try parsed(leastExperiment, set: overrides + ["adapter.peft_type=LORA"])
    #expect(experiment.adapter.peftType == .lora && experiment.adapter.tinit == 90)
  }

  @Test("peft_type follows from the method and the method from peft_type, and the command line's counts")
  func methodAndType() throws {
    func adapter(_ file: String, _ overrides: [String] = []) throws -> Experiment.Adapter {
      try parsed(leastExperiment + "[adapter]\n" + file + "\n", set: overrides.map { "adapter." + $0 }).adapter
    }
    #expect(try adapter("").method == .adalora)
    #expect(try adapter("peft_type = \"LORA\"").method == .lora)
    #expect(try adapter("method = \"lora\"").peftType == .lora)
    #expect(try adapter("method = \"svd-lora\"\npeft_type = \"ADALORA\"").method.rawValue == "svd-lora")
    #expect(try adapter("peft_type = \"ADALORA\"", ["method=lora"]).peftType == .lora)
    #expect(try adapter("method = \"svd-lora\"", ["peft_type=LORA"]).method == .lora)
    #expect(try adapter("method = \"svd-lora\"", ["peft_type=ADALORA"]).method.rawValue == "svd-lora")
    #expect(throws: InputError.self) { try adapter("method = \"lora\"\npeft_type = \"ADALORA\"") }
    #expect(throws: InputError.self) { try adapter("", ["method=lora", "peft_type=ADALORA"]) }
  }

  @Test("effective_scale sets the scale whatever the method's rank, and is written instead of lora_alpha")
  func effectiveScale() throws {
    for method in ListedMethod.allCases {
      let experiment = try parsed(
        leastExperiment, set: ["adapter.method=\(method.rawValue)", "adapter.effective_scale=2.5"])
      let adapter = experiment.adapter
      let scale = method.method.parameterization.scale(alpha: adapter.alpha, rank: adapter.ranks.room)
      #expect(abs(scale - 2.5) < 1e-14)
      #expect(!experiment.tomlText.contains("lora_alpha"))
      #expect(try parsed(experiment.tomlText) == experiment)
    }
    let file = leastExperiment + "[adapter]\neffective_scale = 2\n"
    #expect(try parsed(file, set: ["adapter.lora_alpha=16"]).adapter.alpha == 16)
    #expect(throws: InputError.self) { try parsed(file + "lora_alpha = 16\n") }
  }

  @Test("CRLF, a byte order mark, dotted and quoted keys and inline tables are TOML too")
  func otherSpellings() throws {
    let text = """
      \u{FEFF}training.total_step = 50 # steps
      "model" = { 'path' = "/m" }
      data = { train = "/t", split = "s", text = "a", "label" = "b" }
      """
    let experiment = try parsed(text.replacing("\n", with: "\r\n"))
    #expect(experiment.training.totalStep == 50 && experiment.model.path == "/m" && experiment.data.label == "b")
  }

  @Test("the name is the file's where the key is left out")
  func names() {
    #expect(Experiment(path: "a/sst2.toml").name == "sst2")
    #expect(Experiment(path: "sst2").name == "sst2")
    #expect(Experiment(path: "/dev/fd/63").name == "63")
    #expect(Experiment(path: "/").name == "experiment")
    #expect(Experiment(path: ".toml").name == "experiment")
  }

  @Test("every experiment of the project loads")
  func committed() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "../../experiments"
    ).path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
      $0.hasSuffix(".toml") && !$0.hasPrefix("sweep-")
    }
    #expect(files.count >= 4)
    for file in files { #expect(try Experiment.load(path: folder + "/" + file).training.totalStep > 0, "\(file)") }
  }

  @Test("load reads the file")
  func load() throws {
    let folder = try TemporaryFolder()
    let path = try folder.file("e.toml", leastExperiment)
    let experiment = try Experiment.load(path: path, overrides: [], seed: 4, threads: 2)
    #expect(experiment.seed == 4 && experiment.training.threads == 2 && experiment.model.path == folder.path + "/model")
  }
}

/// A folder that goes when its owner does.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = AbsolutePath.of("ranktop-\(UUID().uuidString)", from: NSTemporaryDirectory())
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ text: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    return path + "/" + name
  }
}
