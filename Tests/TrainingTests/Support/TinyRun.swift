// Whole runs small enough for a test: the recorded model, made sentences, an experiment file.

import AdaLoRA
import Foundation
import Models
import Synchronization

@testable import Training

/// A folder in which runs are trained. It stays until the tests are over: a run outlives the last mention of it, and
/// training would wait for a folder that is gone.
final class TinyRun {
  let path: String

  private static let folders = Mutex<[String]>([])

  /// Removes all of them at the end of the process.
  private static let isWatchingForTheEnd: Bool = {
    atexit {
      for path in TinyRun.folders.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
    return true
  }()

  /// - Parameter keys: lines of the experiment, by section.
  init(adapter: String = "", training: String = "", checkpointEvery: Int = 5) throws {
    _ = Self.isWatchingForTheEnd
    path = NSTemporaryDirectory() + "ranktop-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    Self.folders.withLock { [path] in $0.append(path) }
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/bert-adalora/model").path
    try FileManager.default.copyItem(atPath: fixture, toPath: path + "/model")
    let words = ["good", "bad", "so", "very", "dull", "bright", "film", "scene", "end", "the"]
    try write((["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words).joined(separator: "\n"), "model/vocab.txt")
    for (name, count) in [("train", 50), ("dev", 12)] {
      let rows = (0..<count).map { row in
        let text = (0..<6).map { words[(row * 7 + $0 * (row % 5 + 1)) % words.count] }.joined(separator: " ")
        return "\(text)\t\(["no", "so", "yes"][row % 3])\n"
      }
      try write("sentence\tlabel\n" + rows.joined(), name + ".tsv")
    }
    try write(
      """
      name = "tiny"
      [model]
      path = "model"
      task = "SEQ_CLS"
      [data]
      train = "train.tsv"
      eval = "dev.tsv"
      text = "sentence"
      label = "label"
      max_length = 16
      [adapter]
      target_modules = ["query", "value", "output.dense"]
      \(adapter)
      [training]
      total_step = 30
      batch_size = 8
      learning_rate = 1e-2
      eval_every = 7
      checkpoint_every = \(checkpointEvery)
      threads = 1
      \(training)
      [telemetry]
      scores_every = 5
      """, "tiny.toml")
  }

  private func write(_ text: String, _ name: String) throws {
    try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
  }

  func new(_ at: [String] = [], commands: CommandQueue = CommandQueue(), frames: Mailbox<Frame>? = nil) throws
    -> TrainingRun
  {
    try TrainingRun(
      try Experiment.load(path: path + "/tiny.toml", at: at), in: .new(runs: path + "/runs"), commands: commands,
      frames: frames)
  }

  func existing(_ folder: RunFolder) throws -> TrainingRun {
    try TrainingRun(try Experiment.load(path: folder.experiment), in: .existing(folder))
  }

  /// The run's folder as a crash at this moment would leave it.
  func crashed(_ run: TrainingRun, _ name: String) throws -> RunFolder {
    let folder = RunFolder(path: path + "/" + name)
    try FileManager.default.copyItem(atPath: run.folder.path, toPath: folder.path)
    return folder
  }
}

/// All of a run that must not depend on interruptions.
struct RunOutcome: Equatable {
  var adapter: Data
  var records: [StepRecord]
  var interventions: [Intervention]
  /// The curves of b(t), each with the step from which it holds.
  var schedules: [BudgetSchedule]
  var scheduleSteps: [Int]

  init(_ folder: RunFolder) throws {
    adapter = try Data(contentsOf: URL(fileURLWithPath: folder.adapter + "/adapter_model.safetensors"))
    let reader = try TelemetryReader(path: folder.telemetry)
    records = try reader.records().map { record in
      var record = record
      record.stepMs = 0
      return record
    }
    interventions = try reader.frame().interventions
    let curves = try reader.schedules()
    schedules = curves.map(\.schedule)
    scheduleSteps = curves.map(\.step)
  }
}

extension TrainingRun {
  /// Trains to the end, or for so many steps more.
  @discardableResult
  func go(to steps: Int? = nil, _ onStep: @escaping (StepRecord) throws -> Void = { _ in }) throws
    -> Session.Ending
  {
    var failure: (any Error)?
    let ending = try train { [session] (record) throws(InputError) in
      do { try onStep(record) } catch { failure = failure ?? error }
      if record.step + 1 == steps { session.commands.send(.stop(discard: false)) }
    }.ending
    if let failure { throw failure }
    return ending
  }
}
