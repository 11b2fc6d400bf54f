// The WordPiece tokenizer against what HuggingFace's `tokenizers` gave (experiments/tokenizers/make_fixture.py).

import Foundation
import Testing

@testable import Models

@Suite("WordPiece tokenizer")
struct WordPieceTokenizerTests {
  private func recording(_ name: String) throws -> TokenizerRecording {
    try TokenizerRecording(lines: fixture("wordpiece/lines.txt"), ids: fixture("wordpiece/\(name)/ids.txt"))
  }

  @Test(
    "generated lines, alone and in pairs, have the ids that the tokenizers package gave",
    arguments: [("uncased", 3007), ("cased", 700), ("added", 700)])
  func recordedLines(name: String, count: Int) throws {
    let recording = try recording(name)
    let tokenizer = try TokenizerLoader.load(folder: fixture("wordpiece/\(name)"))
    #expect(recording.lines.count == count)
    let differences = recording.differences(of: tokenizer, maxLength: 32)
    #expect(differences.isEmpty, "\(differences.count) differences, such as \(differences.prefix(3))")
  }

  @Test("a vocabulary alone gives the same ids as the tokenizer.json made of it")
  func vocabularyAlone() throws {
    let tokenizer = try SubwordTokenizer(vocabulary: fixture("wordpiece/uncased/vocab.txt"))
    let differences = try recording("uncased").differences(of: tokenizer, maxLength: 32)
    #expect(differences.isEmpty, "\(differences.count) differences, such as \(differences.prefix(3))")
    #expect(tokenizer.vocabularySize == 3001)
  }

  @Test("the recording would show a single wrong id")
  func sensitivity() throws {
    var recording = try recording("uncased")
    recording.singles[17][0] += 1
    recording.pairs[40].zeros -= 1
    let tokenizer = try TokenizerLoader.load(folder: fixture("wordpiece/uncased"))
    #expect(recording.differences(of: tokenizer, maxLength: 32).count == 2)
  }

  @Test("every scalar of Unicode is normalised and divided as by the tokenizers package")
  func scalars() throws {
    let path = try fixture("wordpiece/scalars.json")
    let words = BertPreTokenizer()
    for recorded in try JSON.read(path: path).array(file: path, at: "") {
      func flag(_ name: String) throws -> Bool { try #require(recorded[name]).bool(file: path, at: name) }
      let normalizer = BertNormalizer(
        cleansText: try flag("clean_text"), isolatesIdeographs: try flag("handle_chinese_chars"),
        stripsAccents: try flag("strip_accents"), lowercases: try flag("lowercase"))
      let expected = try #require(recorded["checksums"]).array(file: path, at: "checksums")
      #expect(expected.count == 0x110)
      for (block, checksum) in expected.enumerated() {
        var hash = TokenTable.emptyHash
        for value in UInt32(block) << 12..<UInt32(block + 1) << 12 {
          guard let scalar = Unicode.Scalar(value) else { continue }
          let text = normalizer.normalized([0x61] + Array(UTF8.encode(scalar) ?? .init()) + [0x62])
          for byte in text { hash = TokenTable.hash(hash, appending: byte) }
          var divided = DividedText(text, isStart: true)
          words.divide(&divided)
          for word in divided.words {
            hash = TokenTable.hash(hash, appending: 0x0A)
            for byte in text[word] { hash = TokenTable.hash(hash, appending: byte) }
          }
        }
        let sum = String(hash, radix: 16)
        #expect(.string(String(repeating: "0", count: 16 - sum.count) + sum) == checksum, "block \(block)")
      }
    }
  }

  @Test("no scalar outgrows the room for normalised text, even where many stand together", arguments: [true, false])
  func capacity(strips: Bool) {
    let normalizer = BertNormalizer(stripsAccents: strips, lowercases: true)
    var grown = 0
    for value in UInt32(0)..<0x110000 {
      guard let scalar = Unicode.Scalar(value), let encoded = UTF8.encode(scalar) else { continue }
      let count = normalizer.normalized(Array(encoded)).count
      grown = max(grown, count - 3 * encoded.count)
    }
    #expect(grown <= 0)
  }

  // MARK: Details

  /// Ids in the order of the lines: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, and from 5 the given tokens.
  private func tokenizer(_ tokens: String..., lowercase: Bool = true) throws -> SubwordTokenizer {
    let folder = try TemporaryFolder()
    let lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + tokens
    return try SubwordTokenizer(
      vocabulary: folder.write(lines.joined(separator: "\n"), "vocab.txt"), lowercase: lowercase)
  }

  @Test("the longest piece is taken first, and a word with a part that is no piece is unknown")
  func greedy() throws {
    let tokenizer = try tokenizer("un", "unaff", "##aff", "##able", "##a", "affable")
    #expect(tokenizer.encode("unaffable affable unable unaffa unaffb").ids == [2, 6, 8, 10, 5, 8, 6, 9, 1, 3])
  }

  @Test("the limit of a word is 100 scalars, not bytes, of the normalised word")
  func longWords() throws {
    let tokenizer = try tokenizer("é", "##é", lowercase: false)
    let folded = try self.tokenizer("e", "##e")
    let accented = String(repeating: "e\u{301}", count: 100)
    #expect(tokenizer.encode(String(repeating: "é", count: 100)).ids.count == 102)
    #expect(tokenizer.encode(String(repeating: "é", count: 101)).ids == [2, 1, 3])
    #expect(folded.encode(accented).ids.count == 102)
    #expect(folded.encode(accented + "e").ids == [2, 1, 3])
  }

  @Test("tokens are told apart by their bytes, not by canonical equivalence")
  func equivalence() throws {
    let tokenizer = try tokenizer("\u{E9}", "e\u{301}", lowercase: false)
    #expect(tokenizer.encode("\u{E9} e\u{301}").ids == [2, 5, 6, 3])
  }

  @Test("special tokens in the text are recognised, whatever stands around them")
  func specialTokens() throws {
    let tokenizer = try tokenizer("a", "b", "[", "]", "mask")
    #expect(tokenizer.encode("a[MASK]b [SEP][CLS]").ids == [2, 5, 4, 6, 3, 2, 3])
    #expect(tokenizer.encode("[mask]").ids == [2, 7, 9, 8, 3])
  }

  @Test(
    "white space at a line's end is no part of the token, an empty line uses up an id, the last of equal lines counts")
  func vocabularyLines() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("[UNK]\r\n[CLS] \t\n[SEP]\u{A0}\na\n\n b\nc\na")
    let tokenizer = try SubwordTokenizer(vocabulary: path)
    #expect(tokenizer.encode("a b c").ids == [1, 7, 0, 6, 2])
    #expect(tokenizer.vocabularySize == 8)
  }

  @Test("truncation keeps the special tokens and cuts the longer text of a pair first")
  func truncation() throws {
    let tokenizer = try tokenizer("a", "b")
    func lengths(_ first: Int, _ second: Int, _ limit: Int) -> [Int] {
      let encoding = tokenizer.encode(
        String(repeating: "a ", count: first), pair: String(repeating: "b ", count: second), maxLength: limit)
      #expect(encoding.ids.count == encoding.typeIDs.count && encoding.ids.first == 2 && encoding.ids.last == 3)
      #expect(encoding.typeIDs.count { $0 == 1 } == encoding.ids.count { $0 == 6 } + 1)
      return [encoding.ids.count { $0 == 5 }, encoding.ids.count { $0 == 6 }]
    }
    // As `tokenizers` cuts: of an odd room the longer text gets one token more, and the second of two equal ones.
    #expect(lengths(6, 3, 12) == [6, 3])
    #expect(lengths(6, 3, 10) == [4, 3])
    #expect(lengths(6, 3, 6) == [2, 1])
    #expect(lengths(3, 6, 6) == [1, 2])
    #expect(lengths(6, 6, 8) == [2, 3])
    #expect(lengths(9, 1, 8) == [4, 1])
    #expect(lengths(6, 3, 3) == [0, 0])
    #expect(lengths(6, 3, 0) == [0, 0])
    #expect(tokenizer.encode("a a a a", maxLength: 4).ids == [2, 5, 5, 3])
    #expect(tokenizer.encode("a a a a", maxLength: 2).ids == [2, 3])
    #expect(tokenizer.encode("a a a a", maxLength: 1).ids == [2, 3])
    #expect(tokenizer.encode("", maxLength: 8) == Encoding(ids: [2, 3], typeIDs: [0, 0]))
    #expect(tokenizer.encode("a", pair: "").typeIDs == [0, 0, 0, 1])
  }

  @Test("appending goes on behind what the arrays hold")
  func appending() throws {
    let tokenizer = try tokenizer("a", "b")
    var ids: [Int32] = [9]
    var typeIDs: [Int32] = [7]
    tokenizer.append("a a a a a", pair: nil, maxLength: 4, to: &ids, typeIDs: &typeIDs)
    tokenizer.append("b", pair: "a", maxLength: 16, to: &ids, typeIDs: &typeIDs)
    #expect(ids == [9, 2, 5, 5, 3, 2, 6, 3, 5, 3])
    #expect(typeIDs == [7, 0, 0, 0, 0, 0, 0, 0, 1, 1])
  }

  @Test("threads may share a tokenizer")
  func threads() async throws {
    let recording = try recording("uncased")
    let tokenizer = try TokenizerLoader.load(folder: fixture("wordpiece/uncased"))
    let differences = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 { group.addTask { recording.differences(of: tokenizer, maxLength: 32).count } }
      return await group.reduce(0, +)
    }
    #expect(differences == 0)
  }
}
