// Tokens that are found in the text as they stand, before it is divided into words: [MASK] and others.

/// A token of the section `added_tokens` of `tokenizer.json`; its fields are the ones there.
struct AddedToken: Sendable {
  var id: Int32
  var content: String
  /// Found only where no word character touches it.
  var singleWord = false
  /// Takes the white space before it along.
  var lstrip = false
  /// Takes the white space behind it along.
  var rstrip = false
  /// Sought, normalised, in the normalised text, and not in the raw one.
  var normalized = false
}

/// Finds added tokens in a text: the leftmost first, and where several begin the longest.
struct AddedTokens: Sendable {
  enum Piece: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  private struct Pattern {
    let bytes: [UInt8]
    let token: AddedToken
  }

  /// The tokens by their first byte, the longest first.
  private var patterns: [[Pattern]] = Array(repeating: [], count: 256)
  private var isCandidate = [Bool](repeating: false, count: 256)
  private(set) var isEmpty = true

  /// - Parameter tokens: what to seek for each token; not empty. Of equal ones the first counts.
  init(_ tokens: [(bytes: [UInt8], token: AddedToken)]) {
    for (bytes, token) in tokens {
      guard let first = bytes.first else { preconditionFailure("an empty added token") }
      isEmpty = false
      isCandidate[Int(first)] = true
      patterns[Int(first)].append(Pattern(bytes: bytes, token: token))
    }
    for byte in patterns.indices {
      patterns[byte] = patterns[byte].enumerated().sorted {
        ($1.element.bytes.count, $0.offset) < ($0.element.bytes.count, $1.offset)
      }.map(\.element)
    }
  }

  /// Calls `body` with the tokens found in `text` and the stretches between them, in order, until it returns false.
  /// Returns whether it never did.
  func forEachPiece(_ text: UnsafeBufferPointer<UInt8>, _ body: (Piece) -> Bool) -> Bool {
    if isEmpty { return text.isEmpty || body(.text(0..<text.count)) }
    /// The end of what has been given to `body`.
    var done = 0
    var index = 0
    while let (start, pattern) = nextMatch(text, from: index) {
      // A match that is turned down, and the white space that one takes along, are passed over as the reference does:
      // the search goes on behind the match proper.
      index = start + pattern.bytes.count
      if pattern.token.singleWord, touchesWord(text, start..<index) { continue }
      let lower = pattern.token.lstrip ? max(done, startOfWhitespace(text, before: start)) : start
      let upper = pattern.token.rstrip ? endOfWhitespace(text, from: index) : index
      if done < lower, !body(.text(done..<lower)) { return false }
      if !body(.token(pattern.token.id)) { return false }
      done = upper
    }
    return done >= text.count || body(.text(done..<text.count))
  }

  @inline(__always)
  private func nextMatch(_ text: UnsafeBufferPointer<UInt8>, from: Int) -> (start: Int, pattern: Pattern)? {
    isCandidate.withUnsafeBufferPointer { isCandidate in
      for start in from..<text.count where isCandidate[Int(text[start])] {
        if let pattern = longestMatch(text, at: start) { return (start, pattern) }
      }
      return nil
    }
  }

  private func longestMatch(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Pattern? {
    patterns[Int(text[start])].first {
      $0.bytes.count <= text.count - start && $0.bytes.elementsEqual(text[start..<start + $0.bytes.count])
    }
  }

  private func touchesWord(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    func isWord(at index: Int) -> Bool {
      var index = index
      return Unicode.Scalar(readScalar(text, at: &index)).map(ReferenceUnicode.isWordCharacter) ?? false
    }
    return range.lowerBound > 0 && isWord(at: startOfScalar(text, before: range.lowerBound))
      || range.upperBound < text.count && isWord(at: range.upperBound)
  }
}
