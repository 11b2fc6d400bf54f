// The small pieces that a tokenizer is put together from, as HuggingFace divides the work. All of them read and write
// valid UTF-8 bytes.

/// Rewrites text before it is divided into words.
protocol Normalizer: Sendable {
  /// The most bytes that one byte of text can become.
  var growth: Int { get }

  /// Normalises `text`, which is not empty, in place.
  func normalize(_ text: inout [UInt8])
}

extension Normalizer {
  /// `text`, normalised.
  func normalized(_ text: [UInt8]) -> [UInt8] {
    var text = text
    if !text.isEmpty { normalize(&text) }
    return text
  }
}

/// A text, normalised, on its way to the model.
struct DividedText {
  var bytes: [UInt8]
  /// Where the words are, in order; none is empty. At first the whole text is one.
  var words: [Range<Int>]
  /// Whether nothing stood before this text.
  let isStart: Bool

  init(_ bytes: [UInt8], isStart: Bool) {
    self.bytes = bytes
    words = bytes.isEmpty ? [] : [0..<bytes.count]
    self.isStart = isStart
  }

  /// Exchanges each word for what `body` appends for it: bytes, and ranges of them.
  mutating func rewrite(
    _ body: (_ word: UnsafeBufferPointer<UInt8>, _ isFirst: Bool, _ bytes: inout [UInt8], _ words: inout [Range<Int>])
      -> Void
  ) {
    var newBytes: [UInt8] = []
    var newWords: [Range<Int>] = []
    newBytes.reserveCapacity(bytes.count + bytes.count / 2 + 8)
    newWords.reserveCapacity(words.count)
    bytes.withUnsafeBufferPointer { bytes in
      for word in words {
        body(
          UnsafeBufferPointer(rebasing: bytes[word]), isStart && word.lowerBound == 0, &newBytes, &newWords)
      }
    }
    bytes = newBytes
    words = newWords
  }

  /// Exchanges each word for the parts of it that `body` appends.
  mutating func subdivide(_ body: (UnsafeBufferPointer<UInt8>, Range<Int>, _ words: inout [Range<Int>]) -> Void) {
    var parts: [Range<Int>] = []
    parts.reserveCapacity(words.count + bytes.count / 4)
    bytes.withUnsafeBufferPointer { bytes in
      for word in words { body(bytes, word, &parts) }
    }
    words = parts
  }
}

/// Divides normalised text into words.
protocol PreTokenizer: Sendable {
  func divide(_ text: inout DividedText)
}

/// Turns words into ids.
protocol SubwordModel: Sendable {
  /// -1 where there is none.
  var largestID: Int32 { get }

  /// Whether a token has this id.
  func contains(_ id: Int32) -> Bool

  func id(of token: String) -> Int32?

  /// Appends the ids of `word`, which is not empty.
  func append(_ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32])
}

/// Reads the scalar at `index` of valid UTF-8 and moves `index` behind it.
@inline(__always)
func readScalar(_ text: UnsafeBufferPointer<UInt8>, at index: inout Int) -> UInt32 {
  let first = UInt32(text[index])
  if first < 0x80 {
    index += 1
    return first
  }
  let second = UInt32(text[index + 1]) & 0x3F
  if first < 0xE0 {
    index += 2
    return (first & 0x1F) << 6 | second
  }
  let third = UInt32(text[index + 2]) & 0x3F
  if first < 0xF0 {
    index += 3
    return (first & 0x0F) << 12 | second << 6 | third
  }
  let fourth = UInt32(text[index + 3]) & 0x3F
  index += 4
  return (first & 0x07) << 18 | second << 12 | third << 6 | fourth
}

/// The start of the scalar that ends before `index`, for `index` > 0.
func startOfScalar(_ text: UnsafeBufferPointer<UInt8>, before index: Int) -> Int {
  var start = index - 1
  while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
  return start
}

/// The start of the white space that ends before `index`.
func startOfWhitespace(_ text: UnsafeBufferPointer<UInt8>, before index: Int) -> Int {
  var start = index
  while start > 0 {
    let previous = startOfScalar(text, before: start)
    var next = previous
    guard isWhitespace(readScalar(text, at: &next)) else { break }
    start = previous
  }
  return start
}

/// The end of the white space that begins at `index`.
func endOfWhitespace(_ text: UnsafeBufferPointer<UInt8>, from index: Int) -> Int {
  var end = index
  while end < text.count {
    var next = end
    guard isWhitespace(readScalar(text, at: &next)) else { break }
    end = next
  }
  return end
}

private func isWhitespace(_ value: UInt32) -> Bool {
  Unicode.Scalar(value).map(ReferenceUnicode.isWhitespace) ?? false
}

extension [UInt8] {
  mutating func append(_ scalar: Unicode.Scalar) {
    if scalar.isASCII {
      append(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      append(contentsOf: UTF8.encode(scalar) ?? .init())
    }
  }
}
