// Adapters in PEFT's own layout: written so that `PeftModel.from_pretrained` loads them, and read as PEFT wrote them.

import AdaLoRA
import Foundation
import Kernels
import Models

/// The contents of `adapter_config.json` and `adapter_model.safetensors`.
public struct PEFTAdapter {
  public static let configName = "adapter_config.json"
  public static let weightsName = "adapter_model.safetensors"
  static let prefix = "base_model.model."

  // MARK: Writing

  /// What `adapter_config.json` says beside what the store knows.
  public struct Description: Sendable {
    public var method: Experiment.PEFTType
    public var taskType: String
    public var baseModel: String
    public var targetModules: TargetModules
    /// Whether the adapted weights are stored transposed, as `Conv1D` has them.
    public var fanInFanOut: Bool
    public var alpha: Double
    public var dropout: Double
    /// r₀, or LoRA's r.
    public var initialRank: Int
    public var targetRank: Double
    public var tinit: Int
    public var tfinal: Int
    public var deltaT: Int
    public var beta1: Double
    public var beta2: Double
    public var orthRegWeight: Double
    public var totalSteps: Int
  }

  /// Which triplets of each module are saved, module-major; nil saves all and writes no `rank_pattern`.
  public typealias Pattern = [[Bool]]

  /// The pattern whose export has the live model's logits: before T − t_f λ ≠ 0, from then on the stored mask; nil before
  /// the first mask.
  /// - Parameter masked: the last mask instead.
  public static func pattern(_ trainer: Trainer, masked: Bool = false) -> Pattern? {
    guard let allocator = trainer.allocator, allocator.maskCount > 0 else { return nil }
    let rank = allocator.scores.rank
    let store = trainer.store
    return store.adapters.indices.map { k in
      masked || allocator.isFrozen
        ? Array(allocator.kept[k * rank..<(k + 1) * rank]) : store.sizes(k).map { $0 != 0 }
    }
  }

  /// Writes both files into `folder`, which is made if need be. Each is written aside, synced and renamed.
  public static func write(
    _ store: AdapterStore, _ description: Description, pattern: Pattern?, to folder: String
  ) throws(InputError) {
    try makeFolder(folder)
    var tensors: [(name: String, shape: [Int], values: [Float])] = []
    let suffix = description.method == .lora ? ".weight" : ""
    for (k, adapter) in store.adapters.enumerated() {
      let chosen = (0..<adapter.layout.rank).filter { pattern?[k][$0] ?? true }
      // A plain LoRA adapter has no rank 0.
      if description.method == .lora, chosen.isEmpty { continue }
      let name = prefix + adapter.name
      tensors.append(
        (name + ".lora_A" + suffix, [chosen.count, adapter.inputSize], store.loraA(k, triplets: chosen)))
      tensors.append(
        (name + ".lora_B" + suffix, [adapter.outputSize, chosen.count], store.loraB(k, triplets: chosen)))
      if adapter.layout.lambdaOffset != nil {
        tensors.append((name + ".lora_E", [chosen.count, 1], store.loraE(k, triplets: chosen)))
      }
    }
    for tensor in store.dense { tensors.append((prefix + tensor.name, tensor.shape, store.dense(tensor))) }
    tensors.sort { $0.name < $1.name }
    try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: folder + "/" + weightsName)
    let names = store.adapters.map(\.name)
    try AtomicFile.write(
      config(description, pattern: pattern, modules: names, hasHead: !store.dense.isEmpty).serialized(pretty: true)
        + "\n",
      to: folder + "/" + configName)
  }

  private static func config(
    _ d: Description, pattern: Pattern?, modules: [String], hasHead: Bool
  ) -> JSON {
    let asked: JSON =
      switch d.targetModules {
      case .list(let names): .array(names.map { .string($0) })
      case .pattern(let pattern): .string(pattern)
      case .allLinear: .string("all-linear")
      }
    // Of LoRA: where doublets are pruned, modules have ranks of their own, and α so that the scale stays.
    let ranks = d.method == .lora ? pattern?.map { $0.count { $0 } } : nil
    let own = zip(modules, ranks ?? []).filter { $1 > 0 && $1 != d.initialRank }
    let targets = ranks?.contains(0) == true ? kept(modules, ranks ?? []) ?? asked : asked
    var entries: [(String, JSON)] = [
      ("peft_type", .string(d.method == .lora ? "LORA" : "ADALORA")),
      ("task_type", .string(d.taskType)),
      ("base_model_name_or_path", .string(d.baseModel)),
      ("target_modules", targets),
      ("modules_to_save", hasHead ? .array([.string("classifier"), .string("score")]) : .null),
      ("lora_alpha", number(d.alpha)),
      ("lora_dropout", number(d.dropout)),
      ("bias", .string("none")),
      ("fan_in_fan_out", .bool(d.fanInFanOut)),
      ("inference_mode", .bool(true)),
      ("init_lora_weights", .bool(true)),
    ]
    if d.method == .lora {
      entries += [
        ("r", .integer(d.initialRank)), ("rank_pattern", .object(JSONObject(own.map { ($0, .integer($1)) }))),
        (
          "alpha_pattern",
          .object(JSONObject(own.map { ($0, number(d.alpha * Double($1) / Double(d.initialRank))) }))
        ),
      ]
    } else {
      entries += [
        ("init_r", .integer(d.initialRank)), ("target_r", number(d.targetRank)), ("tinit", .integer(d.tinit)),
        ("tfinal", .integer(d.tfinal)), ("deltaT", .integer(d.deltaT)), ("beta1", number(d.beta1)),
        ("beta2", number(d.beta2)), ("orth_reg_weight", number(d.orthRegWeight)),
        ("total_step", .integer(d.totalSteps)),
      ]
      if let pattern {
        entries.append(
          (
            "rank_pattern",
            .object(
              JSONObject(zip(modules, pattern).map { ($0 + ".lora_E", .array($1.map { .bool($0) })) }))
          ))
      } else {
        entries.append(("rank_pattern", .null))
      }
    }
    return .object(JSONObject(entries))
  }

  /// The modules that keep rank, by their full names; nil where none does.
  private static func kept(_ modules: [String], _ ranks: [Int]) -> JSON? {
    let names = zip(modules, ranks).filter { $1 > 0 }.map { JSON.string($0.0) }
    return names.isEmpty ? nil : .array(names)
  }

  /// Whole values are written as integers, as PEFT has them.
  private static func number(_ value: Double) -> JSON {
    value == value.rounded() && abs(value) < 1e15 ? .integer(Int(value)) : .number(value)
  }

  private static func makeFolder(_ folder: String) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(.unwritable, file: folder, "cannot be made: \(error.localizedDescription)")
    }
  }

  // MARK: Reading

  public let folder: String
  public let method: Experiment.PEFTType
  public let alpha: Double
  /// r₀ or r, which fixes the scale.
  public let rank: Int
  private let alphaPattern: [(key: String, alpha: Double)]
  private let usesRankStabilizedScale: Bool
  let config: JSON
  let file: SafetensorsFile

  /// - Throws: for a missing or malformed file, or a kind of adapter that is not AdaLoRA or LoRA.
  public init(folder: String) throws(InputError) {
    self.folder = folder
    let path = folder + "/" + Self.configName
    config = try JSON.read(path: path)
    switch try config.field("peft_type", file: path).string(file: path, at: "peft_type") {
    case "ADALORA": method = .adalora
    case "LORA": method = .lora
    case let other:
      throw InputError(file: path, place: "peft_type", "\(other) is not supported; expected ADALORA or LORA")
    }
    for key in ["use_dora", "lora_bias", "use_qalora", "use_bdlora"] where config[key] == .bool(true) {
      throw InputError(file: path, place: key, "true is not supported; expected false")
    }
    alpha = try config.field("lora_alpha", file: path).double(file: path, at: "lora_alpha")
    let rankKey = method == .adalora ? "init_r" : "r"
    rank = try config.field(rankKey, file: path).integer(file: path, at: rankKey)
    guard alpha > 0, alpha.isFinite else {
      throw InputError(file: path, place: "lora_alpha", "\(alpha), expected a number above 0")
    }
    guard rank > 0 else { throw InputError(file: path, place: rankKey, "\(rank), expected at least 1") }
    usesRankStabilizedScale = config["use_rslora"] == .bool(true)
    var pattern: [(String, Double)] = []
    if case .object(let entries)? = config["alpha_pattern"] {
      for (key, value) in entries { pattern.append((key, try value.double(file: path, at: "alpha_pattern.\(key)"))) }
    }
    alphaPattern = pattern
    file = try SafetensorsFile(path: folder + "/" + Self.weightsName)
  }

  /// What it was trained for; classification where it does not say.
  /// - Throws: where `task_type` is another.
  var task: Experiment.Task {
    get throws(InputError) {
      guard let value = config["task_type"], value != .null else { return .sequenceClassification }
      let path = folder + "/" + Self.configName
      let name = try value.string(file: path, at: "task_type")
      guard let task = Experiment.Task(rawValue: name) else {
        let known = Experiment.Task.allCases.map(\.rawValue).joined(separator: " or ")
        throw InputError(file: path, place: "task_type", "\(name) is not supported; expected \(known)")
      }
      return task
    }
  }

  /// The number of classes that its head has, with the tensor that says so; nil without a head.
  func labels(_ blueprint: any ModelBlueprint) -> (tensor: String, count: Int)? {
    // The head's names are the same for any number of classes.
    guard let last = blueprint.headModules(for: .sequenceClassification(labels: 1)).last else { return nil }
    let name = Self.prefix + last.name + ".weight"
    return file.tensor(name)?.shape.first.map { (name, $0) }
  }

  /// A plan that fits its tensors into a model's modules.
  /// - Throws: for a tensor that belongs to no module of the model.
  func plan(_ blueprint: any ModelBlueprint) throws(InputError) -> AdapterPlan {
    let suffix = method == .lora ? ".lora_A.weight" : ".lora_A"
    let head = blueprint.headModules(for: .sequenceClassification(labels: 1))
    var known = Set(head.flatMap { [Self.prefix + $0.name + ".weight", Self.prefix + $0.name + ".bias"] })
    var entries: [AdapterPlan.Entry] = []
    for module in blueprint.modules {
      let name = Self.prefix + module.name
      guard let tensor = file.tensor(name + suffix) else { continue }
      guard tensor.shape.count == 2, tensor.shape[1] == module.inputSize else {
        throw InputError(
          file: path, place: "tensor \(name + suffix)", "shape \(tensor.shape), expected [rank, \(module.inputSize)]")
      }
      let own = tensor.shape[0]
      known.formUnion(tensorNames(module.name))
      entries.append(entry(module, rank: own))
    }
    for name in file.names where !known.contains(name) {
      throw InputError(file: path, place: "tensor \(name)", "belongs to no module of the model")
    }
    return AdapterPlan(
      entries: entries,
      parameterization: method.parameterization,
      trainsHead: labels(blueprint) != nil)
  }

  private func entry(_ module: LinearModule, rank own: Int) -> AdapterPlan.Entry {
    guard method == .lora else {
      return AdapterPlan.Entry(module: module, rank: own, scaleRank: rank, alpha: alpha)
    }
    // A pattern's key is a module's full name or its end, as PEFT matches it.
    let alpha = alphaPattern.first { module.name == $0.key || module.name.hasSuffix("." + $0.key) }?.alpha ?? self.alpha
    let stabilized = usesRankStabilizedScale ? alpha * Double(own).squareRoot() : alpha
    return AdapterPlan.Entry(module: module, rank: own, alpha: stabilized)
  }

  private var path: String { folder + "/" + Self.weightsName }

  private func tensorNames(_ module: String) -> [String] {
    let suffix = method == .lora ? ".weight" : ""
    let names = [".lora_A" + suffix, ".lora_B" + suffix].map { Self.prefix + module + $0 }
    return method == .lora ? names : names + [Self.prefix + module + ".lora_E"]
  }

  /// Copies its tensors into a store laid out by `plan`.
  public func load(into store: AdapterStore) throws(InputError) {
    for (k, adapter) in store.adapters.enumerated() {
      let names = tensorNames(adapter.name)
      let rank = adapter.layout.rank
      store.setLoraA(k, try file.floats(names[0], shape: [rank, adapter.inputSize]))
      store.setLoraB(k, try file.floats(names[1], shape: [adapter.outputSize, rank]))
      if adapter.layout.lambdaOffset != nil { store.setLoraE(k, try file.floats(names[2], shape: [rank, 1])) }
    }
    for tensor in store.dense {
      store.setDense(tensor, try file.floats(Self.prefix + tensor.name, shape: tensor.shape))
    }
  }
}
