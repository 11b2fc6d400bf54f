// Byte-level tokenizers that come without `tokenizer.json`: a vocabulary and merges, and the name of a family.

/// How a family of byte-level tokenizers prepares text; the names are those of GGUF's `tokenizer.ggml.pre`.
enum ByteLevelFamily: String, CaseIterable, Sendable {
  case gpt2 = "gpt-2"
  case llama3 = "llama-bpe"
  case qwen2 = "qwen2"
  case smollm2 = "smollm"

  fileprivate var normalizer: (any Normalizer)? { self == .qwen2 ? UnicodeForm(.nfc) : nil }

  fileprivate var preTokenizer: any PreTokenizer {
    let grammar: WordScanner.Grammar =
      switch self {
      case .gpt2, .smollm2: .gpt2
      case .llama3: .llama3
      case .qwen2: .qwen2
      }
    let words = PatternPreTokenizer(pattern: .words(WordScanner(grammar)), behavior: .isolated)
    guard self == .smollm2 else { return words }
    return PreTokenizerSequence(preTokenizers: [PatternPreTokenizer(pattern: .digit, behavior: .isolated), words])
  }
}

extension SubwordTokenizer {
  /// - Parameters:
  ///   - vocabulary: tokens in the characters that stand for bytes, and their ids, which differ.
  ///   - merges: two tokens with a space between them, the first learned first.
  ///   - file: named in errors.
  ///   - place: where in it a merge stands.
  /// - Throws: where a merge is none, or of tokens that the vocabulary lacks.
  convenience init(
    _ family: ByteLevelFamily, vocabulary: [(token: String, id: Int32)], merges: [Substring],
    prefixesSpace: Bool = false,
    addedTokens: [AddedToken], template: SequenceTemplate, file: String, place: (Int) -> String
  ) throws(InputError) {
    var pairs: [(first: String, second: String)] = []
    pairs.reserveCapacity(merges.count)
    for (index, line) in merges.enumerated() {
      guard let pair = TokenizerFile.merge(line) else {
        throw InputError(file: file, place: place(index), "expected two tokens with a space between them")
      }
      pairs.append(pair)
    }
    var options = BytePairEncoding.Options()
    options.isByteLevel = true
    options.ignoresMerges = family == .llama3
    let model = try BytePairEncoding(vocabulary: vocabulary, merges: pairs, options: options, file: file, place: place)
    self.init(
      normalizer: family.normalizer,
      preTokenizer: prefixesSpace
        ? PreTokenizerSequence(preTokenizers: [PrefixSpace(), family.preTokenizer]) : family.preTokenizer,
      model: model, addedTokens: addedTokens, template: template)
  }

  /// Reads `vocab.json` and `merges.txt` in a folder whose `config.json` or `tokenizer_config.json` names GPT-2, RoBERTa
  /// or Qwen.
  convenience init(mergesFolder folder: String) throws(InputError) {
    let settings = try TokenizerSettings(folder: folder)
    let path = folder + "/vocab.json"
    let vocabulary = TokenizerFile(path: path, root: try JSON.read(path: path))
    let tokens = try vocabulary.vocabulary(vocabulary.root, at: "")
    let ids = Dictionary(tokens.map { (ExactKey($0.token), $0.id) }) { first, _ in first }
    let name = try Self.familyName(settings, folder: folder)
    func special(_ key: String, _ content: String) throws(InputError) -> AddedToken? {
      try settings.addedToken(key, default: content) { ids[ExactKey($0)] }
    }
    func required(_ key: String, _ content: String) throws(InputError) -> AddedToken {
      guard let token = try special(key, content) else {
        throw InputError(file: path, "the vocabulary lacks the \(key), expected \(JSON.quoted(content))")
      }
      return token
    }
    var added: [AddedToken?] = []
    var template = SequenceTemplate.bare
    if name == "roberta" {
      let cls = try required("cls_token", "<s>")
      let sep = try required("sep_token", "</s>")
      added = [
        cls, sep, try special("pad_token", "<pad>"), try special("unk_token", "<unk>"),
        try special("mask_token", "<mask>"),
      ]
      template = .roberta(cls: cls.id, sep: sep.id)
    } else {
      added = [try special("eos_token", "<|endoftext|>")]
    }
    let known = Set(added.compactMap(\.?.id))
    let lines = try Self.readMerges(folder + "/merges.txt")
    let hasVersion = lines.first?.hasPrefix("#version") ?? false
    try self.init(
      name == "qwen2" ? .qwen2 : .gpt2, vocabulary: tokens, merges: Array(lines.dropFirst(hasVersion ? 1 : 0)),
      prefixesSpace: try settings.flag("add_prefix_space") ?? false,
      addedTokens: added.compactMap(\.self) + (try settings.addedTokens()).filter { !known.contains($0.id) },
      template: template, file: folder + "/merges.txt", place: { "line \($0 + (hasVersion ? 2 : 1))" })
  }

  /// `gpt2`, `roberta` or `qwen2`.
  private static func familyName(_ settings: TokenizerSettings, folder: String) throws(InputError) -> String {
    let configPath = folder + "/config.json"
    var name = try settings.string("tokenizer_class")
    if name == nil, MappedFile.exists(configPath), let type = try JSON.read(path: configPath)["model_type"] {
      name = try type.string(file: configPath, at: "model_type")
    }
    switch name?.lowercased().replacing("tokenizer", with: "").replacing("fast", with: "") {
    case "gpt2": return "gpt2"
    case "roberta": return "roberta"
    case "qwen2", "qwen3": return "qwen2"
    default:
      throw InputError(
        file: folder,
        "vocab.json and merges.txt without tokenizer.json are read for GPT-2, RoBERTa and Qwen only; convert them with "
          + ModelFolder.conversion(by: "AutoTokenizer", folder))
    }
  }

  /// The lines of a file, without empty ones at the end.
  private static func readMerges(_ path: String) throws(InputError) -> [Substring] {
    let file = try MappedFile(path: path)
    guard let text = String(validating: file.bytes, as: UTF8.self) else {
      throw InputError(file: path, "invalid UTF-8, expected two tokens a line")
    }
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { Substring($0) }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
