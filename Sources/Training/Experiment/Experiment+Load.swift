// Reading an experiment file, with what the command line changes in it.

import Foundation
import Models

extension Experiment {
  /// Reads an experiment.
  /// - Parameters:
  ///   - path: a TOML file. Relative paths in it start at its folder.
  ///   - overrides: `section.key=value`, as `--set` has them, applied in order. The value is TOML, or bare words that
  ///     stand for a string; relative paths start at the working directory.
  ///   - seed: of `--seed`, in place of the file's.
  ///   - threads: of `--threads`, in place of the file's.
  ///   - at: `STEP:COMMAND`, as `--at` has them; they follow the file's own.
  /// - Throws: for a file that is missing or malformed, with line, key and what was expected; for an override that is
  ///   wrong, with kind `usage`.
  public static func load(
    path: String, overrides: [String] = [], seed: Int? = nil, threads: Int? = nil, at: [String] = []
  ) throws(InputError) -> Experiment {
    try parse(try FileBytes.read(path), path: path, overrides: overrides, seed: seed, threads: threads, at: at)
  }

  /// `load`, for bytes at hand.
  /// - Parameter settings: what another file sets, in place of this one's.
  static func parse(
    _ bytes: [UInt8], path: String, settings: [ExperimentSetting] = [], overrides: [String] = [], seed: Int? = nil,
    threads: Int? = nil, at: [String] = []
  ) throws(InputError) -> Experiment {
    var reader = ExperimentReader(path: path)
    try reader.read(try TOMLDocument(bytes, file: path))
    for setting in settings { try reader.apply(setting) }
    for override in overrides { try reader.apply(override) }
    if let seed { try reader.set("seed", to: .integer(seed), by: "--seed \(seed)") }
    if let threads { try reader.set("training.threads", to: .integer(threads), by: "--threads \(threads)") }
    for text in at { try reader.schedule(text) }
    try reader.checkTogether()
    return reader.experiment
  }

  /// The experiment as TOML with every key and absolute paths: loading it gives an equal experiment.
  public var tomlText: String {
    var text = ""
    for section in [""] + ExperimentKey.sections {
      text += section.isEmpty ? "" : "\n[\(section)]\n"
      for key in ExperimentKey.all where key.section == section && (key.task ?? model.task) == model.task {
        if let value = key.text(self) { text += "\(key.name) = \(value)\n" }
      }
    }
    for scheduled in schedule {
      text += "\n[[intervention]]\nstep = \(scheduled.step)\ncommand = \(TOMLNode.quoted(scheduled.text))\n"
    }
    return text
  }
}

/// An experiment while it is read, and where each of its keys was set.
private struct ExperimentReader {
  /// Where a key's value comes from.
  private enum Origin {
    case file(line: Int?)
    case setting(ExperimentSetting)
    case commandLine(String)
  }

  var experiment: Experiment
  private let path: String
  private let folder: String
  private var origins: [String: Origin] = [:]
  /// Where in the file each scheduled command stands; nil for the command line's.
  private var scheduleOrigins: [String?] = []

  init(path: String) {
    self.path = path
    folder = AbsolutePath.folder(of: path)
    experiment = Experiment(path: path)
  }

  // MARK: Values

  /// Sets what the file says, in the order of its lines, so that the first mistake is the one reported.
  mutating func read(_ document: TOMLDocument) throws(InputError) {
    var entries: [(path: [String], value: TOMLNode, line: Int?)] = []
    for (name, value) in document.entries {
      if name == "intervention" {
        try readSchedule(value, line: document.lines[[name]])
      } else if case .table(let section) = value, ExperimentKey.sections.contains(name) {
        for (key, value) in section { entries.append(([name, key], value, document.lines[[name, key]])) }
      } else {
        entries.append(([name], value, document.lines[[name]]))
      }
    }
    entries.sort { a, b in
      (a.line ?? .max, a.path.joined(separator: ".")) < (b.line ?? .max, b.path.joined(separator: "."))
    }
    for entry in entries {
      let name = entry.path.joined(separator: ".")
      let place = Self.place(line: entry.line, Self.printable(name))
      if entry.path.count == 1, ExperimentKey.sections.contains(name) {
        throw InputError(file: path, place: place, "\(entry.value.shown), expected a table, [\(name)]")
      }
      // A quoted key may hold the dot of another's path.
      guard let key = ExperimentKey.find(name), entry.path == [key.section, key.name].filter({ !$0.isEmpty }) else {
        throw InputError(file: path, place: place, Self.unknown(entry.path, isTable: Self.isTable(entry.value)))
      }
      if let complaint = key.set(&experiment, entry.value, folder) {
        throw InputError(file: path, place: place, complaint)
      }
      origins[name] = .file(line: entry.line)
    }
  }

  // MARK: What is scheduled

  /// Reads `[[intervention]]`.
  private mutating func readSchedule(_ value: TOMLNode, line: Int?) throws(InputError) {
    func wrong(_ number: Int, _ what: String) -> InputError {
      InputError(file: path, place: Self.place(line: line, "intervention \(number)"), what)
    }
    guard case .array(let items) = value else {
      throw InputError(
        file: path, place: Self.place(line: line, "intervention"), "\(value.shown), expected [[intervention]]")
    }
    for (index, item) in items.enumerated() {
      let number = index + 1
      guard case .table(let entries) = item, case .integer(let step)? = entries["step"], step >= 0,
        case .string(let text)? = entries["command"]
      else { throw wrong(number, #"expected step = N, from 0, and command = "…", such as "set beta1 0.9""#) }
      if let other = entries.keys.sorted().first(where: { $0 != "step" && $0 != "command" }) {
        throw wrong(number, "unknown key \(other), expected step and command")
      }
      do {
        experiment.schedule.append(try CommandText.scheduled(text, at: step))
      } catch {
        throw wrong(number, error.text)
      }
      scheduleOrigins.append(Self.place(line: line, "intervention \(number)"))
    }
  }

  /// Takes one `--at`.
  mutating func schedule(_ text: String) throws(InputError) {
    do {
      experiment.schedule.append(try CommandText.scheduled(text))
    } catch {
      throw InputError(.usage, file: "", place: "--at \(text)", error.text)
    }
    scheduleOrigins.append(nil)
  }

  /// Whether what is scheduled can be done at its step.
  private func checkSchedule() throws(InputError) {
    let adapter = experiment.adapter
    let total = experiment.training.totalStep
    for (scheduled, origin) in zip(experiment.schedule, scheduleOrigins) {
      func wrong(_ what: String) -> InputError {
        origin.map { InputError(file: path, place: $0, what) }
          ?? InputError(.usage, file: "", place: "--at \(scheduled.step):\(scheduled.text)", what)
      }
      guard scheduled.step < total else {
        throw wrong("step \(scheduled.step), expected less than training.total_step, \(total)")
      }
      guard case .set(let parameter, let value) = scheduled.command else { continue }
      guard adapter.method.steers(parameter) else {
        throw wrong("\(parameter.commandName) has no meaning for \(adapter.method.title)")
      }
      if let objection = parameter.objection(to: value, initialRank: adapter.initR) { throw wrong(objection) }
      let last = total - adapter.tfinal
      if parameter == .targetR || parameter == .deltaT, scheduled.step >= last {
        throw wrong("\(parameter.commandName) is fixed from T − t_f = \(last) on")
      }
    }
  }

  /// Sets a key as another file does.
  mutating func apply(_ setting: ExperimentSetting) throws(InputError) {
    guard let key = ExperimentKey.find(setting.key) else {
      let parts = setting.key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      throw InputError(file: setting.file, place: setting.place, Self.unknown(parts, isTable: false))
    }
    if let complaint = key.set(&experiment, setting.value, setting.folder) {
      throw InputError(file: setting.file, place: setting.place, complaint)
    }
    origins[setting.key] = .setting(setting)
  }

  /// Applies one `--set`.
  mutating func apply(_ override: String) throws(InputError) {
    let place = "--set \(override)"
    guard let equals = override.firstIndex(of: "=") else {
      throw InputError(.usage, file: "", place: place, "no value, expected section.key=value")
    }
    let name = override[..<equals].trimmingCharacters(in: .whitespaces)
    let text = override[override.index(after: equals)...].trimmingCharacters(in: .whitespaces)
    guard ExperimentKey.find(name) != nil else {
      let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      throw InputError(.usage, file: "", place: place, Self.unknown(parts, isTable: false))
    }
    let value: TOMLNode
    if let parsed = TOMLDocument.value(text) {
      value = parsed
    } else if let first = text.first, "\"'[{".contains(first) {
      throw InputError(.usage, file: "", place: place, "not a TOML value, expected one, or bare words")
    } else {
      value = .string(text)
    }
    try set(name, to: value, by: place)
  }

  /// Sets a key from the command line.
  mutating func set(_ name: String, to value: TOMLNode, by place: String) throws(InputError) {
    if let complaint = ExperimentKey.find(name)?.set(&experiment, value, ".") {
      throw InputError(.usage, file: "", place: place, complaint)
    }
    origins[name] = .commandLine(place)
  }

  // MARK: Checks over several keys

  mutating func checkTogether() throws(InputError) {
    let task = experiment.model.task
    let missing = ExperimentKey.all.filter { key in
      key.isRequired && (key.task ?? task) == task && origins[key.path] == nil
    }
    if !missing.isEmpty {
      throw InputError(
        file: path, place: missing.map(\.path).joined(separator: ", "),
        missing.count == 1 ? "missing, expected \(missing[0].expected)" : "missing, all of them are required")
    }
    let data = experiment.data
    if data.eval == nil && data.split == nil {
      throw InputError(
        file: path, place: "data.eval", "missing, expected a file, or data.split with the column that says train or dev"
      )
    }
    try checkData(task)
    if data.eval != nil && data.split != nil {
      throw error(
        at: ["data.split", "data.eval"], "data.split", "data.eval is set as well, expected one of the two")
    }
    try settleMethod()
    try settleScale()
    let adapter = experiment.adapter
    let ranks = adapter.ranks
    if ranks.room < 1 || (adapter.method.method.grows && ranks.last < 1) {
      throw error(
        at: ["adapter.target_r"], "adapter.target_r",
        "\(adapter.targetR), expected at least 1 for \(adapter.method.rawValue)")
    }
    guard adapter.method.method.allocates else { return try checkSchedule() }
    if adapter.targetR > adapter.initR {
      throw error(
        at: ["adapter.target_r", "adapter.init_r"], "adapter.target_r",
        "\(adapter.targetR)\(byDefault("adapter.target_r")), "
          + "expected at most adapter.init_r, \(adapter.initR)\(byDefault("adapter.init_r"))")
    }
    let warmups = adapter.tinit + adapter.tfinal
    if warmups >= experiment.training.totalStep {
      throw error(
        at: ["adapter.tinit", "adapter.tfinal", "training.total_step"], "adapter.tinit + adapter.tfinal",
        "\(adapter.tinit) + \(adapter.tfinal) = \(warmups), "
          + "expected less than training.total_step, \(experiment.training.totalStep)")
    }
    try checkSchedule()
  }

  /// Checks that the data's keys belong to the task and to each other.
  private func checkData(_ task: Experiment.Task) throws(InputError) {
    for key in ExperimentKey.all where origins[key.path] != nil {
      guard let owner = key.task, owner != task else { continue }
      throw error(
        at: [key.path], key.path, "has no meaning for model.task \(task.rawValue), only for \(owner.rawValue)")
    }
    let data = experiment.data
    let formats: [DataFormat] = task == .causalLanguageModel ? [.text, .jsonl] : [.tsv, .csv, .jsonl]
    guard formats.contains(data.format) else {
      throw error(
        at: ["data.format", "model.task"], "data.format",
        "\(TOMLNode.quoted(data.format.rawValue))\(byDefault("data.format")), expected "
          + "\(formats.map(\.rawValue).joined(alternatives: "or")) for model.task \(task.rawValue)")
    }
    guard task == .causalLanguageModel else { return }
    let columns = ["data.prompt", "data.completion", "data.messages"]
    let isSet = [data.prompt, data.completion, data.messages].map { $0 != nil }
    let allowed = data.format == .text ? [[false, false, false]] : [[true, true, false], [false, false, true]]
    guard allowed.contains(isSet) else {
      throw error(
        at: columns.filter { origins[$0] != nil } + ["data.format"], columns.joined(separator: ", "),
        data.format == .text
          ? "a text has no columns" : "expected prompt and completion, or messages alone, for data.format jsonl")
    }
  }

  /// Makes `adapter.method` and `adapter.peft_type` agree: what is set counts, and the command line before the file.
  private mutating func settleMethod() throws(InputError) {
    let (method, type) = (origins["adapter.method"], origins["adapter.peft_type"])
    let adapter = experiment.adapter
    let own = Experiment.PEFTType(of: adapter.method.method)
    if method != nil, type != nil, own != adapter.peftType, isOnCommandLine(method) == isOnCommandLine(type) {
      throw error(
        at: ["adapter.peft_type", "adapter.method"], "adapter.peft_type",
        "\(adapter.peftType.rawValue), but adapter.method \(adapter.method.rawValue) is saved as \(own.rawValue)")
    }
    if method == nil || (own != adapter.peftType && isOnCommandLine(type)) {
      experiment.adapter.method = adapter.peftType == .lora ? .lora : .adalora
    } else {
      experiment.adapter.peftType = own
    }
  }

  /// `adapter.effective_scale` or `adapter.lora_alpha`, not both.
  private mutating func settleScale() throws(InputError) {
    guard let scale = origins["adapter.effective_scale"], let alpha = origins["adapter.lora_alpha"] else { return }
    if isOnCommandLine(scale) == isOnCommandLine(alpha) {
      throw error(
        at: ["adapter.effective_scale", "adapter.lora_alpha"], "adapter.effective_scale",
        "adapter.lora_alpha is set as well, expected one of the two")
    }
    if isOnCommandLine(alpha) { experiment.adapter.effectiveScale = nil }
  }

  private func isOnCommandLine(_ origin: Origin?) -> Bool { if case .commandLine = origin { true } else { false } }

  private func byDefault(_ name: String) -> String { origins[name] == nil ? " (its default)" : "" }

  /// An error of several keys together: at the first of them that the command line set, else that another file set, else
  /// that the file has.
  private func error(at names: [String], _ subject: String, _ message: String) -> InputError {
    for name in names {
      if case .commandLine(let place) = origins[name] {
        return InputError(.usage, file: "", place: place, "\(subject): \(message)")
      }
    }
    for name in names {
      if case .setting(let setting) = origins[name] {
        return InputError(file: setting.file, place: setting.place, "\(subject): \(message)")
      }
    }
    for name in names {
      if case .file(let line) = origins[name] {
        return InputError(file: path, place: Self.place(line: line, subject), message)
      }
    }
    return InputError(file: path, place: subject, message)
  }

  // MARK: Wording

  private static func place(line: Int?, _ name: String) -> String {
    line.map { "line \($0): \(name)" } ?? name
  }

  private static func isTable(_ node: TOMLNode) -> Bool {
    if case .table = node { true } else { false }
  }

  /// A key's name as an error shows it.
  private static func printable(_ name: String) -> String {
    let quoted = TOMLNode.quoted(name).dropFirst().dropLast()
    return quoted.count > 80 ? quoted.prefix(79) + "…" : String(quoted)
  }

  /// What to say of a key that does not exist: the nearest in its section, the same elsewhere, or all there are.
  private static func unknown(_ path: [String], isTable: Bool) -> String {
    let sections = ExperimentKey.sections
    let name = path[path.count - 1]
    if path.count == 1 && isTable {
      let near = Spelling.nearest(to: name, among: sections)
      return "unknown section"
        + (near.map { "; did you mean \($0)?" } ?? ", expected \(sections.joined(alternatives: "or"))")
    }
    let section = path.count == 1 ? "" : path[0]
    let siblings = ExperimentKey.all.filter { $0.section == section }
    if let near = Spelling.nearest(to: name, among: siblings.map(\.name)) {
      return "unknown key; did you mean \(near)?"
    }
    if let elsewhere = ExperimentKey.all.first(where: { $0.name == name }) {
      return "unknown key; did you mean \(elsewhere.path)?"
    }
    if siblings.isEmpty {
      let near = Spelling.nearest(to: section, among: sections)
      return "unknown section"
        + (near.map { "; did you mean \($0)?" } ?? ", expected \(sections.joined(alternatives: "or"))")
    }
    let known = siblings.map(\.name).joined(alternatives: "or")
    return "unknown key, expected "
      + (section.isEmpty ? "\(known), or a section: \(sections.joined(alternatives: "or"))" : known)
  }
}
