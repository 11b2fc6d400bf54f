// The regular expressions by which byte-level tokenizers divide text into words, as scanners written by hand.

struct WordScanner: Sendable {
  /// The expressions that are known, in the reference's syntax.
  enum Grammar: String, CaseIterable, Sendable {
    case gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case llama3 =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    case qwen2 =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  private enum Kind: UInt8 {
    case other, letter, number, space, lineEnd
  }

  private let grammar: Grammar
  private let kinds: ScalarPages<Kind>

  private static let sharedKinds = ScalarPages { Self.kind(of: $0) }

  init(_ grammar: Grammar) {
    self.grammar = grammar
    kinds = Self.sharedKinds
  }

  /// - Returns: nil where the expression is none of those known.
  init?(regex: String) {
    guard let grammar = Grammar.allCases.first(where: { $0.rawValue.utf8.elementsEqual(regex.utf8) }) else {
      return nil
    }
    self.init(grammar)
  }

  /// The end of the match at `start`; every character of a text belongs to a match.
  func end(in text: UnsafeBufferPointer<UInt8>, _ piece: Range<Int>, from start: Int) -> Int {
    let end = piece.upperBound
    var next = start
    let first = kind(text, at: &next)
    if text[start] == UInt8(ascii: "'"), let contraction = endOfContraction(text, from: next, end) {
      return contraction
    }
    if first == .letter { return endOfRun(text, from: next, end, .letter) }
    if first == .number {
      switch grammar {
      case .gpt2: return endOfRun(text, from: next, end, .number)
      case .llama3: return endOfRun(text, from: next, end, .number, atMost: 2)
      case .qwen2: return next
      }
    }
    if next < end {
      let isSpace = text[start] == 0x20
      var second = next
      let kind = kind(text, at: &second)
      if kind == .letter, isSpace || grammar != .gpt2 && first != .lineEnd {
        return endOfRun(text, from: second, end, .letter)
      }
      if isSpace, kind == .number, grammar == .gpt2 { return endOfRun(text, from: second, end, .number) }
      if isSpace, kind == .other { return endOfOthers(text, from: second, end) }
    }
    if first == .other { return endOfOthers(text, from: next, end) }
    return endOfSpace(text, from: start, end)
  }

  /// The end of `'s`, `'re` and others, of which the apostrophe has been read.
  private func endOfContraction(_ text: UnsafeBufferPointer<UInt8>, from start: Int, _ end: Int) -> Int? {
    guard start < end else { return nil }
    let fold: UInt8 = grammar == .gpt2 ? 0 : 0x20
    let first = text[start] | fold
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 1
    default: break
    }
    guard start + 1 < end else { return nil }
    // U+017F, the long s, is an s in another case.
    if fold != 0, text[start] == 0xC5, text[start + 1] == 0xBF { return start + 2 }
    switch (first, text[start + 1] | fold) {
    case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
      (UInt8(ascii: "l"), UInt8(ascii: "l")):
      return start + 2
    default: return nil
    }
  }

  private func endOfRun(
    _ text: UnsafeBufferPointer<UInt8>, from start: Int, _ end: Int, _ wanted: Kind, atMost limit: Int = .max
  ) -> Int {
    var index = start
    var count = 0
    while index < end, count < limit {
      var next = index
      guard kind(text, at: &next) == wanted else { break }
      index = next
      count += 1
    }
    return index
  }

  private func endOfOthers(_ text: UnsafeBufferPointer<UInt8>, from start: Int, _ end: Int) -> Int {
    var index = endOfRun(text, from: start, end, .other)
    while grammar != .gpt2, index < end, text[index] == 0x0A || text[index] == 0x0D { index += 1 }
    return index
  }

  /// White space: up to the last line end among it, or all but the last where a word follows.
  private func endOfSpace(_ text: UnsafeBufferPointer<UInt8>, from start: Int, _ end: Int) -> Int {
    var index = start
    var last = start
    var lineEnd: Int?
    while index < end {
      var next = index
      let kind = kind(text, at: &next)
      guard kind == .space || kind == .lineEnd else { break }
      last = index
      index = next
      if kind == .lineEnd { lineEnd = index }
    }
    if grammar != .gpt2, let lineEnd { return lineEnd }
    return index == end || last == start ? index : last
  }

  @inline(__always)
  private func kind(_ text: UnsafeBufferPointer<UInt8>, at index: inout Int) -> Kind {
    let byte = text[index]
    if byte | 0x20 >= 0x61, byte | 0x20 <= 0x7A {
      index += 1
      return .letter
    }
    let value = readScalar(text, at: &index)
    return kinds[value] ?? Self.kindOfRare(value)
  }

  private static func kindOfRare(_ value: UInt32) -> Kind {
    switch value {
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xAC00...0xD7A3: .letter
    default: Unicode.Scalar(value).map(kind) ?? .other
    }
  }

  private static func kind(of scalar: Unicode.Scalar) -> Kind {
    switch scalar {
    case "\n", "\r": .lineEnd
    case _ where ReferenceUnicode.isWhitespace(scalar): .space
    case _ where ReferenceUnicode.isLetter(scalar): .letter
    case _ where ReferenceUnicode.isNumber(scalar): .number
    default: .other
    }
  }
}
