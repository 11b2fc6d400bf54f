// The Unigram model: of all ways to divide a word into tokens the most probable (Kudo, arXiv:1804.10959).

/// HuggingFace's `Unigram` model.
struct Unigram: SubwordModel {
  private let vocabulary: Vocabulary
  /// Words that are one token.
  private var whole = TokenTable()
  private var trie = TokenTrie()
  private let scores: [Double]
  private let unknownID: Int32
  private let unknownScore: Double
  /// Ids of `<0x00>` to `<0xFF>`, or -1; empty where there is no falling back.
  private let fallbackIDs: [Int32]

  /// Unknown characters are less probable than any token by this, as in SentencePiece.
  private static let unknownPenalty = 10.0

  /// - Parameters:
  ///   - vocabulary: tokens with the logarithms of their probabilities; an id is a place here. Of equal tokens the last
  ///     counts.
  ///   - unknownID: such a place.
  init(vocabulary: [(token: String, score: Double)], unknownID: Int32, fallsBackToBytes: Bool) {
    precondition(vocabulary.indices.contains(Int(unknownID)), "the unknown token \(unknownID) of \(vocabulary.count)")
    let pairs = vocabulary.enumerated().map { (token: $0.element.token, id: Int32(truncatingIfNeeded: $0.offset)) }
    self.vocabulary = Vocabulary(pairs)
    scores = vocabulary.map(\.score)
    self.unknownID = unknownID
    unknownScore = scores.reduce(.infinity) { min($0, $1) } - Self.unknownPenalty
    fallbackIDs = fallsBackToBytes ? self.vocabulary.fallbackIDs : []
    let spelt = pairs.filter { !$0.token.isEmpty }.map { (bytes: Array($0.token.utf8), id: $0.id) }
    for (bytes, id) in spelt { trie.insert(bytes, id: id) }
    whole = TokenTable(whole: spelt, appendBest)
  }

  var largestID: Int32 { vocabulary.largestID }
  func contains(_ id: Int32) -> Bool { vocabulary.contains(id) }
  func id(of token: String) -> Int32? { vocabulary.id(of: token) }

  func append(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    let id = whole.id(of: word)
    if id == TokenTable.noToken { appendBest(word, to: &ids) } else { ids.append(id) }
  }

  /// The best division of a word's beginning: its score, and its last token.
  private struct Step {
    var score = 0.0
    /// Where the last token begins; -1 where no division ends here.
    var start: Int32 = -1
    var id: Int32 = -1
  }

  private func appendBest(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    withUnsafeTemporaryAllocation(of: Step.self, capacity: word.count + 1) { steps in
      steps.initialize(repeating: Step())
      var start = 0
      while start < word.count {
        var next = start
        _ = readScalar(word, at: &next)
        let score = steps[start].score
        func offer(_ end: Int, _ candidate: Double, _ id: Int32) {
          if steps[end].start < 0 || candidate > steps[end].score {
            steps[end] = Step(score: candidate, start: Int32(truncatingIfNeeded: start), id: id)
          }
        }
        var isCharacterToken = false
        trie.forEachPrefix(of: word, from: start) { id, end in
          offer(end, scores[Int(id)] + score, id)
          if end == next { isCharacterToken = true }
        }
        if !isCharacterToken { offer(next, unknownScore + score, unknownID) }
        start = next
      }
      appendSteps(steps, word, to: &ids)
    }
  }

  /// Walks the best division from the end and appends it.
  private func appendSteps(
    _ steps: UnsafeMutableBufferPointer<Step>, _ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]
  ) {
    let first = ids.count
    var end = word.count
    while end > 0 {
      var start = Int(steps[end].start)
      guard steps[end].id == unknownID else {
        ids.append(steps[end].id)
        end = start
        continue
      }
      // Unknown characters that touch become one token.
      while start > 0, steps[start].id == unknownID { start = Int(steps[start].start) }
      appendUnknown(word[start..<end], to: &ids)
      end = start
    }
    ids[first...].reverse()
  }

  /// Appends, in reverse, what stands for characters that are no tokens.
  private func appendUnknown(_ characters: Slice<UnsafeBufferPointer<UInt8>>, to ids: inout [Int32]) {
    if let id = vocabulary.id(of: String(decoding: characters, as: UTF8.self)) {
      ids.append(id)
    } else if !fallbackIDs.isEmpty, characters.allSatisfy({ fallbackIDs[Int($0)] != TokenTable.noToken }) {
      for byte in characters.reversed() { ids.append(fallbackIDs[Int(byte)]) }
    } else {
      ids.append(unknownID)
    }
  }
}

/// Tokens by their beginnings.
private struct TokenTrie {
  private var edges = PairTable()
  /// Per node the token that ends there, or -1; the root is node 0.
  private var ids: [Int32] = [TokenTable.noToken]

  mutating func insert(_ token: some Sequence<UInt8>, id: Int32) {
    var node: Int32 = 0
    for byte in token {
      let child = edges[node, Int32(byte)]
      if child != PairTable.noValue {
        node = Int32(truncatingIfNeeded: child)
        continue
      }
      edges.insert(node, Int32(byte), UInt32(ids.count))
      node = Int32(truncatingIfNeeded: ids.count)
      ids.append(TokenTable.noToken)
    }
    ids[Int(node)] = id
  }

  /// Calls `body` with each token that `text` has at `start` and with its end, the shortest first.
  @inline(__always)
  func forEachPrefix(of text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (Int32, Int) -> Void) {
    var node: Int32 = 0
    var index = start
    while index < text.count {
      let child = edges[node, Int32(text[index])]
      if child == PairTable.noValue { return }
      node = Int32(truncatingIfNeeded: child)
      index += 1
      let id = ids[Int(node)]
      if id != TokenTable.noToken { body(id, index) }
    }
  }
}
