// A recorded reference run: the model, where it started, what it saw, and what came out at every step.

import AdaLoRA
import Kernels
import Models

/// The contents of a `fixtures/peft/<case>` folder.
struct ParityCase {
  struct Settings {
    var method: Experiment.PEFTType
    var steps: Int
    var rank: Int
    var targetRank: Int
    var tinit: Int
    var tfinal: Int
    var deltaT: Int
    var beta1: Double
    var beta2: Double
    var orthRegWeight: Double
    var alpha: Double
    var learningRate: Double
    var labels: Int
    var targetModules: TargetModules
  }

  struct Step {
    var loss, taskLoss, orth, gradNorm: Double
    var budget: Int?
    var lambdaL1: Double?
    var pattern: [String: [Bool]]?
    var scores: [String: [Double]]?
  }

  let folder: String
  let name: String
  let settings: Settings
  let steps: [Step]
  let batches: RecordedBatches
  let model: ModelFolder
  let initial: SafetensorsFile
  /// Of the loaded adapter on batch 0: a row a sequence, or of a language model a row a token.
  let logits: [[Double]]

  init(folder: String, workers: Int) throws(InputError) {
    self.folder = folder
    name = folder.split(separator: "/").last.map(String.init) ?? folder
    let tracePath = folder + "/trace.json"
    let trace = try JSON.read(path: tracePath, allowNonFinite: true)
    settings = try Self.settings(try trace.field("config", file: tracePath), file: tracePath)
    steps = try Self.steps(try trace.field("steps", file: tracePath), file: tracePath)
    model = try ModelFolder(path: folder + "/model")
    initial = try SafetensorsFile(path: folder + "/init.safetensors")
    batches = try RecordedBatches(path: folder + "/batches.json", workers: workers)
    let logitsPath = folder + "/logits.json"
    var rows: [[Double]] = []
    for (i, item) in try JSON.read(path: logitsPath).array(file: logitsPath, at: "").enumerated() {
      guard batches.isLanguageModel else {
        rows.append(try Self.doubles(item, file: logitsPath, at: "[\(i)]"))
        continue
      }
      // Rows of padding come last.
      for row in try item.array(file: logitsPath, at: "[\(i)]").prefix(batches.length(batch: 0, example: i)) {
        rows.append(try Self.doubles(row, file: logitsPath, at: "[\(i)]"))
      }
    }
    logits = rows
    guard steps.count == settings.steps, batches.count >= settings.steps else {
      throw InputError(
        file: tracePath, place: "steps",
        "\(steps.count) steps and \(batches.count) batches, expected \(settings.steps) of both")
    }
  }

  var task: ModelTask {
    batches.isLanguageModel ? .causalLanguageModel : .sequenceClassification(labels: settings.labels)
  }

  private static func doubles(_ json: JSON, file: String, at place: String) throws(InputError) -> [Double] {
    var values: [Double] = []
    for value in try json.array(file: file, at: place) { values.append(try value.double(file: file, at: place)) }
    return values
  }

  private static func settings(_ c: JSON, file: String) throws(InputError) -> Settings {
    func double(_ key: String) throws(InputError) -> Double {
      try c.field(key, file: file).double(file: file, at: "config.\(key)")
    }
    func integer(_ key: String) throws(InputError) -> Int {
      try c.field(key, file: file).integer(file: file, at: "config.\(key)")
    }
    let method = try c.field("method", file: file).string(file: file, at: "config.method")
    guard method == "adalora" || method == "lora" else {
      throw InputError(file: file, place: "config.method", "\(method), expected adalora or lora")
    }
    let modules = try c.field("target_modules", file: file)
    var targets: TargetModules
    if case .string(let pattern) = modules {
      targets = pattern == "all-linear" ? .allLinear : .pattern(pattern)
    } else {
      var names: [String] = []
      for item in try modules.array(file: file, at: "config.target_modules") {
        names.append(try item.string(file: file, at: "config.target_modules"))
      }
      targets = .list(names)
    }
    return Settings(
      method: method == "lora" ? .lora : .adalora, steps: try integer("steps"), rank: try integer("rank"),
      targetRank: try integer("target_rank"), tinit: try integer("tinit"), tfinal: try integer("tfinal"),
      deltaT: try integer("deltaT"), beta1: try double("beta1"), beta2: try double("beta2"),
      orthRegWeight: try double("orth_reg_weight"), alpha: try double("lora_alpha"), learningRate: try double("lr"),
      labels: try integer("labels"), targetModules: targets)
  }

  private static func steps(_ json: JSON, file: String) throws(InputError) -> [Step] {
    var steps: [Step] = []
    for (i, item) in try json.array(file: file, at: "steps").enumerated() {
      let place = "steps[\(i)]"
      func double(_ key: String) throws(InputError) -> Double {
        try item.field(key, file: file).double(file: file, at: "\(place).\(key)")
      }
      var step = Step(
        loss: try double("loss"), taskLoss: try double("task_loss"), orth: try double("orth"),
        gradNorm: try double("grad_norm"))
      if let budget = item["budget"] { step.budget = try budget.integer(file: file, at: "\(place).budget") }
      if let l1 = item["lambda_l1"] { step.lambdaL1 = try l1.double(file: file, at: "\(place).lambda_l1") }
      if case .object(let pattern)? = item["rank_pattern"] {
        var modules: [String: [Bool]] = [:]
        for (module, row) in pattern {
          modules[module] = try row.array(file: file, at: "\(place).rank_pattern.\(module)").map {
            $0 == .integer(1) || $0 == .bool(true)
          }
        }
        step.pattern = modules
      }
      if case .object(let scores)? = item["scores"] {
        var modules: [String: [Double]] = [:]
        for (module, row) in scores {
          modules[module] = try doubles(row, file: file, at: "\(place).scores.\(module)")
        }
        step.scores = modules
      }
      steps.append(step)
    }
    return steps
  }
}

/// Recorded batches in their order, with the padding taken off.
final class RecordedBatches: BatchSource {
  let capacity: (sequences: Int, tokens: Int)
  private let batches: [TokenizedDataset]
  private let workers: Int
  private var position = 0

  var count: Int { batches.count }

  /// Whether labels are the tokens themselves.
  var isLanguageModel: Bool { batches.first?.labels.isEmpty ?? false }

  /// In tokens; 0 where there is no such example.
  func length(batch: Int, example: Int) -> Int {
    batches.indices.contains(batch) && example < batches[batch].count ? batches[batch].length(example) : 0
  }

  init(path: String, workers: Int) throws(InputError) {
    self.workers = workers
    var batches: [TokenizedDataset] = []
    for (b, item) in try JSON.read(path: path).array(file: path, at: "").enumerated() {
      batches.append(try Self.batch(item, file: path, at: "[\(b)]"))
    }
    self.batches = batches
    capacity = (batches.map(\.count).max() ?? 0, batches.map { $0.mostTokens(in: $0.count) }.max() ?? 0)
  }

  private static func batch(_ item: JSON, file: String, at place: String) throws(InputError) -> TokenizedDataset {
    let rows = try item.field("input_ids", file: file).array(file: file, at: "\(place).input_ids")
    let masks = try item.field("attention_mask", file: file).array(file: file, at: "\(place).attention_mask")
    let labels = try item.field("labels", file: file).array(file: file, at: "\(place).labels")
    guard rows.count == masks.count, rows.count == labels.count else {
      throw InputError(
        file: file, place: place, "\(rows.count) input_ids, \(masks.count) masks, \(labels.count) labels")
    }
    var dataset = TokenizedDataset()
    for i in rows.indices {
      let row = "\(place).input_ids[\(i)]"
      var ids: [Int32] = []
      for id in try rows[i].array(file: file, at: row) {
        guard let value = Int32(exactly: try id.integer(file: file, at: row)) else {
          throw InputError(file: file, place: row, "a token id out of range")
        }
        ids.append(value)
      }
      let mask = try masks[i].array(file: file, at: "\(place).attention_mask[\(i)]")
      let length = mask.prefix { $0 == .integer(1) }.count
      guard length > 0, mask.count == ids.count, mask.dropFirst(length).allSatisfy({ $0 == .integer(0) }) else {
        throw InputError(
          file: file, place: "\(place).attention_mask[\(i)]", "expected as many entries as ids, ones and then zeros")
      }
      let shown = "\(place).labels[\(i)]"
      ids = Array(ids.prefix(length))
      if case .array(let tokens) = labels[i] {
        dataset.append(ids: ids, counted: try counted(tokens, ids, file: file, at: shown))
      } else {
        let label = try labels[i].integer(file: file, at: shown)
        dataset.append(ids: ids, types: Array(repeating: 0, count: length), label: Int32(clamping: label))
      }
    }
    return dataset
  }

  /// −100 marks what does not count; any other label is the token itself.
  private static func counted(
    _ labels: [JSON], _ ids: [Int32], file: String, at place: String
  ) throws(InputError) -> [Bool] {
    guard labels.count >= ids.count,
      zip(labels, ids).allSatisfy({ $0 == .integer(-100) || $0 == .integer(Int($1)) })
    else { throw InputError(file: file, place: place, "expected the ids again, -100 where one does not count") }
    return labels.prefix(ids.count).map { $0 != .integer(-100) }
  }

  func fill(_ batch: PackedBatch) {
    fill(batch, with: position)
    position += 1
  }

  func fill(_ batch: PackedBatch, with index: Int) {
    batch.clear()
    let dataset = batches[index]
    for i in 0..<dataset.count { batch.append(dataset, example: i, worker: i * workers / dataset.count) }
  }
}
