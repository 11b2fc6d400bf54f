// Every key of an experiment file, once: its place, what it may be, and the property it sets.

import AdaLoRA
import Models

/// One key of an experiment file. The table `all` drives reading, `--set`, error texts and writing; the default is the
/// property's value in a fresh `Experiment`.
struct ExperimentKey: Sendable {
  /// The table it stands in; empty for the top level.
  let section: String
  let name: String
  /// What a value must be, as errors say it.
  let expected: String
  private(set) var isRequired = false
  /// The task that it has a meaning for; nil for any.
  private(set) var task: Experiment.Task?
  /// Takes a value, with the folder that relative paths start from.
  /// - Returns: nil, or what is wrong with the value.
  private(set) var set: @Sendable (inout Experiment, TOMLNode, String) -> String?
  /// The value as TOML; nil where it is left out.
  private(set) var text: @Sendable (Experiment) -> String?

  /// As in `--set`: `section.name`.
  var path: String { section.isEmpty ? name : section + "." + name }

  /// PEFT's name of a key, without our section.
  static func shortName(_ path: String) -> String { path.split(separator: ".").last.map(String.init) ?? path }

  static let all: [ExperimentKey] = [
    text("", "name", \.name, "a name that a folder can have", where: isFolderName),
    integer("", "seed", \.seed, 0...Int.max),

    path("model", "path", \.model.path).required,
    choice("model", "task", \.model.task),

    path("data", "train", \.data.train).required,
    optionalPath("data", "eval", \.data.eval),
    choice("data", "format", \.data.format),
    column("data", "text", \.data.text).required.only(for: .sequenceClassification),
    column("data", "label", \.data.label).required.only(for: .sequenceClassification),
    flag("data", "header", \.data.header).only(for: .sequenceClassification),
    optionalColumn("data", "text_pair", \.data.textPair).only(for: .sequenceClassification),
    optionalColumn("data", "split", \.data.split).only(for: .sequenceClassification),
    optionalColumn("data", "prompt", \.data.prompt).only(for: .causalLanguageModel),
    optionalColumn("data", "completion", \.data.completion).only(for: .causalLanguageModel),
    optionalColumn("data", "messages", \.data.messages).only(for: .causalLanguageModel),
    integer("data", "max_length", \.data.maxLength, 3...1_000_000),

    choice("adapter", "peft_type", \.adapter.peftType),
    choice("adapter", "method", \.adapter.method),
    targetModules("adapter", "target_modules", \.adapter.targetModules),
    integer("adapter", "r", \.adapter.r, 1...maximumRank),
    integer("adapter", "init_r", \.adapter.initR, 1...maximumRank),
    integer("adapter", "target_r", \.adapter.targetR, 0...maximumRank),
    integer("adapter", "tinit", \.adapter.tinit, 0...maximumSteps),
    integer("adapter", "tfinal", \.adapter.tfinal, 0...maximumSteps),
    integer("adapter", "deltaT", \.adapter.deltaT, 1...maximumSteps),
    number("adapter", "beta1", \.adapter.beta1, "above 0 and below 1") { $0 > 0 && $0 < 1 },
    number("adapter", "beta2", \.adapter.beta2, "above 0 and below 1") { $0 > 0 && $0 < 1 },
    number("adapter", "orth_reg_weight", \.adapter.orthRegWeight, "of at least 0") { $0 >= 0 },
    number("adapter", "lora_alpha", \.adapter.loraAlpha, "above 0") { $0 > 0 }
      .leftOut { $0.adapter.effectiveScale != nil },
    optionalNumber("adapter", "effective_scale", \.adapter.effectiveScale, "above 0") { $0 > 0 },
    number("adapter", "lora_dropout", \.adapter.loraDropout, "of at least 0 and below 1") { $0 >= 0 && $0 < 1 },
    choice("adapter", "score", \.adapter.score),
    choice("adapter", "budget", \.adapter.budget),
    choice("adapter", "dialect", \.adapter.dialect),

    integer("training", "total_step", \.training.totalStep, 1...maximumSteps).required,
    integer("training", "batch_size", \.training.batchSize, 1...1_000_000),
    number("training", "learning_rate", \.training.learningRate, "above 0") { $0 > 0 },
    choice("training", "schedule", \.training.schedule),
    number("training", "warmup_ratio", \.training.warmupRatio, "from 0 to 1") { $0 >= 0 && $0 <= 1 },
    number("training", "weight_decay", \.training.weightDecay, "of at least 0") { $0 >= 0 },
    number("training", "max_grad_norm", \.training.maxGradNorm, "of at least 0 (0 = off)") { $0 >= 0 },
    integer("training", "eval_every", \.training.evalEvery, 0...maximumSteps),
    integer("training", "checkpoint_every", \.training.checkpointEvery, 0...maximumSteps),
    integer("training", "gradient_accumulation_steps", \.training.gradientAccumulationSteps, 1...1_000_000),
    flag("training", "base_dropout", \.training.baseDropout),
    choice("training", "precision", \.training.precision),
    flag("training", "recompute", \.training.recompute),
    integer("training", "threads", \.training.threads, 0...1024),

    integer("telemetry", "scores_every", \.telemetry.scoresEvery, 0...maximumSteps),
  ]

  /// The sections in the table's order.
  static let sections: [String] = all.reduce(into: []) { sections, key in
    if !key.section.isEmpty && sections.last != key.section { sections.append(key.section) }
  }

  static func find(_ path: String) -> ExperimentKey? { all.first { $0.path == path } }

  private static let maximumRank = 65_536
  private static let maximumSteps = 1_000_000_000

  /// Whether a run's folder may be named so.
  static func isFolderName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 200 && name != "." && name != ".."
      && !name.unicodeScalars.contains { $0 == "/" || $0.properties.generalCategory == .control }
  }

  /// What the run of a TOML file is called where it does not say; nil where no folder can be called so.
  static func folderName(ofFile path: String) -> String? {
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    let stem = file.hasSuffix(".toml") ? String(file.dropLast(5)) : file
    return isFolderName(stem) ? stem : nil
  }

  // MARK: Kinds of keys

  private typealias Property<Value> = WritableKeyPath<Experiment, Value> & Sendable

  /// - Parameter read: nil where the node is not what is expected.
  private init<Value>(
    _ section: String, _ name: String, _ property: Property<Value>, _ expected: String,
    text: @escaping @Sendable (Value) -> String?, read: @escaping @Sendable (TOMLNode, String) -> Value?
  ) {
    self.section = section
    self.name = name
    self.expected = expected
    self.text = { text($0[keyPath: property]) }
    self.set = { experiment, node, folder in
      guard let value = read(node, folder) else { return "\(node.shown), expected \(expected)" }
      experiment[keyPath: property] = value
      return nil
    }
  }

  private var required: ExperimentKey {
    var key = self
    key.isRequired = true
    return key
  }

  /// The key as a written file does without it where another one says the same.
  private func leftOut(where isLeftOut: @escaping @Sendable (Experiment) -> Bool) -> ExperimentKey {
    var key = self
    key.text = { isLeftOut($0) ? nil : self.text($0) }
    return key
  }

  private func only(for task: Experiment.Task) -> ExperimentKey {
    var key = self
    key.task = task
    return key
  }

  /// The key with one more demand on a value that has been set.
  private func refusing(_ complaint: @escaping @Sendable (Experiment) -> String?) -> ExperimentKey {
    var key = self
    key.set = { experiment, node, folder in self.set(&experiment, node, folder) ?? complaint(experiment) }
    return key
  }

  private static func integer(
    _ section: String, _ name: String, _ property: Property<Int>, _ range: ClosedRange<Int>
  ) -> ExperimentKey {
    let upper = range.upperBound == Int.max ? " or more" : " to \(range.upperBound)"
    return ExperimentKey(
      section, name, property, "an integer, \(range.lowerBound)\(upper)", text: { String($0) },
      read: { node, _ in
        guard case .integer(let value) = node, range.contains(value) else { return nil }
        return value
      })
  }

  private static func number(
    _ section: String, _ name: String, _ property: Property<Double>, _ bound: String,
    where isValid: @escaping @Sendable (Double) -> Bool
  ) -> ExperimentKey {
    ExperimentKey(
      section, name, property, "a number \(bound)", text: { String($0) },
      read: { node, _ in finite(node).flatMap { isValid($0) ? $0 : nil } })
  }

  private static func optionalNumber(
    _ section: String, _ name: String, _ property: Property<Double?>, _ bound: String,
    where isValid: @escaping @Sendable (Double) -> Bool
  ) -> ExperimentKey {
    ExperimentKey(
      section, name, property, "a number \(bound)", text: { $0.map { String($0) } },
      read: { node, _ in finite(node).flatMap { isValid($0) ? .some($0) : nil } })
  }

  private static func finite(_ node: TOMLNode) -> Double? {
    switch node {
    case .number(let value) where value.isFinite: value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  private static func flag(_ section: String, _ name: String, _ property: Property<Bool>) -> ExperimentKey {
    ExperimentKey(
      section, name, property, "true or false", text: { String($0) },
      read: { node, _ in if case .bool(let value) = node { value } else { nil } })
  }

  private static func text(
    _ section: String, _ name: String, _ property: Property<String>, _ expected: String,
    where isValid: @escaping @Sendable (String) -> Bool
  ) -> ExperimentKey {
    ExperimentKey(
      section, name, property, expected, text: { TOMLNode.quoted($0) },
      read: { node, _ in if case .string(let value) = node, isValid(value) { value } else { nil } })
  }

  private static func choice<Value: RawRepresentable & CaseIterable & Sendable>(
    _ section: String, _ name: String, _ property: Property<Value>
  ) -> ExperimentKey where Value.RawValue == String {
    ExperimentKey(
      section, name, property, Value.allCases.map(\.rawValue).joined(alternatives: "or"),
      text: { TOMLNode.quoted($0.rawValue) },
      read: { node, _ in if case .string(let value) = node { Value(rawValue: value) } else { nil } })
  }

  private static func path(_ section: String, _ name: String, _ property: Property<String>) -> ExperimentKey {
    ExperimentKey(
      section, name, property, "a path", text: { TOMLNode.quoted($0) },
      read: { node, folder in
        guard case .string(let value) = node, !value.isEmpty else { return nil }
        return AbsolutePath.of(value, from: folder)
      })
  }

  /// Empty means none.
  private static func optionalPath(
    _ section: String, _ name: String, _ property: Property<String?>
  ) -> ExperimentKey {
    ExperimentKey(
      section, name, property, "a path", text: { $0.map(TOMLNode.quoted) },
      read: { node, folder in
        guard case .string(let value) = node else { return nil }
        return .some(value.isEmpty ? nil : AbsolutePath.of(value, from: folder))
      })
  }

  private static let columnExpected = "a column's name or 0-based index"

  private static func columnName(_ node: TOMLNode) -> String? {
    switch node {
    case .string(let value): value
    case .integer(let value) where value >= 0: String(value)
    default: nil
    }
  }

  private static func column(_ section: String, _ name: String, _ property: Property<String>) -> ExperimentKey {
    ExperimentKey(
      section, name, property, columnExpected, text: { TOMLNode.quoted($0) },
      read: { node, _ in columnName(node).flatMap { $0.isEmpty ? nil : $0 } })
  }

  /// Empty means none.
  private static func optionalColumn(
    _ section: String, _ name: String, _ property: Property<String?>
  ) -> ExperimentKey {
    ExperimentKey(
      section, name, property, columnExpected, text: { $0.map(TOMLNode.quoted) },
      read: { node, _ in columnName(node).map { $0.isEmpty ? nil : $0 } })
  }

  private static func targetModules(
    _ section: String, _ name: String, _ property: Property<TargetModules?>
  ) -> ExperimentKey {
    let key = ExperimentKey(
      section, name, property, #"a list of names, a regular expression or "all-linear""#,
      text: { targets in
        switch targets {
        case .list(let names): "[" + names.map(TOMLNode.quoted).joined(separator: ", ") + "]"
        case .pattern(let pattern): TOMLNode.quoted(pattern)
        case .allLinear: TOMLNode.quoted("all-linear")
        case nil: nil
        }
      },
      read: { node, _ in
        switch node {
        case .string(let value) where value.lowercased() == "all-linear": .allLinear
        case .string(let value) where !value.isEmpty: .pattern(value)
        case .array(let items) where !items.isEmpty:
          items.reduce(into: [String]?.some([])) { names, item in
            if case .string(let name) = item, !name.isEmpty { names?.append(name) } else { names = nil }
          }.map { .some(.list($0)) }
        default: nil
        }
      })
    return key.refusing { experiment in
      guard case .pattern(let pattern) = experiment[keyPath: property], !TargetModules.isValid(pattern) else {
        return nil
      }
      return "\(TOMLNode.string(pattern).shown), expected a valid regular expression"
    }
  }
}

extension [String] {
  /// "a, b or c".
  func joined(alternatives word: String) -> String {
    count < 2 ? joined() : dropLast().joined(separator: ", ") + " \(word) " + self[count - 1]
  }
}
