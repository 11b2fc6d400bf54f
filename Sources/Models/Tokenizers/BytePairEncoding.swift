// Byte-pair encoding: a word begins as its characters, and neighbours are merged in the order in which the merges were
// learned (Sennrich et al., arXiv:1508.07909).

/// HuggingFace's `BPE` model.
struct BytePairEncoding: SubwordModel {
  /// What the section `model` of `tokenizer.json` says beside vocabulary and merges.
  struct Options: Sendable {
    /// Stands for a character that is no token; without it such characters vanish.
    var unknown: String?
    /// Whether neighbouring unknown characters become one token.
    var fusesUnknown = false
    /// Before every character of a word but the first.
    var continuingPrefix = ""
    /// Behind the last character of a word.
    var endSuffix = ""
    /// Whether the bytes of a character that is no token are tokens, `<0x0A>`.
    var fallsBackToBytes = false
    /// Whether a word that is a token is not built by merges.
    var ignoresMerges = false
    /// Whether the vocabulary is spelt in the characters that stand for bytes, and words come in bytes.
    var isByteLevel = false
  }

  private let options: Options
  private let vocabulary: Vocabulary
  /// Tokens by their bytes as they stand in a word.
  private var tokens = TokenTable()
  /// Words that are one token.
  private var whole = TokenTable()
  /// Places in `merged` by the pair that is merged, the first merge first.
  private var ranks = PairTable()
  private var merged: [Int32] = []
  /// Ids of the tokens of one byte, or -1.
  private var byteIDs = [Int32](repeating: TokenTable.noToken, count: 256)
  /// Ids of `<0x00>` to `<0xFF>`, or -1; empty where there is no falling back.
  private let fallbackIDs: [Int32]
  private let unknownID: Int32

  /// - Parameters:
  ///   - vocabulary: tokens and their ids, which differ.
  ///   - merges: of equal ones the last counts.
  ///   - file: named in errors.
  ///   - place: where in it a merge stands.
  /// - Throws: where a merge is of tokens that the vocabulary lacks, or makes one.
  init(
    vocabulary: [(token: String, id: Int32)], merges: [(first: String, second: String)], options: Options,
    file: String, place: (Int) -> String
  ) throws(InputError) {
    self.options = options
    self.vocabulary = Vocabulary(vocabulary)
    unknownID = options.unknown.flatMap(self.vocabulary.id(of:)) ?? TokenTable.noToken
    fallbackIDs = options.fallsBackToBytes ? self.vocabulary.fallbackIDs : []
    var spelt: [(bytes: [UInt8], id: Int32)] = []
    spelt.reserveCapacity(vocabulary.count)
    for (token, id) in vocabulary {
      guard let bytes = options.isByteLevel ? ByteAlphabet.bytes(of: token) : Array(token.utf8), !bytes.isEmpty else {
        continue
      }
      spelt.append((bytes, id))
      tokens.insert(bytes, id: id)
      if bytes.count == 1 { byteIDs[Int(bytes[0])] = id }
    }
    merged.reserveCapacity(merges.count)
    for (index, merge) in merges.enumerated() {
      func id(_ token: String) throws(InputError) -> Int32 {
        guard let id = self.vocabulary.id(of: token) else {
          throw InputError(file: file, place: place(index), "the vocabulary has no \(JSON.quoted(token.excerpt))")
        }
        return id
      }
      let rest = String(decoding: merge.second.utf8.dropFirst(options.continuingPrefix.utf8.count), as: UTF8.self)
      ranks.insert(try id(merge.first), try id(merge.second), UInt32(index))
      merged.append(try id(merge.first + rest))
    }
    whole = options.ignoresMerges ? tokens : TokenTable(whole: spelt, appendMerged)
  }

  var largestID: Int32 { vocabulary.largestID }
  func contains(_ id: Int32) -> Bool { vocabulary.contains(id) }
  func id(of token: String) -> Int32? { vocabulary.id(of: token) }

  func append(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    let id = whole.id(of: word)
    if id == TokenTable.noToken { appendMerged(word, to: &ids) } else { ids.append(id) }
  }

  // MARK: Merging

  private struct Symbol {
    var id: Int32
    var previous: Int32
    var next: Int32
    /// Of the merge with the next symbol; `noValue` where there is none, or where this one is gone.
    var rank: UInt32 = PairTable.noValue
  }

  private func appendMerged(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    let first = ids.count
    appendSymbols(of: word, to: &ids)
    let count = ids.count - first
    if count < 2 { return }
    withUnsafeTemporaryAllocation(of: Symbol.self, capacity: count) { symbols in
      for index in 0..<count {
        symbols.initializeElement(
          at: index,
          to: Symbol(
            id: ids[first + index], previous: Int32(index - 1), next: index + 1 < count ? Int32(index + 1) : -1))
      }
      // A merge takes one symbol away and lets at most two new pairs arise.
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 3 * count) { heap in
        merge(symbols, heap)
      }
      ids.removeSubrange(first...)
      var index = 0
      while index >= 0 {
        ids.append(symbols[index].id)
        index = Int(symbols[index].next)
      }
    }
  }

  private func merge(_ symbols: UnsafeMutableBufferPointer<Symbol>, _ heap: UnsafeMutableBufferPointer<UInt64>) {
    var queue = MergeQueue(heap)
    func enqueue(_ index: Int) {
      let next = symbols[index].next
      let rank = next < 0 ? PairTable.noValue : ranks[symbols[index].id, symbols[Int(next)].id]
      symbols[index].rank = rank
      if rank != PairTable.noValue { queue.insert(UInt64(rank) << 32 | UInt64(index)) }
    }
    for index in symbols.indices { enqueue(index) }
    while let least = queue.removeLeast() {
      let index = Int(least & 0xFFFF_FFFF)
      let rank = UInt32(least >> 32)
      // Overtaken by another merge?
      guard symbols[index].rank == rank else { continue }
      let gone = Int(symbols[index].next)
      let next = symbols[gone].next
      symbols[gone].rank = PairTable.noValue
      symbols[index].id = merged[Int(rank)]
      symbols[index].next = next
      if next >= 0 { symbols[Int(next)].previous = Int32(index) }
      enqueue(index)
      if symbols[index].previous >= 0 { enqueue(Int(symbols[index].previous)) }
    }
  }

  // MARK: Characters

  /// Appends the ids that a word begins as.
  private func appendSymbols(of word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    let hasAffixes = !options.continuingPrefix.isEmpty || !options.endSuffix.isEmpty
    /// Whether an unknown character waits for others that it is fused with.
    var isUnknown = false
    var index = 0
    while index < word.count {
      let start = index
      if options.isByteLevel || word[index] < 0x80 { index += 1 } else { _ = readScalar(word, at: &index) }
      let id: Int32
      if hasAffixes {
        id = tokens.id(of: affixed(word, start..<index))
      } else if index == start + 1 {
        id = byteIDs[Int(word[start])]
      } else {
        id = tokens.id(of: UnsafeBufferPointer(rebasing: word[start..<index]))
      }
      if id != TokenTable.noToken {
        if isUnknown { ids.append(unknownID) }
        isUnknown = false
        ids.append(id)
        continue
      }
      // As in the reference, an unknown character that waits comes after these bytes.
      if options.fallsBackToBytes, appendBytes(affixed(word, start..<index), to: &ids) { continue }
      if unknownID == TokenTable.noToken { continue }
      if isUnknown, !options.fusesUnknown { ids.append(unknownID) }
      isUnknown = true
    }
    if isUnknown { ids.append(unknownID) }
  }

  /// A character with what belongs before and behind it.
  private func affixed(_ word: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [UInt8] {
    (range.lowerBound > 0 ? Array(options.continuingPrefix.utf8) : []) + word[range]
      + (range.upperBound == word.count ? Array(options.endSuffix.utf8) : [])
  }

  private func appendBytes(_ bytes: [UInt8], to ids: inout [Int32]) -> Bool {
    guard bytes.allSatisfy({ fallbackIDs[Int($0)] != TokenTable.noToken }) else { return false }
    for byte in bytes { ids.append(fallbackIDs[Int(byte)]) }
    return true
  }
}

/// The merges that are possible, the least first: a binary heap in memory that is lent to it.
private struct MergeQueue {
  private let memory: UnsafeMutableBufferPointer<UInt64>
  private var count = 0

  init(_ memory: UnsafeMutableBufferPointer<UInt64>) { self.memory = memory }

  mutating func insert(_ value: UInt64) {
    var place = count
    count += 1
    while place > 0, memory[(place - 1) / 2] > value {
      memory[place] = memory[(place - 1) / 2]
      place = (place - 1) / 2
    }
    memory[place] = value
  }

  mutating func removeLeast() -> UInt64? {
    guard count > 0 else { return nil }
    let least = memory[0]
    count -= 1
    let last = memory[count]
    var place = 0
    while 2 * place + 1 < count {
      var child = 2 * place + 1
      if child + 1 < count, memory[child + 1] < memory[child] { child += 1 }
      if memory[child] >= last { break }
      memory[place] = memory[child]
      place = child
    }
    memory[place] = last
    return least
  }
}

/// The characters in which byte-level vocabularies are spelt, one for each byte.
enum ByteAlphabet {
  /// The bytes that `token` stands for; nil where it has a character that stands for none.
  static func bytes(of token: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      switch scalar.value {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      // The 68 other bytes follow from U+0100 on, in their order.
      case 0x100...0x120: bytes.append(UInt8(truncatingIfNeeded: scalar.value - 0x100))
      case 0x121...0x142: bytes.append(UInt8(truncatingIfNeeded: scalar.value - 0x121 + 0x7F))
      case 0x143: bytes.append(0xAD)
      default: return nil
      }
    }
    return bytes
  }
}

/// Tokens by their text, and ids.
struct Vocabulary: Sendable {
  private let ids: [ExactKey: Int32]
  private let known: Set<Int32>
  let largestID: Int32

  init(_ vocabulary: [(token: String, id: Int32)]) {
    ids = Dictionary(vocabulary.map { (ExactKey($0.token), $0.id) }) { _, last in last }
    known = Set(vocabulary.map(\.id))
    largestID = known.max() ?? -1
  }

  func contains(_ id: Int32) -> Bool { known.contains(id) }
  func id(of token: String) -> Int32? { ids[ExactKey(token)] }

  /// Per byte the id of its token, `<0x00>` to `<0xFF>`, or `TokenTable.noToken`.
  var fallbackIDs: [Int32] {
    (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return id(of: "<0x\(byte < 16 ? "0" : "")\(digits)>") ?? TokenTable.noToken
    }
  }
}
