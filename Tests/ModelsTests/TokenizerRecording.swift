// Texts and the ids that HuggingFace's `tokenizers` gave for them, as experiments/tokenizers writes them.

import Foundation
import Testing

@testable import Models

/// Lines, or as many of them as have been recorded, with their ids, alone and in a pair with the line that follows, cut to `maxLength`.
struct TokenizerRecording {
  var lines: [String] = []
  /// Per line the ids.
  var singles: [[Int32]] = []
  /// Per line the ids of it and the following line, and how many of them are of segment 0.
  var pairs: [(zeros: Int, ids: [Int32])] = []

  init(lines linesPath: String, ids idsPath: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: linesPath))
    lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().map { Self.unescape($0) }
    let rows = try Data(contentsOf: URL(fileURLWithPath: idsPath)).split(
      separator: 0x0A, omittingEmptySubsequences: false
    ).dropLast().map { row in row.split(separator: 0x20).compactMap { Int32(String(decoding: $0, as: UTF8.self)) } }
    try #require(rows.count > 0 && rows.count % 2 == 0 && rows.count <= 2 * lines.count)
    lines.removeSubrange((rows.count / 2)...)
    for place in stride(from: 0, to: rows.count, by: 2) {
      singles.append(rows[place])
      pairs.append((Int(try #require(rows[place + 1].first)), Array(rows[place + 1].dropFirst())))
    }
  }

  private static func unescape(_ line: Data) -> String {
    var bytes: [UInt8] = []
    var isEscaped = false
    for byte in line {
      switch (isEscaped, byte) {
      case (false, UInt8(ascii: "\\")):
        isEscaped = true
        continue
      case (true, UInt8(ascii: "n")): bytes.append(0x0A)
      case (true, UInt8(ascii: "r")): bytes.append(0x0D)
      default: bytes.append(byte)
      }
      isEscaped = false
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// How `tokenizer` differs, a sentence for each difference.
  func differences(of tokenizer: any Tokenizer, maxLength: Int) -> [String] {
    var differences: [String] = []
    func compare(_ encoding: Encoding, _ ids: [Int32], zeros: Int, _ what: String) {
      let typeIDs = ids.indices.map { Int32($0 < zeros ? 0 : 1) }
      if encoding.ids == ids, encoding.typeIDs == typeIDs { return }
      let text = what.unicodeScalars.map { $0.escaped(asASCII: true) }.joined()
      differences.append("\(text): \(encoding.ids) \(encoding.typeIDs) but expected \(ids), the first \(zeros) of 0")
    }
    for (index, line) in lines.enumerated() {
      compare(tokenizer.encode(line), singles[index], zeros: singles[index].count, line)
      let following = lines[(index + 1) % lines.count]
      compare(
        tokenizer.encode(line, pair: following, maxLength: maxLength), pairs[index].ids, zeros: pairs[index].zeros,
        "\(line) || \(following)")
    }
    return differences
  }
}
