// A recorded run as the frame that a dashboard draws, brought up to date by what is new.

import AdaLoRA
import Foundation
import GRDB
import Models

extension TelemetryReader {
  /// The run as it now stands in the database. Where little is new, little is read.
  public func frame() throws(InputError) -> Frame {
    if let frame = try refresh() ?? latest { return frame }
    throw InputError(file: path, "nothing to show")
  }

  /// The frame if anything was committed since the last one; nil where all is as it was.
  public func refresh() throws(InputError) -> Frame? {
    try read { database in
      let version = try Int.fetchOne(database, sql: "PRAGMA data_version")
      guard self.latest == nil || version != self.seen else { return nil }
      do {
        let frame = try self.makeFrame(database)
        self.latest = frame
        self.seen = version
        return frame
      } catch {
        // What is half read is not built upon.
        self.forget()
        throw error
      }
    }
  }

  private func forget() {
    history.reset(last: 0)
    lastMask = nil
    latest = nil
    seen = nil
  }

  private func makeFrame(_ database: Database) throws -> Frame {
    let last = try lastStep(database)
    let record = try last.flatMap { try records(database, "s.step = ?", [$0]).first }
    try readHistory(database, newest: record)
    let live = try live(database)
    let rankStep = try last.flatMap { try self.rankStep(database, atMost: $0) }
    var (ranks, nonzero) = try ranks(database, step: rankStep)
    var triplets = TripletFrame()
    if tripletCount > 0 {
      if let columns = live?.triplets {
        triplets = columns.frame(
          count: tripletCount, rule: description.score, random: random,
          maskScores: try maskScores(database, atMost: last ?? 0))
        let rank = description.initialRank
        for module in ranks.indices {
          let own = module * rank..<(module + 1) * rank
          ranks[module] = own.count { triplets.kept[$0] }
          nonzero[module] = own.count { triplets.lambda[$0] != 0 }
        }
      } else if let step = try tripletStep(database, atMost: last ?? 0) {
        triplets = try self.triplets(database, step: step)
      } else {
        triplets = TripletColumns(kept: nil, score: nil, lambda: nil, parts: Array(repeating: nil, count: 6))
          .frame(count: tripletCount, rule: description.score, random: random, maskScores: [])
      }
    }
    let schedule = try schedules(database, "ORDER BY step DESC LIMIT 1").first?.schedule
    let done = record.map { $0.step + 1 } ?? 0
    return Frame(
      description: description, state: live?.state ?? (done < description.totalSteps ? .training : .done),
      stepsDone: done, record: record, schedule: schedule, beta1: live?.beta1 ?? record?.beta1 ?? 0,
      beta2: live?.beta2 ?? record?.beta2 ?? 0, orthRegWeight: live?.orthRegWeight ?? record?.orthRegWeight ?? 0,
      learningRate: live?.learningRate ?? record?.lr ?? 0, targetR: live?.targetR ?? record?.targetR ?? 0,
      deltaT: live?.deltaT ?? record?.deltaT ?? 0, ranks: ranks, nonzero: nonzero, triplets: triplets,
      history: history.points.map(\.point), events: try events(database, latest: RecordedLimits.events),
      interventions: try interventions(database), pending: [], tokensPerSecond: live?.tokensPerSecond ?? 0,
      eta: live?.eta, control: control == nil ? .readOnly : .remote)
  }

  // MARK: History

  /// Adds what is new. Where the steps that were read last are no longer there or are others, since the run went back, all
  /// is read again.
  private func readHistory(_ database: Database, newest: StepRecord?) throws {
    guard let newest else { return forget() }
    let isSame = try latest?.record.map { seen in
      guard seen.step <= newest.step, var again = try records(database, "s.step = ?", [seen.step]).first else {
        return false
      }
      again.eval = seen.eval
      return again.isSame(as: seen)
    }
    if isSame != true {
      history.reset(last: newest.step)
      lastMask = nil
    }
    let firstNew = history.nextCell
    for start in stride(from: firstNew, through: newest.step, by: history.spacing) {
      let found = try records(
        database, "s.step BETWEEN ? AND ? ORDER BY s.step LIMIT 1", [start, start + history.spacing - 1])
      for record in found { try add(record, database, isOffGrid: false) }
    }
    let evaluated = latest?.history.last { $0.record.eval != nil }?.record.step
    for evaluation in try evaluations(database, from: isSame == true ? evaluated ?? 0 : 0)
    where evaluation.split == "eval" && evaluation.step <= newest.step {
      if history[step: evaluation.step]?.point.record.eval == evaluation.evaluation { continue }
      for record in try records(database, "s.step = ?", [evaluation.step]) {
        try add(record, database, isOffGrid: true)
      }
    }
    if history[step: newest.step] == nil { try add(newest, database, isOffGrid: true) }
    history.dropOldNewest(newest.step)
    history.advance(through: newest.step)
  }

  private func add(_ record: StepRecord, _ database: Database, isOffGrid: Bool) throws {
    var triplets = TripletFrame()
    var ranks: [Int] = []
    var shown: Int?
    if tripletCount > 0 {
      if let step = try tripletStep(database, atMost: record.step) {
        if let shared = history.shared(before: record.step, tripletStep: step) {
          triplets = shared.point.triplets
          shown = shared.tripletStep
        } else {
          triplets = try self.triplets(database, step: step)
          shown = step
        }
      }
      ranks = try self.ranks(database, step: try rankStep(database, atMost: record.step)).kept
    }
    history.set(
      RecordedHistory.Point(
        point: HistoryPoint(record: record, triplets: triplets, ranks: ranks), tripletStep: shown, isOffGrid: isOffGrid)
    )
  }
}

extension StepRecord {
  /// Equal, with NaN equal to NaN.
  fileprivate func isSame(as other: StepRecord) -> Bool {
    self == other || String(describing: self) == String(describing: other)
  }
}
