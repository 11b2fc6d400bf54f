// Unicode as the reference tokenizer knows it. Each of its libraries froze a version of the standard: general categories
// are those of Unicode 8, decompositions and what comes of them those of Unicode 9, `\w`, `\p{L}` and `\p{N}` those of
// Unicode 16; white space, case mappings and what a digit is are current. Observed on every code point with
// `tokenizers` 0.23.3.

import Foundation

/// The properties of scalars that the reference's normaliser and pre-tokenizer ask for.
enum ReferenceUnicode {
  /// Control characters, format characters and private use: what text cleaning removes. Tab and line ends are not among
  /// them.
  static func isRemoved(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x9, 0xA, 0xD: return false
    case 0, 0xFFFD: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .privateUse: return isAssigned(scalar, in: (8, 0))
    default: return false
    }
  }

  static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

  /// The general categories P*, and all symbols of ASCII.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case 0x166D, 0x111C9: return true  // classified otherwise since Unicode 8
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return isAssigned(scalar, in: (8, 0))
    default: return false
    }
  }

  /// The general category Mn: what stripping accents removes.
  static func isNonspacingMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1734, 0x1171E: return true  // these six were classified otherwise in Unicode 8
    case 0x1885, 0x1886, 0xA9BD, 0x111C9: return false
    default: return scalar.properties.generalCategory == .nonspacingMark && isAssigned(scalar, in: (8, 0))
    }
  }

  /// The blocks of CJK ideographs that BERT isolates.
  static func isChineseCharacter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }

  /// Whether the regular expression `\w` matches (Unicode's UTS #18, annex C).
  static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
    guard isAssigned(scalar, in: (16, 0)) else { return false }
    let properties = scalar.properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  /// Whether the regular expression `\p{L}` matches.
  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      isAssigned(scalar, in: (16, 0))
    default: false
    }
  }

  /// Whether the regular expression `\p{N}` matches.
  static func isNumber(_ scalar: Unicode.Scalar) -> Bool { isNumeric(scalar) && isAssigned(scalar, in: (16, 0)) }

  /// The general categories N*, as the pre-tokenizer `Digits` knows them.
  static func isNumeric(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// The general categories M*: what the normaliser `StripAccents` removes.
  static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1CF2, 0x1CF3: return true  // letters since Unicode 12
    case 0x111C9: return false  // a mark since Unicode 11
    default: break
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: return isAssigned(scalar, in: (9, 0))
    default: return false
    }
  }

  /// The canonical combining class; 0 is a starter.
  static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    isAssigned(scalar, in: (9, 0)) ? scalar.properties.canonicalCombiningClass.rawValue : 0
  }

  /// The full canonical decomposition.
  static func decomposition(_ scalar: Unicode.Scalar) -> String.UnicodeScalarView {
    let text = String(scalar)
    switch scalar.value {
    case 0..<0xC0, 0x1100..<0x1B00, 0x2400..<0x2A00, 0x2B00..<0x3000, 0x3100..<0xAC00, 0xFB50..<0x11000:
      return text.unicodeScalars  // nothing there decomposes
    default:
      guard isAssigned(scalar, in: (9, 0)) else { return text.unicodeScalars }
      return text.decomposedStringWithCanonicalMapping.unicodeScalars
    }
  }

  /// The full compatibility decomposition.
  static func compatibilityDecomposition(_ scalar: Unicode.Scalar) -> String.UnicodeScalarView {
    let text = String(scalar)
    guard scalar.value >= 0xA0, isAssigned(scalar, in: (9, 0)) else { return text.unicodeScalars }
    return text.decomposedStringWithCompatibilityMapping.unicodeScalars
  }

  /// What two scalars compose to (the Unicode Standard, section 3.11), Hangul apart; nil where they do not.
  static func composition(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    compositions[UInt64(first.value) << 32 | UInt64(second.value)]
  }

  /// Whether `scalar` can be the second of two that compose, Hangul included.
  static func isSecondOfComposition(_ scalar: Unicode.Scalar) -> Bool {
    seconds.contains(scalar) || 0x1161...0x1175 ~= scalar.value || 0x11A8...0x11C2 ~= scalar.value
  }

  private static let seconds = Set(compositions.keys.compactMap { Unicode.Scalar(UInt32(truncatingIfNeeded: $0)) })

  /// All pairs that compose, found by turning the decompositions around; nothing outside these blocks is a composite.
  private static let compositions: [UInt64: Unicode.Scalar] = {
    var compositions: [UInt64: Unicode.Scalar] = [:]
    for value in [0xC0...0x1FFF, 0x2190...0x22FF, 0x3040...0x30FF, 0x11000...0x115FF].joined() {
      guard let scalar = Unicode.Scalar(UInt32(value)) else { continue }
      let parts = decomposition(scalar)
      guard parts.count > 1, let last = parts.last,
        String(scalar).precomposedStringWithCanonicalMapping.unicodeScalars.elementsEqual([scalar])
      else { continue }
      let rest = String(String.UnicodeScalarView(parts.dropLast())).precomposedStringWithCanonicalMapping.unicodeScalars
      guard rest.count == 1, let first = rest.first else { continue }
      compositions[UInt64(first.value) << 32 | UInt64(last.value)] = scalar
    }
    return compositions
  }()

  private static func isAssigned(_ scalar: Unicode.Scalar, in version: (major: Int, minor: Int)) -> Bool {
    guard let age = scalar.properties.age else { return false }
    return (age.major, age.minor) <= version
  }
}

/// A value for each scalar of the pages in common use, computed once; a page is 256 scalars.
struct ScalarPages<Value: Sendable>: Sendable {
  /// Per page of Unicode the place of its values, or -1.
  private let starts: [Int32]
  private let values: [Value]

  /// The scripts from Latin to Kana, compatibility and full-width forms, and the symbols among which most emoji are.
  /// Ideographs and Hangul syllables, regular as they are, need no table.
  init(_ compute: (Unicode.Scalar) -> Value) {
    var starts = [Int32](repeating: -1, count: 0x1100)
    var values: [Value] = []
    for page in [0x00...0x33, 0xF9...0xFF, 0x1F0...0x1FA].joined() {
      starts[page] = Int32(values.count)
      for low in 0..<256 {
        // Surrogates lie outside these pages, so that every value is a scalar.
        values.append(compute(Unicode.Scalar(UInt32(page << 8 | low)) ?? "\u{0}"))
      }
    }
    self.starts = starts
    self.values = values
  }

  @inline(__always)
  subscript(value: UInt32) -> Value? {
    let start = starts[Int(value >> 8)]
    return start < 0 ? nil : values[Int(start) + Int(value & 0xFF)]
  }
}
