// Byte-level tokenizers without `tokenizer.json`: `vocab.json` with `merges.txt`, and the name of a family.

/// The families of which such folders are read.
private enum ByteLevelFamily: String, CaseIterable {
  case gpt2, roberta
  /// Qwen 3 is the same.
  case qwen2

  var normalizer: (any Normalizer)? { self == .qwen2 ? UnicodeForm(.nfc) : nil }

  var preTokenizer: any PreTokenizer {
    PatternPreTokenizer(pattern: .words(WordScanner(self == .qwen2 ? .qwen2 : .gpt2)), behavior: .isolated)
  }
}

extension SubwordTokenizer {
  /// Reads `vocab.json` and `merges.txt` in a folder whose `config.json` or `tokenizer_config.json` names GPT-2, RoBERTa
  /// or Qwen.
  convenience init(mergesFolder folder: String) throws(InputError) {
    let settings = try TokenizerSettings(folder: folder)
    let path = folder + "/vocab.json"
    let vocabulary = TokenizerFile(path: path, root: try JSON.read(path: path))
    let tokens = try vocabulary.vocabulary(vocabulary.root, at: "")
    let ids = Dictionary(tokens.map { (ExactKey($0.token), $0.id) }) { first, _ in first }
    let family = try Self.family(settings, folder: folder)
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
    if family == .roberta {
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
    var options = BytePairEncoding.Options()
    options.isByteLevel = true
    let mergesPath = folder + "/merges.txt"
    let (merges, firstLine) = try Self.readMerges(mergesPath)
    let model = try BytePairEncoding(
      vocabulary: tokens, merges: merges, options: options, file: mergesPath, place: { "line \($0 + firstLine)" })
    let words = family.preTokenizer
    let prefixesSpace = try settings.flag("add_prefix_space") ?? false
    self.init(
      normalizer: family.normalizer,
      preTokenizer: prefixesSpace ? PreTokenizerSequence(preTokenizers: [PrefixSpace(), words]) : words, model: model,
      addedTokens: added.compactMap(\.self) + (try settings.addedTokens()).filter { !known.contains($0.id) },
      template: template)
  }

  private static func family(_ settings: TokenizerSettings, folder: String) throws(InputError) -> ByteLevelFamily {
    let configPath = folder + "/config.json"
    var name = try settings.string("tokenizer_class")
    if name == nil, MappedFile.exists(configPath), let type = try JSON.read(path: configPath)["model_type"] {
      name = try type.string(file: configPath, at: "model_type")
    }
    let short = (name ?? "").lowercased().replacing("tokenizer", with: "").replacing("fast", with: "")
    guard let family = ByteLevelFamily(rawValue: short == "qwen3" ? "qwen2" : short) else {
      throw InputError(
        file: folder,
        "vocab.json and merges.txt without tokenizer.json are read for GPT-2, RoBERTa and Qwen only; convert them with "
          + ModelFolder.conversion(by: "AutoTokenizer", folder))
    }
    return family
  }

  /// Two tokens a line, the first learned first; the first line may be a version.
  /// - Returns: also the number of the first merge's line.
  private static func readMerges(
    _ path: String
  ) throws(InputError) -> (merges: [(first: String, second: String)], firstLine: Int) {
    let file = try MappedFile(path: path)
    guard let text = String(validating: file.bytes, as: UTF8.self) else {
      throw InputError(file: path, "invalid UTF-8, expected two tokens a line")
    }
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { Substring($0) }[...]
    while lines.last?.isEmpty == true { lines.removeLast() }
    let firstLine = lines.first?.hasPrefix("#version") == true ? 2 : 1
    var merges: [(first: String, second: String)] = []
    for (index, line) in lines.dropFirst(firstLine - 1).enumerated() {
      guard let merge = TokenizerFile.merge(line) else {
        throw InputError(
          file: path, place: "line \(index + firstLine)", "expected two tokens with a space between them")
      }
      merges.append(merge)
    }
    return (merges, firstLine)
  }
}
