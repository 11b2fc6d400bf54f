// Tokenizer files that cannot be used, and thousands of damaged ones.

import Foundation
import Testing

@testable import Models

@Suite("Tokenizer files")
struct TokenizerFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let sections: [(name: String, json: String)] = [
    (
      "added_tokens",
      #"[{"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}]"#
    ),
    (
      "normalizer",
      #"{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}"#
    ),
    ("pre_tokenizer", #"{"type": "BertPreTokenizer"}"#),
    ("post_processor", #"{"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}"#),
    (
      "model",
      ###"{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4, "\u00e9": 5}}"###
    ),
  ]

  /// A small `tokenizer.json`; `changes` replace whole sections, or leave them out where they are empty.
  private func json(_ changes: [String: String] = [:]) -> String {
    let members = Self.sections.compactMap { name, json in
      let json = changes[name] ?? json
      return json.isEmpty ? nil : "\"\(name)\": \(json)"
    }
    return "{" + members.joined(separator: ", ") + "}"
  }

  private func load(_ changes: [String: String] = [:]) throws -> SubwordTokenizer {
    try SubwordTokenizer(tokenizerJSON: folder.write(json(changes), "tokenizer.json"))
  }

  private func refusal(_ changes: [String: String]) throws -> String? {
    let path = try folder.write(json(changes), "tokenizer.json")
    return failure { () throws(InputError) in try SubwordTokenizer(tokenizerJSON: path) }
  }

  private func addedToken(_ id: String, _ content: String, normalized: Bool = false) -> String {
    "{\"id\": \(id), \"content\": \"\(content)\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
      + "\"normalized\": \(normalized)}"
  }

  private func model(vocabulary: String) -> [String: String] {
    ["model": "{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"vocab\": \(vocabulary)}"]
  }

  @Test("the sound file from which the broken ones are made is read")
  func sound() throws {
    let tokenizer = try load()
    #expect(tokenizer.encode("ab [CLS] x").ids == [1, 3, 4, 1, 0, 2])
    #expect(tokenizer.vocabularySize == 6)
  }

  @Test("sections that may be absent")
  func optionalSections() throws {
    let bare = try load(["normalizer": "null", "post_processor": "", "added_tokens": ""])
    #expect(bare.encode("\u{E9} A a").ids == [5, 0, 3])
    #expect(bare.encode("a", pair: "a a") == Encoding(ids: [3, 3, 3], typeIDs: [0, 1, 1]))
    // As the first releases wrote it.
    let old =
      ###"{"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 1, "vocab": {"[UNK]": 7, "[CLS]": 1, "a": 9}}"###
    let untyped = try load(["model": old])
    #expect(untyped.encode("a aa").ids == [1, 9, 7, 2])
    #expect(untyped.vocabularySize == 10)
  }

  @Test("a template may place texts and special tokens in any order")
  func template() throws {
    let template = #"""
      {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 2}}, {"SpecialToken": {"id": "S", "type_id": 3}}],
      "pair": [{"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "S", "type_id": 5}}, {"Sequence": {"id": "A", "type_id": 1}}],
      "special_tokens": {"S": {"id": "S", "ids": [2, 1], "tokens": ["[SEP]", "[CLS]"]}}}
      """#
    let tokenizer = try load(["post_processor": template])
    #expect(tokenizer.encode("a a a", maxLength: 4) == Encoding(ids: [3, 3, 2, 1], typeIDs: [2, 2, 3, 3]))
    #expect(tokenizer.encode("a", pair: "\u{E9}x").ids == [0, 2, 1, 3])
    #expect(tokenizer.encode("a", pair: "x").typeIDs == [0, 5, 5, 1])
  }

  @Test("pieces that are not supported are named with those that are")
  func unsupported() throws {
    #expect(
      try refusal(["normalizer": #"{"type": "Rot13"}"#])
        == "tokenizer.json: normalizer.type: Rot13 is not supported; supported: BertNormalizer, Sequence, Lowercase, "
        + "StripAccents, Strip, Replace, Prepend, Precompiled, Nmt, NFC, NFD, NFKC, NFKD")
    #expect(
      try refusal(["normalizer": #"{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "ByteLevel"}]}"#])?
        .hasPrefix("tokenizer.json: normalizer.normalizers[1].type: ByteLevel is not supported") == true)
    #expect(
      try refusal(["pre_tokenizer": #"{"type": "UnicodeScripts"}"#])
        == "tokenizer.json: pre_tokenizer.type: UnicodeScripts is not supported; supported: BertPreTokenizer, Sequence, "
        + "ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation")
    #expect(
      try refusal([
        "pre_tokenizer": #"{"type": "Split", "pattern": {"Regex": "(a|b)+"}, "behavior": "Isolated", "invert": false}"#
      ])?.hasPrefix(
        "tokenizer.json: pre_tokenizer.pattern.Regex: the expression (a|b)+ is not supported; supported:  {2,}, ")
        == true)
    #expect(
      try refusal(["pre_tokenizer": #"{"type": "ByteLevel", "add_prefix_space": false}"#])
        == "tokenizer.json: model.type: WordPiece behind ByteLevel, expected BPE")
    #expect(
      try refusal(["post_processor": #"{"type": "Reverse"}"#])
        == "tokenizer.json: post_processor.type: Reverse is not supported; supported: TemplateProcessing, BertProcessing, "
        + "RobertaProcessing, ByteLevel, Sequence")
    #expect(
      try refusal(["model": #"{"type": "WordLevel", "vocab": {}}"#])
        == "tokenizer.json: model.type: WordLevel is not supported; supported: WordPiece, BPE, Unigram")
    #expect(try refusal(["model": ""]) == "tokenizer.json: model: missing")
    #expect(try refusal(["model": "{}"]) == "tokenizer.json: model.type: missing")
  }

  @Test("ids that contradict each other or are out of range are refused")
  func identifiers() throws {
    #expect(
      try refusal(model(vocabulary: #"{"[UNK]": 0, "a": 3, "b": 3}"#))
        == #"tokenizer.json: model.vocab.b: the id 3 belongs to "a" already"#)
    for id in ["-1", "2147483647", "4294967296", "9223372036854775807"] {
      #expect(
        try refusal(model(vocabulary: "{\"[UNK]\": \(id)}"))
          == "tokenizer.json: model.vocab.[UNK]: the id \(id), expected one from 0 to 2147483646")
    }
    #expect(
      try refusal(model(vocabulary: #"{"[UNK]": 0.5}"#))?.contains("model.vocab.[UNK]: expected an integer") == true)
    #expect(
      try refusal(model(vocabulary: #"{"a": 0}"#))
        == #"tokenizer.json: model.vocab: has no "[UNK]", the unk_token"#)
    #expect(try refusal(model(vocabulary: #"{"[UNK]": 0, "[UNK]": 1}"#))?.contains("twice") == true)
    #expect(
      try refusal(["added_tokens": "[\(addedToken("2", "a"))]"])
        == #"tokenizer.json: added_tokens[0].id: the id 2 of "a", expected 3"#)
    #expect(
      try refusal(["added_tokens": "[\(addedToken("5", "<x>"))]"])
        == #"tokenizer.json: added_tokens[0].id: the id 5 of "<x>" belongs to another token already"#)
    #expect(
      try refusal(["added_tokens": "[\(addedToken("6", "<x>")), \(addedToken("6", "<y>"))]"])
        == #"tokenizer.json: added_tokens[1].id: the id 6 of "<y>" belongs to another token already"#)
    #expect(
      try refusal(["added_tokens": "[\(addedToken("6", ""))]"])
        == #"tokenizer.json: added_tokens[0].content: "" is empty"#)
    #expect(
      try refusal(["added_tokens": "[\(addedToken("6", "\u{301}", normalized: true))]"])?
        .hasSuffix("is empty after normalisation") == true)
    #expect(
      try refusal(["post_processor": #"{"type": "BertProcessing", "sep": ["[SEP]", -2], "cls": ["[CLS]", 1]}"#])
        == "tokenizer.json: post_processor.sep[1]: the id -2, expected one from 0 to 2147483646")
    #expect(
      try refusal([
        "post_processor":
          #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B", "type_id": 0}}], "pair": [], "special_tokens": {}}"#
      ]) == #"tokenizer.json: post_processor.single[0].Sequence.id: the sequence "B", expected A"#)
    #expect(
      try refusal([
        "post_processor":
          #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "X", "type_id": 0}}], "pair": [], "special_tokens": {}}"#
      ]) == "tokenizer.json: post_processor.special_tokens.X: missing")
  }

  // MARK: Folders and vocab.txt

  private func loading() -> String? {
    failure { () throws(InputError) in try TokenizerLoader.load(folder: folder.path) }
  }

  @Test("a folder without a vocabulary is an input that is missing")
  func missingVocabulary() throws {
    do throws(InputError) {
      _ = try TokenizerLoader.load(folder: folder.path)
      Issue.record("loaded from an empty folder")
    } catch {
      #expect(error.kind == .missing && error.file == folder.path)
      #expect(
        error.message
          == "no vocabulary; expected tokenizer.json, vocab.json with merges.txt, or vocab.txt in this folder")
    }
  }

  @Test("tokenizer.json comes before vocab.txt, whose settings are in tokenizer_config.json")
  func order() throws {
    try folder.write("<u>\n<s>\n</s>\nÉ\ne\né\n中\n##中", "vocab.txt")
    try folder.write(
      #"{"unk_token": "<u>", "cls_token": "<s>", "sep_token": {"content": "</s>"}, "do_lower_case": true, "strip_accents": false}"#,
      "tokenizer_config.json")
    #expect(try TokenizerLoader.load(folder: folder.path).encode("É </s> 中中").ids == [1, 5, 2, 6, 6, 2])
    try folder.write(
      #"{"unk_token": "<u>", "cls_token": "<s>", "sep_token": "</s>", "do_lower_case": false, "tokenize_chinese_chars": false}"#,
      "tokenizer_config.json")
    #expect(try TokenizerLoader.load(folder: folder.path).encode("É 中中").ids == [1, 3, 6, 7, 2])
    try folder.write(json(), "tokenizer.json")
    #expect(try TokenizerLoader.load(folder: folder.path).encode("É a").ids == [1, 0, 3, 2])
  }

  @Test("a vocabulary that is no text, or lacks a special token, is refused")
  func brokenVocabulary() throws {
    try folder.write(Array("[UNK]\n[CLS]\n[SEP]\na".utf8) + [0xC3, 0x28, 0x0A], "vocab.txt")
    #expect(loading() == "vocab.txt: line 4: invalid UTF-8, expected a token")
    for (text, missing) in [("", "[UNK]"), ("[UNK]\n[SEP]", "[CLS]"), ("[UNK]\n[CLS]\nSEP", "[SEP]")] {
      try folder.write(text, "vocab.txt")
      #expect(
        loading() == "vocab.txt: the vocabulary has no \"\(missing)\"; expected the special tokens in it")
    }
    try folder.write("[UNK]\n[CLS]\n[SEP]", "vocab.txt")
    try folder.write(#"{"do_lower_case": "yes"}"#, "tokenizer_config.json")
    #expect(loading() == "tokenizer_config.json: do_lower_case: expected true or false, found a string")
    try folder.write("[]", "tokenizer_config.json")
    #expect(loading()?.hasPrefix("tokenizer_config.json: expected an object") == true)
  }

  // MARK: Damage

  /// Mutates bytes: exchanged ones, numbers and stretches, cut ends. The same seed gives the same damage.
  private func damaged(_ original: [UInt8], seed: Int) -> [UInt8] {
    var random = UInt64(seed + 1) &* 0x9E37_79B9_7F4A_7C15
    func next(below bound: Int) -> Int {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return Int(random % UInt64(max(bound, 1)))
    }
    var bytes = original
    for _ in 0...next(below: 3) where !bytes.isEmpty {
      let place = next(below: bytes.count)
      let end = min(bytes.count, place + 1 + next(below: 30))
      switch next(below: 6) {
      case 0: bytes[place] ^= 1 << UInt8(next(below: 8))
      case 1: bytes[place] = UInt8(next(below: 256))
      case 2: bytes.removeSubrange(place...)
      case 3: bytes.removeSubrange(place..<end)
      case 4: bytes.insert(contentsOf: bytes[place..<end], at: next(below: bytes.count))
      default:
        let isDigit = { (byte: UInt8) in byte >= 0x30 && byte < 0x3A }
        guard let digit = bytes[place...].firstIndex(where: isDigit) else { continue }
        let numbers = ["-1", "2", "3.5", "99", "2147483647", "1e300", "null", "\"\"", "[]", "{}"]
        bytes.replaceSubrange(digit...digit, with: numbers[next(below: numbers.count)].utf8)
      }
    }
    return bytes
  }

  /// Writes a file without the sync that Foundation does, which takes longer than all the rest.
  private func rewrite(_ name: String, _ bytes: [UInt8]) throws {
    let path = folder.path + "/" + name
    remove(path)
    let file = try #require(fopen(path, "w"))
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    fclose(file)
  }

  /// Loads 4000 damaged versions of a file, uses those that can be, and returns how many could.
  private func survivors(_ original: [UInt8], name: String) throws -> Int {
    let text = "a ab \u{E9}\u{301} [CLS]<x> 中\u{1D165}\u{302E} " + String(repeating: "b", count: 120)
    var count = 0
    for seed in 0..<4000 {
      try rewrite(name, damaged(original, seed: seed))
      do throws(InputError) {
        let tokenizer = try TokenizerLoader.load(folder: folder.path)
        let encoding = tokenizer.encode(text, pair: "ab", maxLength: 9)
        #expect(encoding.ids.count == encoding.typeIDs.count, "seed \(seed)")
        #expect(encoding.ids.allSatisfy { $0 >= 0 }, "seed \(seed)")
        count += 1
      } catch {
        let line = error.description
        #expect(!error.message.isEmpty && line.utf8.count < 1000 && !line.contains(where: \.isNewline), "seed \(seed)")
      }
    }
    return count
  }

  @Test("a damaged tokenizer.json is read or refused in one line")
  func damagedJSON() throws {
    let added = "[\(addedToken("6", "<x>", normalized: true)), \(addedToken("1", "[CLS]"))]"
    let count = try survivors(Array(json(["added_tokens": added]).utf8), name: "tokenizer.json")
    #expect(count > 100 && count < 3000)
  }

  private static let byteLevel = #"""
    {"added_tokens": [{"id": 9, "content": "<e>", "single_word": false, "lstrip": false, "rstrip": true,
    "normalized": false}], "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip",
    "strip_left": true, "strip_right": false}]}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type":
    "Digits", "individual_digits": true}, {"type": "Split", "pattern": {"Regex":
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated",
    "invert": false}, {"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}]}, "post_processor": {"type":
    "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "RobertaProcessing", "sep": ["<e>", 9], "cls": ["<e>",
    9]}]}, "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
    "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": true, "vocab": {"a": 0,
    "b": 1, "\u0120": 2, "ab": 3, "\u0120ab": 4, "\u00e9": 5, "\u00cc": 6, "1": 7}, "merges": ["a b", ["\u0120",
    "ab"]]}}
    """#

  private static let sentencePiece = #"""
    {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace",
    "pattern": {"String": " "}, "content": "\u2581"}, {"type": "NFKD"}]}, "pre_tokenizer": {"type": "Metaspace",
    "replacement": "\u2581", "prepend_scheme": "first", "split": true}, "post_processor": {"type":
    "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A",
    "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}, "model": {"type": "BPE", "unk_token":
    "<unk>", "continuing_subword_prefix": "#", "end_of_word_suffix": "w", "fuse_unk": true, "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "<0xC3>": 2, "\u2581": 3, "#a": 4, "#b": 5, "#ab": 6, "\u2581a": 7, "#bw": 8,
    "<0x81>": 9}, "merges": [["#a", "#b"], ["\u2581", "#a"]]}}
    """#

  private static func unigram(_ table: String) -> String {
    #"""
    {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "Precompiled",
    "precompiled_charsmap": "\#(table)"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    {"type": "Lowercase"}, {"type": "StripAccents"}]}, "pre_tokenizer": {"type": "Sequence", "pretokenizers":
    [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Metaspace",
    "replacement": "\u2581", "add_prefix_space": true}]}, "model": {"type": "Unigram", "unk_id": 1, "vocab":
    [["\u2581", -2.5], ["<unk>", 0.0], ["\u2581a", -1.5], ["b", -3], ["ab", -4.25], ["<0x3E>", -9]],
    "byte_fallback": true}}
    """#
  }

  /// SentencePiece's table of characters in a recorded tokenizer, in Base64.
  private func characterTable() throws -> String {
    let path = try fixture("subword/xlm-roberta/tokenizer.json")
    let normalizers = try #require(JSON.read(path: path)["normalizer"]?["normalizers"]).array(file: path, at: "")
    return try #require(normalizers.first?["precompiled_charsmap"]).string(file: path, at: "")
  }

  @Test("damaged files of the other models are read or refused in one line", arguments: 0..<3)
  func damagedModels(kind: Int) throws {
    let original = [Self.byteLevel, Self.sentencePiece, Self.unigram(try characterTable())][kind]
    try folder.write(original, "tokenizer.json")
    #expect(try !TokenizerLoader.load(folder: folder.path).encode("ab").ids.isEmpty)
    let count = try survivors(Array(original.utf8), name: "tokenizer.json")
    #expect(count > 100 && count < 3900)
  }

  @Test("a damaged vocab.json or merges.txt is read or refused in one line")
  func damagedMerges() throws {
    try folder.write(#"{"model_type": "roberta"}"#, "config.json")
    let vocabulary = Array(
      #"{"<s>": 0, "</s>": 1, "<mask>": 2, "a": 3, "b": 4, "\u0120": 5, "\u0120a": 6, "ab": 7, "many": 80, "others": 90}"#
        .utf8)
    let merges = Array("#version: 0.2\na b\n\u{120} a\n".utf8)
    try folder.write(vocabulary, "vocab.json")
    let first = try survivors(merges, name: "merges.txt")
    #expect(first > 100 && first < 3900)
    try folder.write(merges, "merges.txt")
    let second = try survivors(vocabulary, name: "vocab.json")
    #expect(second > 20 && second < 3900)
  }

  @Test("a table of characters that is damaged changes texts, and nothing else")
  func damagedCharacterMap() throws {
    let original = Array(try #require(Data(base64Encoded: characterTable())))
    let text = Array("a\u{FF21}\u{FB01} e\u{301}\r\n\u{1100}\u{1161}\u{200B}\u{304B}\u{3099}\u{FDFA}".utf8)
    var count = 0
    for seed in 0..<4000 {
      guard let map = CharacterMap(base64: Data(damaged(original, seed: seed)).base64EncodedString()) else { continue }
      let normalized = map.normalized(text)
      #expect(String(validating: normalized, as: UTF8.self) != nil && normalized.count <= map.growth * text.count)
      count += 1
    }
    #expect(count > 100)
  }

  @Test("normalisers that let a text grow without bounds are refused")
  func growth() throws {
    let entry = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}"#
    func sequence(_ count: Int) -> [String: String] {
      let entries = Array(repeating: entry, count: count).joined(separator: ",")
      return ["normalizer": "{\"type\": \"Sequence\", \"normalizers\": [\(entries)]}"]
    }
    #expect(try refusal(sequence(4)) == nil)
    #expect(
      try refusal(sequence(5)) == "tokenizer.json: normalizer: a byte can become 100000 bytes, expected at most 65536")
    #expect(try refusal(sequence(100))?.contains("expected at most 65536") == true)
  }

  @Test("a damaged vocab.txt or tokenizer_config.json is read or refused in one line")
  func damagedVocabulary() throws {
    let vocabulary = Array("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n\u{E9}\n中\nab\n".utf8)
    let first = try survivors(vocabulary, name: "vocab.txt")
    #expect(first > 100 && first < 3900)
    try folder.write(vocabulary, "vocab.txt")
    let config =
      #"{"do_lower_case": false, "strip_accents": null, "cls_token": {"content": "[CLS]"}, "sep_token": "[SEP]"}"#
    let second = try survivors(Array(config.utf8), name: "tokenizer_config.json")
    #expect(second > 100 && second < 3900)
  }
}
