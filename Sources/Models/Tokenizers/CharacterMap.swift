// SentencePiece's own normalisation: a table from characters to what they become.

import Foundation

/// HuggingFace's `Precompiled`.
struct CharacterMap: Normalizer {
  private let trie: DoubleArray
  /// What characters become, each ended by a zero.
  private let replacements: [UInt8]
  /// What each ASCII character becomes where it is one byte, else `involved`.
  private var ascii: [UInt8] = []
  let growth: Int

  private static let involved: UInt8 = 0xFF
  /// A longer sequence is looked up character by character.
  private static let longestSequence = 5

  /// - Parameter base64: the field `precompiled_charsmap`. Returns nil where it is none.
  init?(base64: String) {
    guard let data = Data(base64Encoded: base64) else { return nil }
    let bytes = Array(data)
    guard bytes.count >= 4 else { return nil }
    func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) } }
    let size = Int(word(0))
    guard size > 0, size % 4 == 0, size <= bytes.count - 4 else { return nil }
    trie = DoubleArray(units: stride(from: 4, to: 4 + size, by: 4).map(word))
    replacements = Array(bytes[(4 + size)...])
    guard String(validating: replacements, as: UTF8.self) != nil else { return nil }
    growth = max(1, replacements.split(separator: 0).map(\.count).max() ?? 1)
    ascii = (0..<128).map { value in
      let byte = UInt8(value)
      guard let replacement = [byte].withUnsafeBufferPointer({ self.replacement(of: $0) }) else { return byte }
      guard replacement.count == 1, replacements[replacement.lowerBound] < 0x80 else { return Self.involved }
      return replacements[replacement.lowerBound]
    }
  }

  func normalize(_ text: inout [UInt8]) {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + 8)
    text.withUnsafeBufferPointer { text in
      var index = 0
      while index < text.count {
        let start = index
        let byte = text[index]
        if byte < 0x80, index + 1 == text.count || text[index + 1] < 0x80 {
          let mapped = ascii[Int(byte)]
          if mapped != Self.involved, byte != 0x0D {
            output.append(mapped)
            index += 1
            continue
          }
        }
        if standsAlone(text, at: &index) {
          appendMapped(UnsafeBufferPointer(rebasing: text[start..<index]), to: &output)
          continue
        }
        // Up to and with the next character that no later one belongs to.
        while index < text.count, !standsAlone(text, at: &index) {}
        appendSequences(UnsafeBufferPointer(rebasing: text[start..<index]), to: &output)
      }
    }
    text = output
  }

  /// Moves `index` behind a scalar; returns whether it is certain that neither this one nor the next extends another
  /// (the property Grapheme_Cluster_Break of both is Other).
  private func standsAlone(_ text: UnsafeBufferPointer<UInt8>, at index: inout Int) -> Bool {
    guard Self.isOther(readScalar(text, at: &index)) else { return false }
    if index == text.count { return true }
    var next = index
    return Self.isOther(readScalar(text, at: &next))
  }

  private static func isOther(_ value: UInt32) -> Bool {
    switch value {
    case 0x20...0x7E, 0xAE...0x2FF, 0x370...0x482, 0x48A...0x590, 0x2010...0x2027, 0x3001...0x3029, 0x3041...0x3098,
      0x309B...0x3296, 0x3400...0x9FFF, 0xFF01...0xFF9D:
      true
    default: false
    }
  }

  /// Appends what a stretch of text becomes, character by character as a person sees them.
  private func appendSequences(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    for character in String(decoding: text, as: UTF8.self) {
      var character = String(character)
      character.withUTF8 { bytes in
        if bytes.count <= Self.longestSequence, let replacement = replacement(of: bytes) {
          output += replacements[replacement]
          return
        }
        var index = 0
        while index < bytes.count {
          let start = index
          _ = readScalar(bytes, at: &index)
          appendMapped(UnsafeBufferPointer(rebasing: bytes[start..<index]), to: &output)
        }
      }
    }
  }

  private func appendMapped(_ scalar: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    if let replacement = replacement(of: scalar) {
      output += replacements[replacement]
    } else {
      output += scalar
    }
  }

  /// What `sequence` becomes; as in the reference the shortest entry that it begins with decides.
  private func replacement(of sequence: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    guard let value = trie.firstPrefix(of: sequence) else { return nil }
    guard value < replacements.count, replacements[value] & 0xC0 != 0x80 else { return nil }
    return value..<(replacements[value...].firstIndex(of: 0) ?? replacements.count)
  }
}

/// A trie in two arrays that share their memory, as Darts-clone writes it.
private struct DoubleArray: Sendable {
  let units: [UInt32]

  /// The value of the shortest entry that `key` begins with.
  func firstPrefix(of key: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let root = units.first else { return nil }
    var place = Self.offset(root)
    for byte in key {
      if byte == 0 { return nil }
      place ^= Int(byte)
      guard place < units.count, units[place] & 0x8000_00FF == UInt32(byte) else { return nil }
      let unit = units[place]
      place ^= Self.offset(unit)
      if unit >> 8 & 1 == 1 { return place < units.count ? Int(units[place] & 0x7FFF_FFFF) : nil }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 0x200) >> 6)) }
}
