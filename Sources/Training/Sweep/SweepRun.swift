// One run of a sweep as its database has it: which it is, how far it came, and what came out.

import Foundation
import Models

/// A row of `run` in `sweep.sqlite`.
public struct SweepRun: Sendable, Equatable {
  public enum State: String, Sendable, CaseIterable {
    /// Not begun, or stopped before its end.
    case waiting
    case running, done, failed
  }

  /// By which it is found again: no two runs share all three.
  public struct Key: Sendable, Hashable {
    public var variant: String
    /// JSON, keys sorted.
    public var settings: String
    public var seed: Int
  }

  public var key: Key
  public var cell: String
  /// The run's folder in the sweep's; nil before it was begun.
  public var folder: String?
  public var state = State.waiting
  /// Why it failed.
  public var reason: String?
  /// Unix time.
  public var started, ended: Double?
  public var step = 0
  /// Seconds left by the run's own account, while it runs; not in the database.
  public var eta: Double?
  public var totalSteps: Int
  /// Of the last evaluation; while it runs, the task loss of the last step.
  public var loss: Double?
  public var accuracy, matthews, f1: Double?
  /// Over all its processes.
  public var wallSeconds: Double?
  /// Median.
  public var stepMs: Double?
  public var tokensPerSecond: Double?
  /// Trainable ones that are left in the adapter.
  public var parameters: Int?
  public var peakRSSBytes: Int?
  /// Kept, by module.
  public var ranks: JSON?
  /// Whether the sweep's file still has it.
  public var isListed = true

  public init(_ cell: SweepCell) {
    key = Key(variant: cell.variant, settings: cell.settings.serialized(pretty: false), seed: cell.seed)
    self.cell = cell.cell
    totalSteps = cell.experiment.training.totalStep
  }

  init(key: Key, cell: String, totalSteps: Int) {
    self.key = key
    self.cell = cell
    self.totalSteps = totalSteps
  }

  public var variant: String { key.variant }
  public var seed: Int { key.seed }
  /// How much of it is done, 0 to 1.
  public var share: Double { totalSteps > 0 ? min(max(Double(step) / Double(totalSteps), 0), 1) : 0 }
  /// `AdaLoRA target_r=2`: what it shares with its other seeds.
  var setting: String { variant + (cell.isEmpty ? "" : " " + cell) }
  /// `AdaLoRA target_r=2 seed 0`.
  public var title: String { "\(setting) seed \(seed)" }

  /// One line of a sweep's results.
  public var json: JSON {
    func number(_ value: Double?) -> JSON { value.map { .number($0) } ?? .null }
    func count(_ value: Int?) -> JSON { value.map { .integer($0) } ?? .null }
    func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
    return .object(
      JSONObject([
        ("variant", .string(variant)), ("cell", .string(cell)), ("seed", .integer(seed)),
        ("state", .string(state.rawValue)),
        ("reason", text(reason)), ("folder", text(folder)), ("step", .integer(step)), ("loss", number(loss)),
        ("accuracy", number(accuracy)), ("matthews", number(matthews)), ("f1", number(f1)),
        ("wall_s", number(wallSeconds)), ("step_ms", number(stepMs)), ("tokens_per_s", number(tokensPerSecond)),
        ("parameters", count(parameters)), ("peak_rss_bytes", count(peakRSSBytes)), ("ranks", ranks ?? .null),
      ]))
  }
}

/// A sweep at a moment, for whoever watches it.
public struct SweepFrame: Sendable, Equatable {
  public var name: String
  /// Runs at once; nil where it cannot be known from outside.
  public var jobs: Int?
  /// In the order in which they are run.
  public let runs: [SweepRun]
  private let wholeRuns: WholeRunSeconds
  /// Whether a process drives the sweep.
  public var isDriven: Bool
  /// Whether no more runs are started and those that run are being stopped.
  public var isStopping = false
  /// Unix time, in whole seconds; nil where no run runs.
  public var time: Double?
  /// What whoever watches should know, such as why the sweep cannot be read.
  public var trouble: String?

  /// - Parameter now: Unix time.
  public init(name: String, jobs: Int?, runs: [SweepRun], isDriven: Bool, now: Double) {
    self.name = name
    self.jobs = jobs
    self.runs = runs
    wholeRuns = WholeRunSeconds(runs)
    self.isDriven = isDriven
    time = runs.contains { $0.state == .running } ? now.rounded(.down) : nil
  }

  /// Whether no run is under way or to come.
  public var isOver: Bool { runs.allSatisfy { $0.state == .done || $0.state == .failed } }

  /// How much of all runs is done, 0 to 1; a failed one counts as far as it came.
  public var share: Double { runs.isEmpty ? 0 : runs.reduce(0) { $0 + $1.share } / Double(runs.count) }

  public func count(_ state: SweepRun.State) -> Int { runs.count { $0.state == state } }

  /// Seconds until a run that is not over will be; of a waiting one, once it runs.
  public func secondsLeft(_ run: SweepRun) -> Double? {
    switch run.state {
    case .running: run.eta ?? wholeRuns.expected(run).map { $0 * (1 - run.share) }
    case .waiting: wholeRuns.expected(run).map { $0 * (1 - run.share) }
    case .done, .failed: nil
    }
  }

  /// Seconds until all are over, `jobs` at a time.
  public var secondsLeft: Double? {
    guard isDriven, !isStopping else { return nil }
    let left = runs.filter { $0.state == .running || $0.state == .waiting }
    let seconds = left.compactMap { secondsLeft($0) }
    guard !left.isEmpty, seconds.count == left.count else { return nil }
    return max(seconds.reduce(0, +) / Double(max(jobs ?? 1, 1)), seconds.max() ?? 0)
  }
}

/// Seconds that whole runs take.
private struct WholeRunSeconds: Sendable, Equatable {
  /// The mean of those done, by variant and cell.
  private let means: [[String]: Double]
  /// The mean of all that are done, else of what the running ones tell of themselves.
  private let overall: Double?

  init(_ runs: [SweepRun]) {
    let done = runs.filter { $0.state == .done }
    means = Dictionary(grouping: done) { [$0.variant, $0.cell] }.compactMapValues { $0.compactMap(\.wallSeconds).mean }
    overall =
      done.compactMap(\.wallSeconds).mean
      ?? runs.compactMap { run in run.eta.flatMap { run.share < 1 ? $0 / (1 - run.share) : nil } }.mean
  }

  /// nil where nothing can be said yet.
  func expected(_ run: SweepRun) -> Double? { means[[run.variant, run.cell]] ?? overall }
}
