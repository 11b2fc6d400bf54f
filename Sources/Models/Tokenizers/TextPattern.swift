// What a text is divided at, or what is replaced in it: literal strings, kinds of characters, and the regular
// expressions that tokenizers are known to use.

enum TextPattern: Sendable {
  case literal([UInt8])
  /// Two or more spaces.
  case spaces
  case whitespaceRun
  case whitespace
  case digit
  case punctuation
  /// Runs of word characters, and runs of characters that are neither those nor white space.
  case wordOrSymbols
  case words(WordScanner)

  /// - Parameter regex: in the reference's syntax. Returns nil for any that is not known.
  init?(regex: String) {
    switch regex {
    case " {2,}": self = .spaces
    case #"\s+"#: self = .whitespaceRun
    case #"\s"#: self = .whitespace
    default:
      guard let scanner = WordScanner(regex: regex) else { return nil }
      self = .words(scanner)
    }
  }

  /// What `init(regex:)` knows.
  static var knownRegexes: [String] { [" {2,}", #"\s+"#, #"\s"#] + WordScanner.Grammar.allCases.map(\.rawValue) }

  /// The first match that begins at or after `position` in `piece` of a text.
  @inline(__always)
  func next(in text: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, from position: Int) -> Range<Int>? {
    switch self {
    case .words(let scanner):
      return position < piece.upperBound ? position..<scanner.end(in: text, piece, from: position) : nil
    case .literal(let literal): return nextLiteral(literal, in: text, position..<piece.upperBound)
    case .spaces: return nextRun(in: text, position..<piece.upperBound, atLeast: 2) { $0 == 0x20 ? 1 : 0 }
    case .whitespaceRun:
      return nextRun(in: text, position..<piece.upperBound) { Self.matches($0, ReferenceUnicode.isWhitespace) }
    case .whitespace: return nextScalar(in: text, position..<piece.upperBound, ReferenceUnicode.isWhitespace)
    case .digit: return nextScalar(in: text, position..<piece.upperBound, ReferenceUnicode.isNumeric)
    case .punctuation: return nextScalar(in: text, position..<piece.upperBound, ReferenceUnicode.isPunctuation)
    case .wordOrSymbols:
      return nextRun(in: text, position..<piece.upperBound) { value in
        if Self.matches(value, ReferenceUnicode.isWordCharacter) == 1 { return 1 }
        return Self.matches(value, ReferenceUnicode.isWhitespace) == 1 ? 0 : 2
      }
    }
  }

  @inline(__always)
  private static func matches(_ value: UInt32, _ predicate: (Unicode.Scalar) -> Bool) -> Int {
    Unicode.Scalar(value).map(predicate) ?? false ? 1 : 0
  }

  private func nextLiteral(
    _ literal: [UInt8], in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> Range<Int>? {
    guard let first = literal.first else { return nil }
    var start = range.lowerBound
    while start + literal.count <= range.upperBound {
      if text[start] == first, literal.elementsEqual(text[start..<start + literal.count]) {
        return start..<start + literal.count
      }
      start += 1
    }
    return nil
  }

  @inline(__always)
  private func nextScalar(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ predicate: (Unicode.Scalar) -> Bool
  ) -> Range<Int>? {
    var index = range.lowerBound
    while index < range.upperBound {
      let start = index
      let value = readScalar(text, at: &index)
      // Letters are most of a text and match nothing that is sought here.
      if value | 0x20 >= 0x61, value | 0x20 <= 0x7A { continue }
      if Self.matches(value, predicate) == 1 { return start..<index }
    }
    return nil
  }

  /// The next run of scalars that are of the same kind, other than 0.
  @inline(__always)
  private func nextRun(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, atLeast least: Int = 1, _ kind: (UInt32) -> Int
  ) -> Range<Int>? {
    var index = range.lowerBound
    while index < range.upperBound {
      let start = index
      let first = kind(readScalar(text, at: &index))
      if first == 0 { continue }
      var count = 1
      var end = index
      while end < range.upperBound, kind(readScalar(text, at: &end)) == first {
        index = end
        count += 1
      }
      if count >= least { return start..<index }
    }
    return nil
  }
}

/// Divides text at the matches of a pattern (HuggingFace's `Split`, `Digits`, `Punctuation`, `Whitespace`,
/// `WhitespaceSplit`).
struct PatternPreTokenizer: PreTokenizer {
  /// What becomes of the matches.
  enum Behavior: String, CaseIterable {
    case removed = "Removed"
    case isolated = "Isolated"
    /// Matches that touch make one word.
    case contiguous = "Contiguous"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
  }

  let pattern: TextPattern
  let behavior: Behavior
  /// Whether what lies between the matches counts as the matches.
  var inverts = false

  func divide(_ text: inout DividedText) {
    text.subdivide { bytes, piece, words in
      if case .words(let scanner) = pattern, behavior == .isolated || inverts && behavior == .removed {
        // Its matches leave nothing between them.
        var position = piece.lowerBound
        while position < piece.upperBound {
          let end = scanner.end(in: bytes, piece, from: position)
          words.append(position..<end)
          position = end
        }
        return
      }
      divide(bytes, piece, &words)
    }
  }

  private func divide(_ bytes: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, _ words: inout [Range<Int>]) {
    let first = words.count
    var previousMatched = false
    func add(_ range: Range<Int>, isMatch: Bool) {
      if range.isEmpty { return }
      let isMatch = isMatch != inverts
      let joins =
        switch behavior {
        case .removed, .isolated: false
        case .contiguous: isMatch == previousMatched
        case .mergedWithPrevious: isMatch && !previousMatched
        case .mergedWithNext: !isMatch && previousMatched
        }
      previousMatched = isMatch
      if joins, words.count > first {
        words[words.count - 1] = words[words.count - 1].lowerBound..<range.upperBound
      } else if !(isMatch && behavior == .removed) {
        words.append(range)
      }
    }
    var done = piece.lowerBound
    while let match = pattern.next(in: bytes, piece, from: done) {
      add(done..<match.lowerBound, isMatch: false)
      add(match, isMatch: true)
      done = match.upperBound
    }
    add(done..<piece.upperBound, isMatch: false)
  }
}
