// How fast texts become token ids.

import Foundation
import Kernels
import Models

/// Tokenizes every line of a file as training does.
public struct TokenizerBenchmark: Sendable {
  public struct Report: Sendable {
    public var lines: Int
    public var tokens: Int
    /// The median of a few runs.
    public var seconds: Double
  }

  /// - Throws: for a file that is missing or not UTF-8, or a folder without tokenizer.
  public static func run(
    model: String, file: String, threads: Int, repetitions: Int
  ) throws(InputError) -> Report {
    let tokenizer = try TokenizerLoader.load(folder: model)
    let bytes = try FileBytes.read(file)
    try UTF8Text.check(bytes, file: file)
    let texts = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    let examples = TextExamples(texts: texts, labels: Array(repeating: 0, count: texts.count))
    let pool = WorkerPool(count: threads)
    var dataset = TokenizedDataset()
    let times = (0..<max(repetitions, 1)).map { _ in
      Stopwatch.seconds {
        dataset = TokenizedDataset(examples, tokenizer: tokenizer, maxLength: 512, on: pool)
      }
    }
    return Report(lines: texts.count, tokens: dataset.ids.count, seconds: times.median)
  }
}
