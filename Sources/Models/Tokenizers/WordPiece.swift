// The WordPiece model: a word becomes the longest pieces of the vocabulary, taken greedily from the left.

/// HuggingFace's `WordPiece` model.
struct WordPiece: SubwordModel {
  /// All tokens: a word, or its first piece.
  private var initial = TokenTable()
  /// The tokens that continue a word, without their prefix.
  private var continuing = TokenTable()
  private let unknown: Int32
  private let maxWordLength: Int
  private var known: Set<Int32> = []
  private(set) var largestID: Int32 = -1

  /// - Parameters:
  ///   - vocabulary: tokens and their ids; of tokens given twice the last counts, empty tokens are never met.
  ///   - unknown: the token that stands for a word which cannot be divided. Returns nil where the vocabulary lacks it.
  ///   - maxWordLength: a word of more scalars than this is unknown.
  init?(
    vocabulary: some Sequence<(token: some StringProtocol, id: Int32)>, unknown: String, prefix: String = "##",
    maxWordLength: Int = 100
  ) {
    let prefix = Array(prefix.utf8)
    for (token, id) in vocabulary {
      known.insert(id)
      largestID = max(largestID, id)
      let bytes = token.utf8
      if bytes.isEmpty { continue }
      initial.insert(bytes, id: id)
      if bytes.count > prefix.count, bytes.starts(with: prefix) {
        continuing.insert(bytes.dropFirst(prefix.count), id: id)
      }
    }
    self.unknown = initial.id(of: unknown.utf8)
    self.maxWordLength = maxWordLength
    if self.unknown == TokenTable.noToken { return nil }
  }

  /// Whether a token has this id.
  func contains(_ id: Int32) -> Bool { known.contains(id) }

  func id(of token: String) -> Int32? {
    let id = initial.id(of: token.utf8)
    return id == TokenTable.noToken ? nil : id
  }

  /// Appends the ids of `word`, which is not empty.
  @inline(__always)
  func append(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    if word.count > maxWordLength, scalarCount(word) > maxWordLength {
      ids.append(unknown)
      return
    }
    let id = initial.id(of: word)
    if id == TokenTable.noToken { appendPieces(of: word, to: &ids) } else { ids.append(id) }
  }

  private func scalarCount(_ word: UnsafeBufferPointer<UInt8>) -> Int {
    word.reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) }
  }

  private func appendPieces(of word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    guard let base = word.baseAddress else { return }
    let first = ids.count
    let longest = min(word.count, max(initial.longest, continuing.longest))
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: longest + 1) { hashes in
      var start = 0
      while start < word.count {
        let count = appendPiece(
          base + start, atMost: word.count - start, from: start == 0 ? initial : continuing, hashes, to: &ids)
        if count == 0 {
          ids.removeSubrange(first...)
          ids.append(unknown)
          return
        }
        start += count
      }
    }
  }

  /// Appends the id of the longest token that `text` begins with and returns its length, 0 where there is none.
  ///
  /// Tokens and text are valid UTF-8, so that a token can only end where a scalar of the text ends.
  @inline(__always)
  private func appendPiece(
    _ text: UnsafePointer<UInt8>, atMost limit: Int, from table: borrowing TokenTable,
    _ hashes: UnsafeMutableBufferPointer<UInt64>, to ids: inout [Int32]
  ) -> Int {
    var count = min(limit, table.longest)
    var hash = TokenTable.emptyHash
    for index in 0..<count {
      hash = TokenTable.hash(hash, appending: text[index])
      hashes[index] = hash
    }
    while count > 0 {
      let id = table.id(text, count: count, hash: hashes[count - 1])
      if id != TokenTable.noToken {
        ids.append(id)
        return count
      }
      count -= 1
    }
    return 0
  }
}
