// Which runs are the same experiment with other seeds, and what such a group is called.

import Foundation
import Models

/// Runs that differ in nothing but the seed.
public struct RunGroup: Sendable {
  public var name: String
  /// In the order of their seeds, one a seed.
  public var runs: [RunOutcome]
}

/// Collects runs, from their folders or from a sweep, and groups them.
public struct RunGrouping {
  private enum Origin: Hashable {
    /// Belongs with those of the same settings.
    case settings(RunSettings)
    /// Belongs with those that the sweep calls the same.
    case sweep(name: String, cell: String)
  }

  private var origins: [Origin] = []
  private var runs: [Origin: [RunOutcome]] = [:]
  private var known: Set<String> = []
  /// What was left out, and why.
  public private(set) var notes: [String] = []

  public init() {}

  /// A run that was asked for. One that was added before is not added again.
  /// - Throws: where its folder holds no run that can be read.
  public mutating func add(_ folder: RunFolder) throws(InputError) {
    add(try RunOutcome(folder))
  }

  mutating func add(_ outcome: RunOutcome) { add(outcome, .settings(RunSettings(outcome))) }

  /// The runs of a sweep that are done; those that are not, or cannot be read, are left out.
  /// - Throws: where the folder holds no sweep that can be read.
  public mutating func add(sweep folder: String) throws(InputError) {
    let sweep = try SweepReader(folder: folder).frame()
    for run in sweep.runs where run.state == .done {
      guard let name = run.folder else { continue }
      do throws(InputError) {
        let outcome = try RunOutcome(RunFolder(path: folder + "/" + name))
        add(outcome, sweep: sweep.name, cell: run.setting)
      } catch {
        leaveOut(run.title, "it cannot be read: \(error)")
      }
    }
    let states: [SweepRun.State] = [.waiting, .running, .failed]
    let others = states.map { (state: $0, count: sweep.count($0)) }.filter { $0.count > 0 }
    guard !others.isEmpty else { return }
    leaveOut(
      "what is not done of the sweep \(sweep.name)",
      others.map { "\($0.count) \($0.state.rawValue)" }.joined(separator: ", "))
  }

  mutating func add(_ outcome: RunOutcome, sweep: String, cell: String) {
    add(outcome, .sweep(name: sweep, cell: TelemetryReader.line(cell)))
  }

  public mutating func leaveOut(_ name: String, _ reason: String) {
    notes.append(TelemetryReader.line("\(name) is left out: \(reason)"))
  }

  private mutating func add(_ outcome: RunOutcome, _ origin: Origin) {
    guard known.insert(URL(fileURLWithPath: outcome.folder.path).resolvingSymlinksInPath().path).inserted else {
      return
    }
    if runs[origin] == nil { origins.append(origin) }
    runs[origin, default: []].append(outcome)
  }

  // MARK: Groups

  /// In the order in which their first runs were added. Where a seed is there twice, the run that was started last counts.
  public mutating func groups() -> [RunGroup] {
    let names = names()
    return zip(origins, names).map { origin, name in
      var bySeed: [Int: RunOutcome] = [:]
      for run in (runs[origin] ?? []).sorted(by: { ($0.folder.startDate, $0.name) < ($1.folder.startDate, $1.name) }) {
        if let other = bySeed[run.seed] { leaveOut(other.name, "\(run.name) has its seed, \(run.seed), too") }
        bySeed[run.seed] = run
      }
      return RunGroup(name: name, runs: bySeed.values.sorted { $0.seed < $1.seed })
    }
  }

  private func names() -> [String] {
    let free = origins.compactMap { if case .settings(let settings) = $0 { settings } else { nil } }
    let freeNames = freeNames(free)
    let cells = origins.compactMap { if case .sweep(_, let cell) = $0 { cell } else { nil } }
    let isPlain = Set(cells + freeNames.values).count == origins.count
    return Self.distinct(
      origins.map { origin in
        switch origin {
        case .settings(let settings): freeNames[settings] ?? ""
        case .sweep(let name, let cell): isPlain ? cell : "\(TelemetryReader.line(name)): \(cell)"
        }
      })
  }

  /// The experiments' own names where these tell all groups apart, else the fewest keys that do, in the file's order.
  private func freeNames(_ groups: [RunSettings]) -> [RunSettings: String] {
    let own = groups.map { settings in
      Set((runs[.settings(settings)] ?? []).map { TelemetryReader.line($0.experiment?.name ?? $0.name) })
    }
    if own.allSatisfy({ $0.count == 1 }), Set(own).count == groups.count || groups.count == 1 {
      return Dictionary(uniqueKeysWithValues: zip(groups, own.map { $0.first ?? "" }))
    }
    let keys = Self.telling(RunSettings.differing(groups))
    return Dictionary(
      uniqueKeysWithValues: groups.enumerated().map { index, settings in
        (settings, keys.map { "\(ExperimentKey.shortName($0.key))=\($0.values[index])" }.joined(separator: ", "))
      })
  }

  /// Those of the keys, in their order, that tell groups apart which those before do not.
  private static func telling(_ differing: [(key: String, values: [String])]) -> [(key: String, values: [String])] {
    var parts: [[String]] = differing.first.map { $0.values.map { _ in [] } } ?? []
    return differing.filter { _, values in
      let finer = zip(parts, values).map { $0 + [$1] }
      guard Set(finer).count > Set(parts).count else { return false }
      parts = finer
      return true
    }
  }

  private static func distinct(_ names: [String]) -> [String] {
    var counts: [String: Int] = [:]
    return names.map { name in
      counts[name, default: 0] += 1
      return counts[name] == 1 ? name : "\(name) (\(counts[name] ?? 0))"
    }
  }
}
