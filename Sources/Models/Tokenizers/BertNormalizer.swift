// BERT's normaliser: cleans, isolates ideographs, strips accents and lowercases, in this order.

import Synchronization

/// HuggingFace's `BertNormalizer`.
struct BertNormalizer: Normalizer {
  private let rules: Rules
  /// Per ASCII character what to write; `Self.nothing` for nothing.
  private let ascii: [UInt8]
  /// Per scalar what to write, packed: bytes from the lowest, their count in the highest byte; or `Self.involved`.
  private let packed: ScalarPages<UInt64>

  private static let nothing: UInt8 = 0xFF
  private static let involved = UInt64.max

  /// The tables take some milliseconds, and few combinations are ever in use.
  private static let tables = Mutex<[Rules: ScalarPages<UInt64>]>([:])

  /// - Parameters:
  ///   - cleansText: removes control characters and turns white space into spaces.
  ///   - isolatesIdeographs: puts spaces around CJK ideographs.
  ///   - stripsAccents: decomposes canonically and removes nonspacing marks.
  init(cleansText: Bool = true, isolatesIdeographs: Bool = true, stripsAccents: Bool, lowercases: Bool) {
    let rules = Rules(
      cleansText: cleansText, isolatesIdeographs: isolatesIdeographs, stripsAccents: stripsAccents,
      lowercases: lowercases)
    let packed = Self.tables.withLock { tables in
      if let known = tables[rules] { return known }
      let table = ScalarPages { scalar in rules.mapping(of: scalar).map(Self.pack) ?? Self.involved }
      tables[rules] = table
      return table
    }
    self.rules = rules
    self.packed = packed
    ascii = (UInt32(0)..<128).map { value in
      guard let entry = packed[value], entry >> 56 == 1 else { return Self.nothing }
      return UInt8(truncatingIfNeeded: entry)
    }
  }

  /// No scalar grows beyond three times its bytes: a Hangul syllable, decomposed, is the longest.
  var growth: Int { 3 }

  func normalize(_ text: inout [UInt8]) {
    text = text.withUnsafeBufferPointer { text in
      // The output is written eight bytes at a time.
      [UInt8](unsafeUninitializedCapacity: growth * text.count + 8) { output, count in
        if let base = output.baseAddress { count = normalize(text, to: base) }
      }
    }
  }

  /// Writes the normalised `text` to `output` and returns the number of bytes written.
  private func normalize(_ text: UnsafeBufferPointer<UInt8>, to output: UnsafeMutablePointer<UInt8>) -> Int {
    ascii.withUnsafeBufferPointer { ascii in
      var written = 0
      var index = 0
      while index < text.count {
        let byte = text[index]
        if byte < 0x80 {
          let mapped = ascii[Int(byte)]
          output[written] = mapped
          written += mapped == Self.nothing ? 0 : 1
          index += 1
          continue
        }
        let start = index
        let value = readScalar(text, at: &index)
        var entry = Self.involved
        if let known = packed[value] {
          entry = known
        } else if value >= 0x3400, value <= 0x9FFF {
          entry = packIdeograph(value, text, start)
        } else if rules.stripsAccents, value >= 0xAC00, value <= 0xD7A3 {
          written += Self.writeJamo(ofSyllable: value, to: output + written)
          continue
        }
        if entry == Self.involved {
          index = start
          normalizeInvolved(text, from: &index, to: output, written: &written)
        } else {
          UnsafeMutableRawPointer(output + written).storeBytes(of: entry.littleEndian, as: UInt64.self)
          written += Int(entry >> 56)
        }
      }
      return written
    }
  }

  // MARK: Common scalars, one at a time

  private static func pack(_ scalars: [Unicode.Scalar]) -> UInt64 {
    let bytes = scalars.flatMap { Array(UTF8.encode($0) ?? .init()) }
    guard bytes.count < 8 else { return involved }
    return bytes.enumerated().reduce(UInt64(bytes.count) << 56) { $0 | UInt64($1.element) << (8 * $1.offset) }
  }

  /// The scalars of U+3400 to U+9FFF stay as they are; but for the hexagrams among them they are ideographs.
  private func packIdeograph(_ value: UInt32, _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> UInt64 {
    let bytes = UInt64(text[start]) | UInt64(text[start + 1]) << 8 | UInt64(text[start + 2]) << 16
    let isHexagram = value >= 0x4DC0 && value < 0x4E00
    guard rules.isolatesIdeographs, !isHexagram else { return 3 << 56 | bytes }
    return 5 << 56 | 0x20 << 32 | bytes << 8 | 0x20
  }

  /// Writes the two or three jamo of a Hangul syllable (the Unicode Standard, section 3.12).
  private static func writeJamo(ofSyllable value: UInt32, to output: UnsafeMutablePointer<UInt8>) -> Int {
    let index = value - 0xAC00
    let trailing = index % 28
    writeThreeBytes(0x1100 + index / 588, to: output)
    writeThreeBytes(0x1161 + index % 588 / 28, to: output + 3)
    if trailing == 0 { return 6 }
    writeThreeBytes(0x11A7 + trailing, to: output + 6)
    return 9
  }

  private static func writeThreeBytes(_ value: UInt32, to output: UnsafeMutablePointer<UInt8>) {
    output[0] = UInt8(0xE0 | value >> 12)
    output[1] = UInt8(0x80 | value >> 6 & 0x3F)
    output[2] = UInt8(0x80 | value & 0x3F)
  }

  // MARK: Rare scalars and marks whose order matters

  /// Normalises the scalar at `index`, and with it the marks that follow where they may change places.
  private func normalizeInvolved(
    _ text: UnsafeBufferPointer<UInt8>, from index: inout Int, to output: UnsafeMutablePointer<UInt8>,
    written: inout Int
  ) {
    var reordering = CanonicalOrder()
    var isFirst = true
    while index < text.count {
      var next = index
      let scalar = Unicode.Scalar(readScalar(text, at: &next)) ?? "\u{FFFD}"
      if !isFirst {
        guard reordering.hasMarks, rules.continuesMarks(scalar) else { break }
      }
      isFirst = false
      index = next
      for part in rules.decomposed(scalar) {
        // Only what is decomposed is also put in order.
        if rules.stripsAccents {
          reordering.append(
            part, class: ReferenceUnicode.combiningClass(part), keeping: !ReferenceUnicode.isNonspacingMark(part))
        } else {
          reordering.append(part, class: 0, keeping: true)
        }
      }
    }
    for scalar in reordering.finish() {
      for lower in rules.lowercased(scalar) {
        for byte in UTF8.encode(lower) ?? .init() {
          output[written] = byte
          written += 1
        }
      }
    }
  }
}

/// What happens to a single scalar.
private struct Rules: Hashable {
  let cleansText: Bool
  let isolatesIdeographs: Bool
  let stripsAccents: Bool
  let lowercases: Bool

  /// What stands for `scalar`; nil where marks that stay are part of it, so that their order among the following ones
  /// must be found.
  func mapping(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
    var mapping: [Unicode.Scalar] = []
    for part in decomposed(scalar) {
      if stripsAccents {
        if ReferenceUnicode.isNonspacingMark(part) { continue }
        if ReferenceUnicode.combiningClass(part) != 0 { return nil }
      }
      mapping += lowercased(part)
    }
    return mapping
  }

  /// Whether `scalar` leaves the run of marks before it open.
  func continuesMarks(_ scalar: Unicode.Scalar) -> Bool {
    let parts = decomposed(scalar)
    return parts.allSatisfy { ReferenceUnicode.combiningClass($0) != 0 }
  }

  /// Cleaned, isolated and decomposed.
  func decomposed(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    if cleansText {
      if ReferenceUnicode.isRemoved(scalar) { return [] }
      if ReferenceUnicode.isWhitespace(scalar) { return [" "] }
    }
    let parts = stripsAccents ? Array(ReferenceUnicode.decomposition(scalar)) : [scalar]
    return isolatesIdeographs && ReferenceUnicode.isChineseCharacter(scalar) ? [" "] + parts + [" "] : parts
  }

  func lowercased(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    lowercases ? Array(scalar.properties.lowercaseMapping.unicodeScalars) : [scalar]
  }
}
