// Reads `vocab.txt`, a token a line, with the settings that `tokenizer_config.json` may hold beside it.

extension SubwordTokenizer {
  /// The names of BERT's special tokens. Those that stand in the text are recognised where the vocabulary has them.
  public struct SpecialTokens: Sendable {
    public var unknown = "[UNK]"
    public var cls = "[CLS]"
    public var sep = "[SEP]"
    public var pad = "[PAD]"
    public var mask = "[MASK]"

    public init() {}
  }

  /// Reads a vocabulary with a token a line, the first being id 0. White space at a line's end is no part of the token;
  /// of equal lines the last counts.
  ///
  /// - Parameters:
  ///   - stripAccents: nil for whatever `lowercase` is, as in the original BERT.
  ///   - isolateIdeographs: `tokenize_chinese_chars` in HuggingFace's configuration.
  /// - Throws: where the file is missing or not UTF-8, or lacks the unknown, CLS or SEP token.
  public convenience init(
    vocabulary path: String, lowercase: Bool = true, stripAccents: Bool? = nil, isolateIdeographs: Bool = true,
    specialTokens: SpecialTokens = SpecialTokens()
  ) throws(InputError) {
    let tokens = try Self.readVocabulary(path)
    guard let model = WordPiece(vocabulary: tokens, unknown: specialTokens.unknown) else {
      throw Self.missing(specialTokens.unknown, path)
    }
    guard let cls = model.id(of: specialTokens.cls) else { throw Self.missing(specialTokens.cls, path) }
    guard let sep = model.id(of: specialTokens.sep) else { throw Self.missing(specialTokens.sep, path) }
    let names = [
      specialTokens.unknown, specialTokens.cls, specialTokens.sep, specialTokens.pad, specialTokens.mask,
    ]
    self.init(
      normalizer: BertNormalizer(
        isolatesIdeographs: isolateIdeographs, stripsAccents: stripAccents ?? lowercase, lowercases: lowercase),
      preTokenizer: BertPreTokenizer(), model: model,
      addedTokens: names.compactMap { name in model.id(of: name).map { AddedToken(id: $0, content: name) } },
      template: .bert(cls: cls, sep: sep))
  }

  /// Reads `vocab.txt` and, where there is one, `tokenizer_config.json` in `folder`.
  convenience init(vocabularyFolder folder: String) throws(InputError) {
    let settings = try TokenizerSettings(folder: folder)
    var special = SpecialTokens()
    special.unknown = try settings.token("unk_token") ?? special.unknown
    special.cls = try settings.token("cls_token") ?? special.cls
    special.sep = try settings.token("sep_token") ?? special.sep
    special.pad = try settings.token("pad_token") ?? special.pad
    special.mask = try settings.token("mask_token") ?? special.mask
    try self.init(
      vocabulary: folder + "/vocab.txt", lowercase: try settings.flag("do_lower_case") ?? true,
      stripAccents: try settings.flag("strip_accents"),
      isolateIdeographs: try settings.flag("tokenize_chinese_chars") ?? true,
      specialTokens: special)
  }

  private static func readVocabulary(_ path: String) throws(InputError) -> [(token: Substring, id: Int32)] {
    let file = try MappedFile(path: path)
    var tokens: [(token: Substring, id: Int32)] = []
    var rest = UnsafeRawBufferPointer(rebasing: file.bytes[...])
    while !rest.isEmpty {
      let end = rest.firstIndex(of: 0x0A) ?? rest.count
      guard let line = String(validating: rest[..<end], as: UTF8.self) else {
        throw InputError(file: path, place: "line \(tokens.count + 1)", "invalid UTF-8, expected a token")
      }
      var scalars = line.unicodeScalars[...]
      while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
      tokens.append((Substring(scalars), Int32(truncatingIfNeeded: tokens.count)))
      rest = UnsafeRawBufferPointer(rebasing: rest[min(end + 1, rest.count)...])
    }
    guard tokens.count < Int(Int32.max) else {
      throw InputError(file: path, "\(tokens.count) lines, expected fewer than \(Int32.max)")
    }
    return tokens
  }

  private static func missing(_ token: String, _ path: String) -> InputError {
    InputError(file: path, "the vocabulary has no \(JSON.quoted(token.excerpt)); expected the special tokens in it")
  }
}
