// The comparison that experiments/tokenizers/compare.py runs over any number of lines.

import Foundation
import Testing

@testable import Models

private let environment = ProcessInfo.processInfo.environment

@Suite("Comparison with the tokenizers package", .enabled(if: environment["RANKTOP_TOKENIZER_MODEL"] != nil))
struct TokenizerComparisonTests {
  @Test("every given line has the ids that the package gave")
  func lines() throws {
    let clock = ContinuousClock()
    let model = try #require(environment["RANKTOP_TOKENIZER_MODEL"])
    let recording = try TokenizerRecording(
      lines: try #require(environment["RANKTOP_TOKENIZER_LINES"]),
      ids: try #require(environment["RANKTOP_TOKENIZER_IDS"]))
    let maxLength = try #require(Int(environment["RANKTOP_TOKENIZER_MAX_LENGTH"] ?? "32"))
    var loaded: (any Tokenizer)?
    let loading = try clock.measure { loaded = try TokenizerLoader.load(folder: model) }
    let tokenizer = try #require(loaded)

    let differences = recording.differences(of: tokenizer, maxLength: maxLength)
    for difference in differences.prefix(20) { print(difference) }
    #expect(differences.count == 0)

    var ids: [Int32] = []
    var typeIDs: [Int32] = []
    let encoding = clock.measure {
      for line in recording.lines {
        ids.removeAll(keepingCapacity: true)
        typeIDs.removeAll(keepingCapacity: true)
        tokenizer.append(line, pair: nil, maxLength: .max, to: &ids, typeIDs: &typeIDs)
      }
    }
    let rate = Double(recording.lines.count) / (encoding / .seconds(1))
    print("ranktop: \(recording.lines.count) lines, \(Int(rate)) lines/s on one thread; loaded in \(loading)")
  }
}
