// The step trace: one JSON object a line.

import Foundation
import Models

/// What the trace's last line sums up.
public struct RunSummary: Sendable {
  public var steps: Int
  public var wallSeconds: Double
  /// Median.
  public var stepMs: Double
  public var tokensPerSecond: Double
  public var peakRSSBytes: Int
  public var evaluation: Evaluation?
  /// On the test split, where there is one.
  public var test: Evaluation?
  /// In module order.
  public var ranks: [(module: String, rank: Int)]

  public var json: JSON {
    var entries: [(String, JSON)] = [
      ("steps", .integer(steps)), ("wall_s", .number(wallSeconds)), ("step_ms_median", .number(stepMs)),
      ("tokens_per_s", .number(tokensPerSecond)), ("peak_rss_bytes", .integer(peakRSSBytes)),
    ]
    if let evaluation {
      for name in ["accuracy", "matthews", "perplexity"] {
        if let value = evaluation[name] { entries.append((name, .number(value))) }
      }
    }
    if let test { entries.append(("test", test.json)) }
    entries.append(("ranks", .object(JSONObject(ranks.map { ($0.module, .integer($0.rank)) }))))
    return .object(JSONObject(entries))
  }
}

extension Evaluation {
  /// `{loss, accuracy, matthews, f1}`, or `{loss, perplexity}`.
  public var json: JSON { .object(JSONObject(metrics.map { ($0.name, .number($0.value)) })) }
}

extension StepRecord {
  /// In the order that the trace has its fields.
  public var json: JSON {
    var entries: [(String, JSON)] = [
      ("step", .integer(step)), ("loss", .number(loss)), ("task_loss", .number(taskLoss)), ("orth", .number(orth)),
      ("grad_norm", .number(gradNorm)), ("lr", .number(lr)), ("beta1", .number(beta1)), ("beta2", .number(beta2)),
      ("orth_reg_weight", .number(orthRegWeight)), ("deltaT", .integer(deltaT)), ("target_r", .number(targetR)),
      ("budget", .integer(budget)), ("kept", .integer(kept)), ("nonzero", .integer(nonzero)),
      ("threshold", threshold.map { .number($0) } ?? .null), ("tokens", .integer(tokens)),
      ("step_ms", .number(stepMs)),
    ]
    if let eval { entries.append(("eval", eval.json)) }
    return .object(JSONObject(entries))
  }
}

/// Writes a trace as the run goes; each line reaches the file whole.
public final class TraceWriter {
  private let file: UnsafeMutablePointer<FILE>
  private let path: String

  private init(path: String, mode: String) throws(InputError) {
    guard let file = fopen(path, mode) else {
      throw InputError(.unwritable, file: path, "cannot be written: \(String(cString: strerror(errno)))")
    }
    self.file = file
    self.path = path
  }

  /// Goes on with a trace: lines of a step and those after it are taken out first, and so is a summary.
  public convenience init(path: String, before step: Int) throws(InputError) {
    if FileManager.default.fileExists(atPath: path) {
      let bytes = try FileBytes.read(path)
      var kept: [UInt8] = []
      for line in bytes.split(separator: UInt8(ascii: "\n")) {
        guard let value = try? JSON.parse(Array(line), file: path), case .integer(let number)? = value["step"],
          number < step
        else { continue }
        kept += line + [UInt8(ascii: "\n")]
      }
      try AtomicFile.write(kept, to: path)
    }
    try self.init(path: path, mode: "a")
  }

  public convenience init(path: String) throws(InputError) { try self.init(path: path, mode: "w") }

  deinit { fclose(file) }

  public func write(_ record: StepRecord) throws(InputError) { try write(record.json) }

  public func write(_ summary: RunSummary) throws(InputError) {
    try write(.object(JSONObject([("summary", summary.json)])))
  }

  private func write(_ json: JSON) throws(InputError) {
    guard fputs(json.serialized(pretty: false) + "\n", file) >= 0, fflush(file) == 0 else {
      throw InputError(.unwritable, file: path, "cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}
