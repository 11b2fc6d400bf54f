// Byte-pair encoding and Unigram, and the pieces around them, against what HuggingFace's `tokenizers` gave
// (experiments/tokenizers/make_subword_fixture.py).

import Foundation
import Testing

@testable import Models

@Suite("Subword tokenizers")
struct SubwordTokenizerTests {
  private func recording(_ name: String) throws -> TokenizerRecording {
    try TokenizerRecording(lines: fixture("subword/lines.txt"), ids: fixture("subword/\(name)/ids.txt"))
  }

  @Test(
    "generated lines, alone and in pairs, have the ids that the tokenizers package gave",
    arguments: [
      "gpt2", "roberta", "llama3", "qwen2", "smollm2", "claude", "llama2-legacy", "llama2", "deberta3", "albert",
      "xlm-roberta", "unigram-bytes", "affixes",
    ])
  func recordedLines(name: String) throws {
    let recording = try recording(name)
    #expect(recording.lines.count == 155)
    let tokenizer = try TokenizerLoader.load(folder: fixture("subword/\(name)"))
    let differences = recording.differences(of: tokenizer, maxLength: 24)
    #expect(differences.isEmpty, "\(differences.count) differences, such as \(differences.prefix(3))")
  }

  /// A text around a scalar, as the recording has it.
  private func text(around scalar: Unicode.Scalar) -> [UInt8] { Array("'\(scalar) \u{301}a\(scalar)\(scalar)1".utf8) }

  @Test("every normaliser and pre-tokenizer treats every scalar as the tokenizers package does", arguments: 0..<20)
  func scalars(index: Int) throws {
    let path = try fixture("subword/pieces.json")
    let pieces = try JSON.read(path: path).array(file: path, at: "")
    try #require(pieces.count == 20)
    let file = TokenizerFile(path: path, root: pieces[index])
    let normalizer = try file.normalizer()
    let (preTokenizer, _) = try file.preTokenizer()
    let expected = try #require(pieces[index]["checksums"]).array(file: path, at: "checksums")
    for (block, checksum) in zip(Array(UInt32(0)..<0x20) + [0xE0], expected) {
      var hash = TokenTable.emptyHash
      for value in block << 12..<(block + 1) << 12 {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let text = text(around: scalar)
        var divided = DividedText(normalizer?.normalized(text) ?? text, isStart: true)
        preTokenizer?.divide(&divided)
        for word in divided.words {
          for byte in divided.bytes[word] { hash = TokenTable.hash(hash, appending: byte) }
          hash = TokenTable.hash(hash, appending: 0x0A)
        }
      }
      let sum = String(hash, radix: 16)
      #expect(
        .string(String(repeating: "0", count: 16 - sum.count) + sum) == checksum, "piece \(index), block \(block)")
    }
  }

  @Test("a normaliser's growth is what it says, at most")
  func growth() throws {
    let path = try fixture("subword/pieces.json")
    for piece in try JSON.read(path: path).array(file: path, at: "") {
      guard let normalizer = try TokenizerFile(path: path, root: piece).normalizer() else { continue }
      var most = 0
      for value in UInt32(0)..<0x20000 {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let text = text(around: scalar)
        most = max(most, normalizer.normalized(text).count - normalizer.growth * text.count)
      }
      #expect(most <= 0)
    }
  }

  @Test("merges are made in the order in which they were learned, not from the left")
  func mergeOrder() throws {
    let model = try BytePairEncoding(
      vocabulary: ["a", "b", "c", "ab", "bc", "abc", "aa"].enumerated().map { ($0.element, Int32($0.offset)) },
      merges: [("b", "c"), ("a", "b"), ("a", "bc"), ("a", "a")], options: .init(), file: "", place: { "\($0)" })
    func ids(_ word: String) -> [Int32] {
      var ids: [Int32] = []
      Array(word.utf8).withUnsafeBufferPointer { model.append($0, to: &ids) }
      return ids
    }
    #expect(ids("abc") == [5])
    #expect(ids("ab") == [3])
    #expect(ids("aabc") == [0, 5])
    #expect(ids("aaa") == [6, 0])
    #expect(ids("abx") == [3])
  }

  @Test("a naive merge of the least pair, over and over, gives the same for random words")
  func naiveMerges() throws {
    let letters = ["a", "b", "c"]
    var random = UInt64(7)
    func next(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % bound
    }
    var tokens = letters
    var merges: [(first: String, second: String)] = []
    while tokens.count < 60 {
      let (first, second) = (tokens[next(tokens.count)], tokens[next(tokens.count)])
      guard first.count + second.count < 8, !tokens.contains(first + second) else { continue }
      tokens.append(first + second)
      merges.append((first, second))
    }
    let model = try BytePairEncoding(
      vocabulary: tokens.enumerated().map { ($0.element, Int32($0.offset)) }, merges: merges, options: .init(),
      file: "",
      place: { "\($0)" })
    for _ in 0..<2000 {
      var symbols = (0..<1 + next(30)).map { _ in letters[next(3)] }
      let word = Array(symbols.joined().utf8)
      while let least = merges.first(where: { merge in
        zip(symbols, symbols.dropFirst()).contains { $0 == merge.first && $1 == merge.second }
      }) {
        let place = symbols.indices.dropLast().first { symbols[$0] == least.first && symbols[$0 + 1] == least.second }
        let index = try #require(place)
        symbols.replaceSubrange(index...index + 1, with: [least.first + least.second])
      }
      var ids: [Int32] = []
      word.withUnsafeBufferPointer { model.append($0, to: &ids) }
      #expect(ids == symbols.compactMap { symbol in tokens.firstIndex(of: symbol).map { Int32($0) } })
    }
  }

  @Test("the most probable division wins, and unknown characters that touch are one token")
  func unigram() {
    let model = Unigram(
      vocabulary: [("<unk>", 0), ("a", -2), ("b", -2), ("ab", -3), ("aba", -6), ("\u{E9}x", -9)], unknownID: 0,
      fallsBackToBytes: false)
    func ids(_ word: String) -> [Int32] {
      var ids: [Int32] = []
      Array(word.utf8).withUnsafeBufferPointer { model.append($0, to: &ids) }
      return ids
    }
    #expect(ids("ab") == [3])
    #expect(ids("aba") == [3, 1])
    #expect(ids("bab") == [2, 3])
    #expect(ids("xyzab") == [0, 3])
    #expect(ids("axb") == [1, 0, 2])
    #expect(ids("\u{E9}x\u{E9}") == [5, 0])
  }

  @Test("a very long word is merged in good time")
  func longWord() throws {
    let tokenizer = try TokenizerLoader.load(folder: fixture("subword/llama2-legacy"))
    let text = String(repeating: "un re tion qu ", count: 20_000)
    let time = ContinuousClock().measure { #expect(tokenizer.encode(text).ids.count > 20_000) }
    #expect(time < .seconds(5))
  }

  @Test(
    "vocab.json with merges.txt gives the ids of the tokenizer.json made of them",
    arguments: ["gpt2", "roberta", "qwen2"])
  func mergesFolder(name: String) throws {
    let folder = try TemporaryFolder()
    let path = try fixture("subword/\(name)/tokenizer.json")
    let model = try #require(JSON.read(path: path)["model"])
    func json(_ value: Any) throws -> [UInt8] { Array(try JSONSerialization.data(withJSONObject: value)) }
    let vocabulary = try #require(model["vocab"]).object(file: path, at: "vocab")
    let ids = try vocabulary.map { ($0.key, try $0.value.integer(file: path, at: "")) }
    try folder.write(json(Dictionary(uniqueKeysWithValues: ids)), "vocab.json")
    let merges = try #require(model["merges"]).array(file: path, at: "merges").map { merge in
      try merge.array(file: path, at: "").map { try $0.string(file: path, at: "") }.joined(separator: " ")
    }
    try folder.write("#version: 0.2\n" + merges.joined(separator: "\n") + "\n", "merges.txt")
    try folder.write(#"{"model_type": "\#(name)"}"#, "config.json")
    let chat = try ["<|im_start|>", "<|im_end|>"].filter { vocabulary[$0] != nil }.map { token in
      "\"\(try #require(vocabulary[token]).integer(file: path, at: ""))\": {\"content\": \"\(token)\"}"
    }
    try folder.write(
      #"{"mask_token": {"content": "<mask>", "lstrip": true}, "#
        + "\"added_tokens_decoder\": {\(chat.joined(separator: ","))}}",
      "tokenizer_config.json")
    let tokenizer = try TokenizerLoader.load(folder: folder.path)
    let differences = try recording(name).differences(of: tokenizer, maxLength: 24)
    #expect(differences.isEmpty, "\(differences.count) differences, such as \(differences.prefix(3))")
    if name == "roberta" { #expect(tokenizer.id(of: "</s>") == tokenizer.encode("").ids.last) }

    try folder.write("#version: 0.2\na b\nzzq qzz\n", "merges.txt")
    let broken = failure { () throws(InputError) in try TokenizerLoader.load(folder: folder.path) }
    #expect(broken?.hasPrefix("merges.txt: line ") == true && broken?.contains("the vocabulary has no") == true)
    try folder.write(#"{"tokenizer_class": "LEDTokenizer"}"#, "tokenizer_config.json")
    let other = failure { () throws(InputError) in try TokenizerLoader.load(folder: folder.path) }
    #expect(other?.contains("are read for GPT-2, RoBERTa and Qwen only; convert them with python -c") == true)
  }

  @Test("a SentencePiece model alone is refused with the command that converts it")
  func sentencePiece() throws {
    let folder = try TemporaryFolder()
    try folder.write("\u{A}", "spm.model")
    let message = failure { () throws(InputError) in try TokenizerLoader.load(folder: folder.path) }
    #expect(
      message?.hasPrefix(
        "spm.model: a SentencePiece model, which is not read here; expected tokenizer.json: convert it")
        == true)
    #expect(message?.contains("t.AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])") == true)
    withExtendedLifetime(folder) {}
  }

  @Test("special tokens stand where the template has them and where the text has them, and are found by name")
  func specialTokens() throws {
    let tokenizer = try TokenizerLoader.load(folder: fixture("subword/llama3"))
    let begin = try #require(tokenizer.id(of: "<|begin_of_text|>"))
    let eot = try #require(tokenizer.id(of: "<|eot_id|>"))
    let ids = tokenizer.encode("ring<|eot_id|> ring").ids
    #expect(ids.first == begin && ids.count { $0 == eot } == 1)
    #expect(tokenizer.encode("ring<|eot_id|> ring", maxLength: 3).ids == Array(ids.prefix(3)))
    #expect(tokenizer.id(of: "no such token") == nil)
  }
}
