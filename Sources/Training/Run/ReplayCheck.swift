// A run trained again, compared with what was recorded.

import Foundation
import Models

/// Trains a recorded run again and compares every step's numbers, and the adapter at the end, bit for bit.
public final class ReplayCheck {
  public struct Verdict: Sendable {
    /// Steps compared.
    public var steps: Int
    /// The first difference, in words; nil where there is none.
    public var difference: String?
    /// What is to be said of the adapter.
    public var adapter: String
  }

  public let run: TrainingRun
  /// What of this machine differs from the recorded one in a way that changes bits.
  public let machineDifferences: [String]
  private let source: SavedRun
  private let recorded: [Int: StepRecord]

  /// - Parameters:
  ///   - place: a folder for the new run.
  ///   - commands, frames: of whoever watches.
  /// - Throws: where nothing is recorded.
  public init(
    of source: SavedRun, in place: String, commands: CommandQueue = CommandQueue(), frames: Mailbox<Frame>? = nil
  ) throws(InputError) {
    self.source = source
    let records = try TelemetryReader(path: source.folder.telemetry).records()
    guard !records.isEmpty else { throw InputError(.missing, file: source.folder.telemetry, "no step is recorded") }
    recorded = Dictionary(records.map { ($0.step, $0) }) { first, _ in first }
    let made = try RunFork.repeating(source, in: place)
    // A screen shows the name.
    let folder = RunFolder(path: place + "/" + source.name)
    guard rename(made.path, folder.path) == 0 else { throw AtomicFile.failure(folder.path) }
    run = try TrainingRun(
      try Experiment.load(path: folder.experiment), in: .existing(folder), commands: commands, frames: frames)
    run.session.control = .replay
    let machine = CheckpointFolder(path: source.folder.checkpoints).newest().checkpoint?.state.machine
    let here = Machine.Arithmetic(threads: run.session.description.threads)
    machineDifferences = machine.map { here.differences(from: $0) } ?? []
  }

  /// - Parameters:
  ///   - steps: ends when so many are done; nil: where the record ends.
  ///   - stopsAtDifference: whether the first difference ends it.
  ///   - onStep: called after each step.
  public func run(
    until steps: Int? = nil, stopsAtDifference: Bool = true, _ onStep: @escaping (StepRecord, Session) -> Void
  ) throws(InputError) -> Verdict {
    var verdict = Verdict(steps: 0, difference: nil, adapter: "")
    let last = min((recorded.keys.max() ?? 0) + 1, steps ?? .max)
    let session = run.session
    let (ending, _) = try run.train { [recorded] record throws(InputError) in
      onStep(record, session)
      if verdict.difference == nil {
        if let old = recorded[record.step] {
          verdict.difference = Self.difference(record, old)
          verdict.steps += 1
        } else {
          verdict.difference = "step \(record.step) is not recorded"
        }
      }
      let isEnough = stopsAtDifference && verdict.difference != nil || record.step + 1 >= last
      if isEnough, !session.isAtEnd { session.commands.send(.stop(discard: false)) }
    }
    if case .failed(let reason) = ending, verdict.difference == nil { verdict.difference = reason }
    guard verdict.difference == nil, ending == .finished else { return verdict }
    let names = [source.folder, run.folder].map { $0.adapter + "/" + PEFTAdapter.weightsName }
    guard FileManager.default.fileExists(atPath: names[0]) else { return verdict }
    if FileManager.default.contentsEqual(atPath: names[0], andPath: names[1]) {
      verdict.adapter = ", and so is the adapter"
    } else {
      verdict.difference = "every step is the same, but \(names[0]) is not"
    }
    return verdict
  }

  /// The first field that differs; times do not count.
  static func difference(_ new: StepRecord, _ old: StepRecord) -> String? {
    let fields: [(String, KeyPath<StepRecord, Double>)] = [
      ("loss", \.loss), ("task_loss", \.taskLoss), ("orth", \.orth), ("grad_norm", \.gradNorm), ("lr", \.lr),
      ("beta1", \.beta1), ("beta2", \.beta2), ("orth_reg_weight", \.orthRegWeight), ("target_r", \.targetR),
    ]
    for (name, path) in fields where new[keyPath: path] != old[keyPath: path] {
      return "step \(new.step): \(name) is \(new[keyPath: path]), recorded was \(old[keyPath: path])"
    }
    let counts: [(String, KeyPath<StepRecord, Int>)] = [
      ("deltaT", \.deltaT), ("budget", \.budget), ("kept", \.kept), ("nonzero", \.nonzero), ("tokens", \.tokens),
    ]
    for (name, path) in counts where new[keyPath: path] != old[keyPath: path] {
      return "step \(new.step): \(name) is \(new[keyPath: path]), recorded was \(old[keyPath: path])"
    }
    if new.threshold != old.threshold {
      return "step \(new.step): threshold is \(new.threshold.map { "\($0)" } ?? "none"), recorded was "
        + (old.threshold.map { "\($0)" } ?? "none")
    }
    if let evaluation = old.eval, new.eval != evaluation { return "step \(new.step): the evaluation differs" }
    return nil
  }
}
