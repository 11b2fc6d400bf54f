// HuggingFace's small normalisers.

/// One after another.
struct NormalizerSequence: Normalizer {
  let normalizers: [any Normalizer]

  var growth: Int {
    normalizers.reduce(1) { product, normalizer in
      let (growth, overflows) = product.multipliedReportingOverflow(by: normalizer.growth)
      return overflows ? .max : growth
    }
  }

  func normalize(_ text: inout [UInt8]) {
    for normalizer in normalizers where !text.isEmpty { normalizer.normalize(&text) }
  }
}

/// What becomes of each scalar by itself.
enum ScalarNormalizer: Normalizer {
  /// Lower case, whatever stands around.
  case lowercase
  /// Removes marks; what is composed with one stays.
  case stripAccents
  /// SentencePiece's: removes control characters and turns line ends and unusual white space into spaces.
  case nmt

  var growth: Int { self == .lowercase ? 3 : 1 }

  func normalize(_ text: inout [UInt8]) {
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    text.withUnsafeBufferPointer { text in
      var index = 0
      while index < text.count {
        let byte = text[index]
        if byte >= 0x20, byte < 0x7F {
          index += 1
          let isUpper = self == .lowercase && byte >= 0x41 && byte <= 0x5A
          output.append(isUpper ? byte | 0x20 : byte)
          continue
        }
        let start = index
        guard let scalar = Unicode.Scalar(readScalar(text, at: &index)) else { continue }
        switch self {
        case .lowercase: output += scalar.properties.lowercaseMapping.utf8
        case .stripAccents: if !ReferenceUnicode.isMark(scalar) { output += text[start..<index] }
        case .nmt: appendNMT(scalar, to: &output)
        }
      }
    }
    text = output
  }

  private func appendNMT(_ scalar: Unicode.Scalar, to output: inout [UInt8]) {
    switch scalar.value {
    case 0x1...0x8, 0xB, 0xE...0x1F, 0x7F, 0x8F, 0x9F: break
    case 0x9, 0xA, 0xC, 0xD, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: output.append(0x20)
    default: output.append(scalar)
    }
  }
}

/// Removes white space at the ends.
struct StripNormalizer: Normalizer {
  let left: Bool
  let right: Bool

  var growth: Int { 1 }

  func normalize(_ text: inout [UInt8]) {
    let kept = text.withUnsafeBufferPointer { text in
      let start = left ? endOfWhitespace(text, from: 0) : 0
      // Of white space alone nothing stays.
      return start..<(right ? max(start, startOfWhitespace(text, before: text.count)) : text.count)
    }
    if kept.count < text.count { text = Array(text[kept]) }
  }
}

/// Puts something before a text.
struct PrependNormalizer: Normalizer {
  let prefix: [UInt8]

  var growth: Int { 1 + prefix.count }

  func normalize(_ text: inout [UInt8]) { text.insert(contentsOf: prefix, at: 0) }
}

/// Exchanges every match of a pattern for something else.
struct ReplaceNormalizer: Normalizer {
  let pattern: TextPattern
  let content: [UInt8]

  var growth: Int { max(1, content.count) }

  func normalize(_ text: inout [UInt8]) {
    var output: [UInt8] = []
    var done = 0
    text.withUnsafeBufferPointer { text in
      var position = 0
      while let match = pattern.next(in: text, 0..<text.count, from: position) {
        if done == 0, output.isEmpty { output.reserveCapacity(text.count + 4 * content.count) }
        output += text[done..<match.lowerBound]
        output += content
        done = match.upperBound
        position = done
      }
      if done > 0 { output += text[done...] }
    }
    if done > 0 { text = output }
  }
}
