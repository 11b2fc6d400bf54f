// Drives a sweep: starts its runs as processes, as many at once as it may, and keeps the database of their results.

import Foundation
import Models

/// What happened to a run of a sweep.
public enum SweepEvent: Sendable {
  /// With the step that it goes on from; nil: it begins.
  case started(SweepRun, from: Int?)
  /// In whichever state it is now.
  case ended(SweepRun)
}

/// Runs a sweep. The truth is in the runs' own folders; the database is made from them, so that nothing is lost whatever
/// is killed. Call `tick` until it returns false. Used from one thread at a time.
public final class SweepRunner {
  public let plan: SweepPlan
  /// As `plan.cells`.
  public private(set) var runs: [SweepRun]
  /// Called for each thing that happens.
  public var onEvent: (SweepEvent) -> Void = { _ in }
  /// Why the database cannot be written at the moment; nil while all is well.
  public private(set) var trouble: InputError?
  /// Why the sweep was given up: no more runs can be started.
  public private(set) var failure: InputError?

  private let lock: RunLock
  private let database: SweepDatabase
  private let now: () -> Double
  private var live = LiveRuns()
  /// Processes of ours, by run.
  private var children: [Int: pid_t] = [:]
  /// Runs that processes of others train: what a killed sweep has left.
  private var adopted: Set<Int> = []
  /// How often a run's process was ended from outside.
  private var deaths: [Int: Int] = [:]
  private var changed: Set<Int> = []
  private var isStopping = false
  private var nextLook = 0.0

  /// What the processes of a run say.
  static let outputName = "output.txt"
  /// A run whose process is killed is gone on with, but not for ever: the machine may have too little memory for it.
  private static let maximumDeaths = 3
  /// Between two looks at the running runs.
  private static let lookSeconds = 0.5

  /// Opens the sweep's folder, or makes it, and finds out how each run stands.
  /// - Parameters:
  ///   - retries: whether failed runs are run again.
  ///   - now: Unix time.
  /// - Throws: where another process drives the sweep, where the folder cannot be written, and where a run was begun with
  ///   another experiment.
  public init(
    _ plan: SweepPlan, retries: Bool = false, now: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws(InputError) {
    self.plan = plan
    self.now = now
    let folder = RunFolder(path: plan.folder)
    do {
      try FileManager.default.createDirectory(atPath: plan.folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(.unwritable, file: plan.folder, "cannot be made: \(error.localizedDescription)")
    }
    try folder.refuseLinks()
    lock = try RunLock(folder, task: "drives this sweep")
    try AtomicFile.write(plan.bytes, to: plan.folder + "/sweep.toml")
    database = try SweepDatabase(path: plan.folder + "/sweep.sqlite")
    runs = plan.cells.map { SweepRun($0) }
    try takeStock(retries: retries)
  }

  /// The sweep as it is now.
  public var frame: SweepFrame {
    var frame = SweepFrame(name: plan.name, jobs: plan.jobs, runs: runs, isDriven: true, now: now())
    frame.isStopping = isStopping
    frame.trouble = trouble?.description
    return frame
  }

  /// Runs that processes train that another sweep's process has started; they go on when this one stops.
  public var adoptedCount: Int { adopted.count }

  // MARK: How the runs stand

  /// - Parameter retries: whether failed runs are run again.
  private func takeStock(retries: Bool) throws(InputError) {
    let known = try database.runs()
    let byKey = Dictionary(known.map { ($0.key, $0) }) { first, _ in first }
    let folder = SweepFolder(path: plan.folder)
    for index in runs.indices {
      if var run = byKey[runs[index].key] {
        run.cell = runs[index].cell
        run.totalSteps = runs[index].totalSteps
        run.isListed = true
        runs[index] = run
      }
      settle(index, try folder.standing(plan.cells[index].experiment), retries: retries)
    }
    let listed = Set(runs.map(\.key))
    let removed = known.filter { !listed.contains($0.key) && $0.isListed }.map { run in
      var run = run
      run.isListed = false
      return run
    }
    try database.write(
      runs + removed, facts: ["writer": "ranktop", "name": plan.name, "jobs": String(plan.jobs)])
    changed = []
  }

  /// Brings a run in line with its folder.
  private func settle(_ index: Int, _ standing: SweepFolder.Standing, retries: Bool = false) {
    changed.insert(index)
    let hadFailed = runs[index].state == .failed
    switch standing {
    case .absent:
      // The results of a run that is done stay, whatever became of its folder.
      if runs[index].state != .done { runs[index].beginAnew() }
    case .trained(let folder):
      runs[index].folder = folder.name
      runs[index].state = .running
      adopted.insert(index)
    case .complete(let folder):
      if runs[index].state != .done || runs[index].folder != folder.name { finish(index, folder) }
    case .failed(let folder, let reason):
      if retries { return runs[index].beginAnew() }
      fail(index, folder, reason)
    case .unfinished(let folder):
      runs[index].folder = folder.name
      if hadFailed, !retries { return }
      runs[index].state = .waiting
      runs[index].reason = nil
    }
  }

  private func finish(_ index: Int, _ folder: RunFolder) {
    runs[index].folder = folder.name
    runs[index].state = .done
    runs[index].reason = nil
    runs[index].ended = runs[index].ended ?? now()
    do throws(InputError) {
      runs[index].take(try RunOutcome(folder))
    } catch {
      fail(index, folder, "its results cannot be read: \(error)")
    }
  }

  private func fail(_ index: Int, _ folder: RunFolder, _ reason: String) {
    runs[index].folder = folder.name
    runs[index].state = .failed
    runs[index].reason = reason
    runs[index].ended = runs[index].ended ?? now()
    changed.insert(index)
  }

  // MARK: Running

  /// Looks after the runs: takes those that have ended, starts the next. Quick.
  /// - Returns: whether there is more to come.
  public func tick() -> Bool {
    for (index, process) in children.sorted(by: { $0.key < $1.key }) {
      guard let ending = RunProcess.ending(of: process) else { continue }
      children[index] = nil
      end(index, ending)
    }
    if now() >= nextLook {
      nextLook = now() + Self.lookSeconds
      for index in adopted.sorted() where !folder(index).isTrained {
        adopted.remove(index)
        end(index, .signal(0))
      }
      for index in runs.indices where runs[index].state == .running {
        live.update(&runs[index], in: folder(index))
        changed.insert(index)
      }
      save()
    }
    if !isStopping {
      while children.count + adopted.count < plan.jobs,
        let next = runs.indices.first(where: { runs[$0].state == .waiting })
      {
        start(next)
        if isStopping { break }
      }
    }
    let isOver =
      children.isEmpty
      && (isStopping || adopted.isEmpty && !runs.contains { $0.state == .waiting || $0.state == .running })
    if isOver { save() }
    return !isOver
  }

  /// Starts no more runs and stops those that run, each with a checkpoint; `tick` until they have ended.
  public func stop() {
    guard !isStopping else { return }
    isStopping = true
    for process in children.values { kill(process, SIGTERM) }
  }

  private func folder(_ index: Int) -> RunFolder { RunFolder(path: plan.folder + "/" + (runs[index].folder ?? "")) }

  private func start(_ index: Int) {
    do throws(InputError) {
      var from: Int?
      if runs[index].folder == nil {
        runs[index].folder = try RunFork.prepare(
          plan.cells[index].experiment, in: plan.folder, log: [], origin: nil
        ).name
      } else {
        from = SavedRun(folder: folder(index)).checkpointStep
      }
      children[index] = try RunProcess.start(folder(index), output: Self.outputName)
      runs[index].state = .running
      runs[index].started = runs[index].started ?? now()
      runs[index].ended = nil
      runs[index].step = from ?? 0
      changed.insert(index)
      save()
      onEvent(.started(runs[index], from: from))
    } catch {
      failure = error
      stop()
    }
  }

  /// A run's process has ended.
  private func end(_ index: Int, _ ending: RunProcess.Ending) {
    let folder = folder(index)
    runs[index].ended = now()
    runs[index].state = .waiting
    live.update(&runs[index], in: folder)
    let standing: SweepFolder.Standing
    do throws(InputError) {
      standing = try SweepFolder(path: plan.folder).standing(plan.cells[index].experiment)
    } catch {
      fail(index, folder, error.description)
      return onEvent(.ended(runs[index]))
    }
    settle(index, standing)
    if case .unfinished = standing {
      switch ending {
      case .status(let status) where ![0, 129, 130, 143].contains(status):
        fail(index, folder, Self.lastError(folder) ?? "ended with status \(status)")
      case .status, .signal:
        if isStopping { break }
        deaths[index, default: 0] += 1
        if deaths[index] == Self.maximumDeaths {
          fail(index, folder, "its process was ended from outside \(Self.maximumDeaths) times")
        }
      }
    }
    save()
    onEvent(.ended(runs[index]))
  }

  /// The last error that a run's processes have told.
  private static func lastError(_ folder: RunFolder) -> String? {
    guard let file = FileHandle(forReadingAtPath: folder.path + "/" + outputName) else { return nil }
    defer { try? file.close() }
    guard let size = try? file.seekToEnd() else { return nil }
    try? file.seek(toOffset: size > 4096 ? size - 4096 : 0)
    let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
    let prefix = "ranktop: "
    return text.split(separator: "\n").last { $0.hasPrefix(prefix) }.map {
      TelemetryReader.line(String($0.dropFirst(prefix.count).prefix(500)))
    }
  }

  private func save() {
    guard !changed.isEmpty else { return }
    do throws(InputError) {
      try database.write(changed.sorted().map { runs[$0] })
      changed = []
      trouble = nil
    } catch {
      trouble = error
    }
  }
}

extension SweepRun {
  /// As if it had never run.
  fileprivate mutating func beginAnew() {
    var new = SweepRun(key: key, cell: cell, totalSteps: totalSteps)
    new.isListed = isListed
    self = new
  }

  /// What a run came to.
  fileprivate mutating func take(_ outcome: RunOutcome) {
    step = outcome.stepsDone
    if let evaluation = outcome.evaluation {
      loss = evaluation.loss
      take(evaluation)
    }
    wallSeconds = outcome.wallSeconds
    stepMs = outcome.cost?.stepMs
    tokensPerSecond = outcome.cost?.tokensPerSecond
    parameters = outcome.adapterParameters
    peakRSSBytes = outcome.peakRSSBytes
    var names: Set<String> = []
    let kept = zip(outcome.description.modules, outcome.ranks).filter { names.insert($0.0.name).inserted }
    ranks = .object(JSONObject(kept.map { ($0.name, .integer($1)) }))
  }
}
