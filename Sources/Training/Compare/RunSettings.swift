// What a run was asked to do, but for its seed: what makes two runs the same experiment.

import Models

/// The keys of an experiment that decide what is computed, each with its value as text. Name and seed are not among them,
/// nor is what only says how fast a run is or what it records.
struct RunSettings: Sendable, Hashable {
  /// In the order of the experiment's keys.
  let values: [Entry]

  struct Entry: Sendable, Hashable {
    /// `section.name`.
    var key: String
    var value: String
  }

  private static let ignored: Set = [
    "name", "seed", "training.threads", "training.checkpoint_every", "telemetry.scores_every",
  ]

  init(_ outcome: RunOutcome) {
    guard let experiment = outcome.experiment else {
      let run = outcome.description
      values = [
        Entry(key: "model.path", value: run.model), Entry(key: "adapter.peft_type", value: run.method),
        Entry(key: "adapter.init_r", value: String(run.initialRank)),
        Entry(key: "adapter.score", value: run.score.rawValue),
        Entry(key: "training.total_step", value: String(run.totalSteps)),
      ]
      return
    }
    let keys = ExperimentKey.all.filter { !Self.ignored.contains($0.path) }.map { key in
      Entry(key: key.path, value: key.text(experiment).map(Self.unquoted) ?? "")
    }
    let schedule = experiment.schedule.map { "\($0.step): \($0.text)" }.joined(separator: "; ")
    values = keys + [Entry(key: "intervention", value: schedule)]
  }

  /// A TOML string's text, on one line; a whole number without its decimal; any other value as it is.
  private static func unquoted(_ text: String) -> String {
    guard case .string(let value)? = TOMLDocument.value(text) else {
      return TelemetryReader.line(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }
    return TelemetryReader.line(value)
  }

  subscript(key: String) -> String? { values.first { $0.key == key }?.value }

  /// The keys whose values are not all the same, with the value of each; a key that some do not have is none of theirs.
  static func differing(_ settings: [RunSettings]) -> [(key: String, values: [String])] {
    var keys: [String] = []
    for entry in settings.flatMap(\.values) where !keys.contains(entry.key) { keys.append(entry.key) }
    return keys.compactMap { key in
      let values = settings.map { $0[key] }
      let known = values.compactMap { $0 }
      guard Set(known).count > 1 else { return nil }
      return (
        key, shortened(values.map { $0 ?? "?" }, isPath: ["model.path", "data.train", "data.eval"].contains(key))
      )
    }
  }

  /// Paths by their last parts, where these tell them apart.
  private static func shortened(_ values: [String], isPath: Bool) -> [String] {
    guard isPath else { return values.map { $0.isEmpty ? "none" : $0 } }
    let short = values.map { value in value.split(separator: "/").last.map(String.init) ?? "none" }
    return Set(short).count == Set(values).count ? short : values
  }
}
