// SentencePiece's way with spaces: they are made visible and belong to the word that follows.

/// HuggingFace's `Metaspace`.
struct Metaspace: PreTokenizer {
  enum PrependScheme: String, CaseIterable {
    case always, never
    /// Only at the beginning of the whole text.
    case first
  }

  /// What stands for a space.
  let replacement: [UInt8]
  let scheme: PrependScheme
  /// Whether a word begins at each of them.
  let splits: Bool

  func divide(_ text: inout DividedText) {
    text.rewrite { word, isFirst, bytes, words in
      let start = bytes.count
      if scheme == .always || scheme == .first && isFirst, word[0] != 0x20, !word.starts(with: replacement) {
        bytes += replacement
      }
      for byte in word {
        if byte == 0x20 { bytes += replacement } else { bytes.append(byte) }
      }
      guard splits else {
        words.append(start..<bytes.count)
        return
      }
      var wordStart = start
      var index = start
      while index < bytes.count {
        guard bytes[index] == replacement[0], bytes[index...].starts(with: replacement) else {
          index += 1
          continue
        }
        if wordStart < index { words.append(wordStart..<index) }
        wordStart = index
        index += replacement.count
      }
      words.append(wordStart..<bytes.count)
    }
  }
}

/// The space that `ByteLevel` puts before each piece of text that does not begin with one.
struct PrefixSpace: PreTokenizer {
  func divide(_ text: inout DividedText) {
    text.rewrite { word, _, bytes, words in
      let start = bytes.count
      if word[0] != 0x20 { bytes.append(0x20) }
      bytes += word
      words.append(start..<bytes.count)
    }
  }
}

/// One after another.
struct PreTokenizerSequence: PreTokenizer {
  let preTokenizers: [any PreTokenizer]

  func divide(_ text: inout DividedText) {
    for preTokenizer in preTokenizers { preTokenizer.divide(&text) }
  }
}
