// The small pieces that a tokenizer is put together from, as HuggingFace divides the work. All of them read and write
// valid UTF-8 bytes.

/// Rewrites text before it is divided into words.
protocol Normalizer: Sendable {
  /// Writes the normalised `text` to `output` and returns the number of bytes written.
  ///
  /// - Parameter output: has room for `normalizedCapacity(text.count)` bytes.
  func normalize(_ text: UnsafeBufferPointer<UInt8>, to output: UnsafeMutablePointer<UInt8>) -> Int
}

extension Normalizer {
  /// The room that `normalize` needs for `count` bytes: no scalar grows beyond three times its bytes (a Hangul syllable,
  /// decomposed, is the longest), and the output is written eight bytes at a time.
  func normalizedCapacity(_ count: Int) -> Int { 3 * count + 8 }

  /// `text`, normalised, in an array of its own.
  func normalized(_ text: [UInt8]) -> [UInt8] {
    text.withUnsafeBufferPointer { text in
      [UInt8](unsafeUninitializedCapacity: normalizedCapacity(text.count)) { output, count in
        guard let base = output.baseAddress else { return }
        count = normalize(text, to: base)
      }
    }
  }
}

/// Divides normalised text into words.
protocol PreTokenizer: Sendable {
  /// The bytes of the first word at or after `position`, which moves behind it; nil where there is none.
  func nextWord(in text: UnsafeBufferPointer<UInt8>, from position: inout Int) -> Range<Int>?
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
