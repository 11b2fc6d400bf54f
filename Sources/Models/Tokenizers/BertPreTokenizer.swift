// BERT's division into words: at white space, with each punctuation character a word of its own.

/// HuggingFace's `BertPreTokenizer`.
struct BertPreTokenizer: PreTokenizer {
  private enum Class: UInt8 {
    case letter, space, punctuation
  }

  private let classes: ScalarPages<Class>

  private static let shared = ScalarPages { Self.classify($0) }

  init() { classes = Self.shared }

  func divide(_ text: inout DividedText) {
    text.subdivide { bytes, piece, words in
      var position = piece.lowerBound
      while position < piece.upperBound {
        let start = position
        switch readClass(bytes, at: &position) {
        case .space: continue
        case .punctuation: break
        case .letter:
          var end = position
          while end < piece.upperBound, readClass(bytes, at: &end) == .letter { position = end }
        }
        words.append(start..<position)
      }
    }
  }

  @inline(__always)
  private func readClass(_ text: UnsafeBufferPointer<UInt8>, at index: inout Int) -> Class {
    let byte = text[index]
    if byte | 0x20 >= 0x61, byte | 0x20 <= 0x7A {
      index += 1
      return .letter
    }
    let value = readScalar(text, at: &index)
    return classes[value] ?? Self.classifyRare(value)
  }

  private static func classifyRare(_ value: UInt32) -> Class {
    switch value {
    case 0x3400...0x9FFF, 0xAC00...0xD7A3: .letter
    default: Unicode.Scalar(value).map(classify) ?? .letter
    }
  }

  private static func classify(_ scalar: Unicode.Scalar) -> Class {
    if ReferenceUnicode.isWhitespace(scalar) { return .space }
    return ReferenceUnicode.isPunctuation(scalar) ? .punctuation : .letter
  }
}
