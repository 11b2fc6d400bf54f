// A tokenized data set: the same whoever tokenizes it.

import Kernels
import Models
import Testing

@testable import Training

@Suite struct TokenizedDatasetTests {
  /// A token a character, and one in front.
  private struct Letters: Tokenizer {
    let vocabularySize = 256

    func id(of token: String) -> Int32? { nil }

    func append(_ text: String, pair: String?, maxLength: Int, to ids: inout [Int32], typeIDs: inout [Int32]) {
      let first = ([0] + text.utf8.map { Int32($0) }).prefix(maxLength)
      let second = (pair ?? "").utf8.map { Int32($0) }
      ids += first + second
      typeIDs += Array(repeating: 0, count: first.count) + Array(repeating: 1, count: second.count)
    }
  }

  @Test("however many workers tokenize, ids, segments, places and labels are the same", arguments: [1, 2, 3, 16])
  func workers(count: Int) {
    let texts = (0..<11).map { String(repeating: "x", count: $0 % 4) + "\($0)" }
    let examples = TextExamples(texts: texts, pairs: texts.reversed(), labels: (0..<11).map { $0 % 3 })
    let alone = TokenizedDataset(examples, tokenizer: Letters(), maxLength: 4)
    let shared = TokenizedDataset(examples, tokenizer: Letters(), maxLength: 4, on: WorkerPool(count: count))
    #expect(shared.ids == alone.ids)
    #expect(shared.types == alone.types)
    #expect(shared.offsets == alone.offsets)
    #expect(shared.labels == alone.labels)
    // The tenth text is "x9", its pair "x1".
    #expect(Array(alone.ids[alone.offsets[9]..<alone.offsets[10]]) == [0, 120, 57, 120, 49])
    #expect(alone.count == 11)
  }

  @Test("no examples make an empty data set")
  func empty() {
    let none = TextExamples(texts: [], labels: [])
    #expect(TokenizedDataset(none, tokenizer: Letters(), maxLength: 4, on: WorkerPool(count: 2)).offsets == [0])
  }
}
