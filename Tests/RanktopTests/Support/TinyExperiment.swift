// A run small enough for a test: the tiny recorded model, a made vocabulary, made sentences.

import Foundation
import TerminalSupport

/// A folder with a model, data and an experiment file; removed with this value.
final class TinyExperiment {
  let folder: URL
  var path: String { folder.appendingPathComponent("tiny.toml").path }
  var runs: String { folder.appendingPathComponent("runs").path }

  /// The recorded cases of the tests of training.
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("TrainingTests/Fixtures")

  /// - Parameters:
  ///   - evalEvery: steps between evaluations.
  ///   - evalSize: sentences of the evaluation.
  init(steps: Int = 30, evalEvery: Int = 10, evalSize: Int = 12) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("tiny-\(UUID().uuidString)")
    let model = folder.appendingPathComponent("model")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: Self.fixtures.appendingPathComponent("bert-adalora/model"), to: model)
    let words = ["good", "bad", "so", "very", "dull", "bright", "film", "scene", "end", "the"]
    try (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words).joined(separator: "\n").write(
      to: model.appendingPathComponent("vocab.txt"), atomically: true, encoding: .utf8)
    func table(_ count: Int) -> String {
      let rows = (0..<count).map { row in
        let text = (0..<6).map { words[(row * 7 + $0 * (row % 5 + 1)) % words.count] }.joined(separator: " ")
        return "\(text)\t\(["no", "so", "yes"][row % 3])"
      }
      return "sentence\tlabel\n" + rows.joined(separator: "\n") + "\n"
    }
    try table(60).write(to: folder.appendingPathComponent("train.tsv"), atomically: true, encoding: .utf8)
    try table(evalSize).write(to: folder.appendingPathComponent("dev.tsv"), atomically: true, encoding: .utf8)
    try """
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
    peft_type = "ADALORA"
    target_modules = ["query", "value", "output.dense"]
    init_r = 4
    target_r = 2
    tinit = \(steps / 6)
    tfinal = \(steps / 3)
    deltaT = 2
    [training]
    total_step = \(steps)
    batch_size = 8
    learning_rate = 1e-3
    eval_every = \(evalEvery)
    threads = 1
    """.write(to: folder.appendingPathComponent("tiny.toml"), atomically: true, encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// ranktop, started in the folder.
  func start(_ arguments: [String]) throws -> Child {
    try Child(try Child.program("ranktop"), arguments, folder: folder, workingDirectory: folder.path)
  }

  func run(_ arguments: [String]) throws -> Child.Ending { try start(arguments).wait() }

  /// The lines of a trace.
  func trace(_ name: String = "trace.jsonl") throws -> [[String: Any]] {
    try Trace.read(folder.appendingPathComponent(name).path)
  }

  func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path)
  }
}

enum Trace {
  /// Its whole lines.
  static func read(_ path: String) throws -> [[String: Any]] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.components(separatedBy: "\n").dropLast().map { line in
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }
  }
}
