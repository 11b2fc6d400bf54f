// The recorder of a run: takes what the trainer knows of each step and brings it into the run's database on a thread of
// its own.

import AdaLoRA
import Foundation
import GRDB
import Models

/// Writes `telemetry.sqlite`. Everything but `init` and `close` is quick and may be called from any thread; the trainer
/// waits only where `capacity` entries are not yet written. Nothing is ever dropped: while the database cannot be
/// written, `trouble` says why, what was recorded is kept, and it is tried again twice a second.
public final class TelemetryRecorder: @unchecked Sendable {
  // Unchecked: `box` is guarded by the condition's lock, `queue` is used by the recorder's thread alone after `init`.

  private struct Box {
    var entries: [TelemetryEntry] = []
    /// Entries that the recorder's thread has taken and not yet written.
    var taken = 0
    /// The present, until it is written; `liveNumber` tells one from the next.
    var live: LiveState?
    var liveNumber = 0
    var trouble: InputError?
    var lastStep: Int?
    /// Flushes asked for and answered, by their numbers; whether the last answered went through.
    var flushAsked = 0
    var flushAnswered = 0
    var flushSucceeded = false
    var isClosing = false
    var isClosed = false
    var nextLive = Date.distantPast
  }

  /// Entries that wait at most while all goes well.
  static let capacity = 256
  /// Between two commits while steps come.
  static let commitInterval = 0.1
  static let retryInterval = 0.5

  public let path: String
  private let description: RunDescription
  private let scoresEvery: Int
  private let queue: DatabaseQueue
  private let condition = NSCondition()
  private var box = Box()
  /// Called on the recorder's thread at the start of each transaction: what it throws is what a disk would say.
  private let onCommit: @Sendable (Database) throws -> Void

  // MARK: Opening and closing

  /// Opens or makes the database and starts the recorder's thread, which lives until `close`.
  /// - Parameters:
  ///   - facts: rows of `meta` besides those of `description`: writer, experiment, seed, cpu, cores, …
  ///   - scoresEvery: steps between two rows of triplets where no mask falls; 0 = masks and the last step only.
  ///   - resumeAt: the step to go on from: the rows of that step and all later ones are deleted. nil: a new run, for
  ///     which the file must not hold one yet.
  /// - Throws: where the file cannot be written, is no run's database, or a newer version's.
  public convenience init(
    path: String, description: RunDescription, facts: [String: String], scoresEvery: Int, resumeAt: Int?
  ) throws(InputError) {
    try self.init(
      path: path, description: description, facts: facts, scoresEvery: scoresEvery, resumeAt: resumeAt,
      onCommit: { _ in })
  }

  init(
    path: String, description: RunDescription, facts: [String: String], scoresEvery: Int, resumeAt: Int?,
    onCommit: @escaping @Sendable (Database) throws -> Void
  ) throws(InputError) {
    self.path = path
    self.description = description
    self.scoresEvery = scoresEvery
    self.onCommit = onCommit
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(1)
      configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
      let queue = try DatabaseQueue(path: AbsolutePath.of(path, from: "."), configuration: configuration)
      self.queue = queue
      box.lastStep = try queue.inDatabase { database in
        try Self.prepare(database, path: path, description, facts, resumeAt: resumeAt)
      }
    } catch {
      throw InputError(error, database: path, writing: true)
    }
    let thread = Thread { [self] in recordUntilClosed() }
    thread.name = "telemetry"
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// - Returns: the last step that stays.
  private static func prepare(
    _ database: Database, path: String, _ description: RunDescription, _ facts: [String: String], resumeAt: Int?
  ) throws -> Int? {
    let isNew = try TelemetrySchema.database.prepare(database, path: path)
    if resumeAt == nil, !isNew, try Int.fetchOne(database, sql: "SELECT count(*) FROM meta") != 0 {
      throw InputError(.unwritable, file: path, "holds a run already")
    }
    let tables = TelemetryTables(database: database, rule: description.score)
    try database.inTransaction(.immediate) {
      if let resumeAt { try tables.truncate(from: resumeAt) }
      try tables.write(description, facts: facts, path: path)
      return .commit
    }
    return try Int.fetchOne(database, sql: "SELECT max(step) FROM step")
  }

  /// Writes what is left, moves it out of the WAL and closes the file. Tries once where there is trouble.
  /// - Throws: what could not be written, and why.
  public func close() throws(InputError) {
    guard !isClosed else { return }
    let (isWritten, trouble, left) = withLock {
      box.isClosing = true
      box.flushAsked += 1
      condition.broadcast()
      while !box.isClosed { condition.wait() }
      return (box.flushSucceeded, box.trouble, box.taken + box.entries.count)
    }
    do {
      try queue.close()
    } catch {
      throw InputError(error, database: path, writing: true)
    }
    guard isWritten else {
      throw InputError(.unwritable, file: path, "\(trouble?.message ?? "cannot be written"); \(left) entries are lost")
    }
  }

  private var isClosed: Bool { withLock { box.isClosed } }

  /// Everything that reads or writes `box`. It is not passed on as `inout`, which would keep others out while `body`
  /// waits for them.
  private func withLock<Result>(_ body: () -> Result) -> Result {
    condition.lock()
    defer { condition.unlock() }
    return body()
  }

  // MARK: What is recorded

  /// Whether a step's row of triplets is due, so that its frame need not be built where it is not.
  /// - Parameter masked: whether a mask fell in this step that could change the pattern.
  public func wantsTriplets(step: Int, masked: Bool) -> Bool {
    description.allocates
      && (masked || (scoresEvery > 0 && step % scoresEvery == 0) || step == description.totalSteps - 1)
  }

  /// Records one step.
  /// - Parameters:
  ///   - learningRate: η, the base rate.
  ///   - triplets: where `wantsTriplets`.
  ///   - ranks: kept a module; kept only with a mask or with triplets. Empty where rank is fixed. `nonzero`: λ ≠ 0 a module.
  ///   - masked: whether a mask fell in this step that could change the pattern.
  ///   - orth: ‖PᵀP − I‖_F and ‖QQᵀ − I‖_F, module after module; nil where it is not known.
  public func record(
    step: StepRecord, learningRate: Double, triplets: TripletFrame?, ranks: [Int], nonzero: [Int], masked: Bool,
    orth: [Float]?
  ) {
    let hasRanks = masked || triplets != nil
    add(
      .step(
        TelemetryEntry.Step(
          record: step, learningRate: learningRate, triplets: triplets, ranks: hasRanks ? ranks : [],
          nonzero: hasRanks ? nonzero : [], masked: masked, orth: orth)))
  }

  public func record(_ event: Event) { add(.event(event, time: Date().timeIntervalSince1970)) }

  public func record(_ intervention: Intervention) {
    add(.intervention(intervention, time: Date().timeIntervalSince1970))
  }

  /// - Parameter split: "eval" or "test".
  public func record(_ evaluation: Evaluation, split: String, step: Int) {
    add(.evaluation(evaluation, split: split, step: step))
  }

  /// - Parameter step: from which on it holds.
  public func record(_ schedule: BudgetSchedule, from step: Int) { add(.schedule(schedule, step: step)) }

  /// Records what the run has cost so far, as facts of `meta`.
  /// - Parameters:
  ///   - wallSeconds: of all processes that have trained it.
  ///   - peakRSSBytes: of this one; the most of all of them is kept.
  public func record(wallSeconds: Double, peakRSSBytes: Int) {
    add(.cost(wallSeconds: wallSeconds, peakRSSBytes: peakRSSBytes))
  }

  /// Deletes the rows of `step` and all later ones, after all that was recorded before this call.
  public func truncate(from step: Int) {
    add(.truncate(step))
  }

  /// Whether the present should be told again: it was not for a while. A change of state need not ask.
  public var wantsLive: Bool { withLock { box.nextLive <= Date() } }

  /// Tells the present. Only the latest is written, with the next commit.
  public func setLive(_ live: LiveState) {
    withLock {
      if box.live == nil { condition.broadcast() }
      box.live = live
      box.liveNumber += 1
      box.nextLive = Date(timeIntervalSinceNow: Self.commitInterval)
    }
  }

  private func add(_ entry: TelemetryEntry) {
    withLock {
      // While there is trouble the session stops by itself before its next step; it must not hang in this one.
      while box.entries.count >= Self.capacity, box.trouble == nil, !box.isClosing { condition.wait() }
      box.entries.append(entry)
      switch entry {
      case .step(let step): box.lastStep = step.record.step
      case .truncate(let step):
        box.lastStep = box.lastStep.flatMap { step > 0 ? min($0, step - 1) : nil }
        box.live = nil
        box.liveNumber += 1
      default: break
      }
      if box.entries.count == 1 || box.entries.count == Self.capacity / 2 { condition.broadcast() }
    }
  }

  // MARK: What became of it

  /// Why the database cannot be written now, in a plain sentence; nil while all is well.
  public var trouble: String? { withLock { box.trouble?.description } }

  /// The last step recorded, written or not; nil where there is none.
  public var lastStep: Int? { withLock { box.lastStep } }

  /// Waits until all that was recorded before this call is on the disk: committed, moved into the main file and synced.
  /// Where a reader holds the WAL for more than a second, its rows are synced in the WAL instead.
  /// - Returns: false where that failed; nothing is lost then, see `trouble`.
  public func flush() -> Bool {
    withLock {
      guard !box.isClosed else { return false }
      box.flushAsked += 1
      let number = box.flushAsked
      condition.broadcast()
      while box.flushAnswered < number, !box.isClosed { condition.wait() }
      return box.flushSucceeded
    }
  }

  // MARK: The recorder's thread

  private func recordUntilClosed() {
    var pending: [TelemetryEntry] = []
    var lastCommit = Date.distantPast
    var isLast = false
    while !isLast {
      let (flush, isFlush, live, liveNumber) = withLock {
        waitForWork(lastCommit: lastCommit)
        if pending.isEmpty { swap(&pending, &box.entries) } else { pending += box.entries }
        box.entries.removeAll(keepingCapacity: true)
        box.taken = pending.count
        isLast = box.isClosing
        condition.broadcast()
        return (box.flushAsked, box.flushAsked > box.flushAnswered, box.live, box.liveNumber)
      }
      lastCommit = Date()
      var failure: InputError?
      do {
        try commit(pending, live)
        // From here on they are in the file, whatever becomes of the flush.
        pending.removeAll(keepingCapacity: true)
        withLock { if box.liveNumber == liveNumber { box.live = nil } }
        if isFlush { try synchronize() }
      } catch {
        failure = InputError(error, database: path, writing: true)
      }
      withLock {
        box.taken = pending.count
        box.trouble = failure
        if isFlush {
          box.flushAnswered = flush
          box.flushSucceeded = failure == nil
        }
        box.isClosed = isLast
        condition.broadcast()
      }
    }
  }

  /// Sleeps until a commit is due. Called with the lock held.
  private func waitForWork(lastCommit: Date) {
    while box.flushAsked == box.flushAnswered {
      let now = Date()
      let due = lastCommit + (box.trouble == nil ? Self.commitInterval : Self.retryInterval)
      if box.trouble == nil {
        if box.entries.isEmpty && box.live == nil {
          condition.wait()
          continue
        }
        if box.entries.count >= Self.capacity / 2 { return }
      }
      if now >= due { return }
      _ = condition.wait(until: due)
    }
  }

  private func commit(_ entries: [TelemetryEntry], _ live: LiveState?) throws {
    try queue.inDatabase { database in
      let tables = TelemetryTables(database: database, rule: description.score)
      try database.inTransaction(.immediate) {
        try onCommit(database)
        for entry in entries { try tables.write(entry) }
        if let live { try tables.write(live, time: Date().timeIntervalSince1970) }
        return .commit
      }
    }
  }

  private func synchronize() throws {
    try queue.inDatabase { database in
      guard let row = try Row.fetchOne(database, sql: "PRAGMA wal_checkpoint(TRUNCATE)"),
        let isBusy: Int = row[0], isBusy != 0
      else { return }
      // A reader still looks at an older state. A commit that syncs the WAL syncs all before it, too.
      try database.execute(sql: "PRAGMA synchronous = FULL")
      defer { try? database.execute(sql: "PRAGMA synchronous = NORMAL") }
      try database.execute(sql: "UPDATE meta SET value = value WHERE key = 'run'")
    }
  }
}
