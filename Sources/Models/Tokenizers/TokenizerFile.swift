// Reads `tokenizer.json`. Its `truncation`, `padding` and `decoder` sections are the caller's business and ignored.

extension WordPieceTokenizer {
  /// Reads a tokenizer that HuggingFace's `tokenizers` saved: a `WordPiece` model with BERT's normaliser,
  /// pre-tokenizer and special tokens.
  ///
  /// - Throws: where the file is missing or malformed, asks for a piece that is not supported, or contradicts itself.
  public convenience init(tokenizerJSON path: String) throws(InputError) {
    let file = TokenizerFile(path: path, root: try JSON.read(path: path))
    let normalizer = try file.normalizer()
    try file.checkPreTokenizer()
    let model = try file.wordPiece()
    let addedTokens = try file.addedTokens(model: model, normalizer: normalizer)
    self.init(
      normalizer: normalizer, model: model, addedTokens: addedTokens, template: try file.template())
  }
}

/// The sections of a `tokenizer.json`.
private struct TokenizerFile {
  let path: String
  let root: JSON

  /// The value of `type` in a section, which must be among the supported ones.
  private func type(of section: JSON, at place: String, supported: [String]) throws(InputError) -> String {
    if case .null = section { throw unsupported("none", at: place, supported) }
    let type = try section.field("type", file: path, at: place).string(file: path, at: "\(place).type")
    guard supported.contains(where: { $0.utf8.elementsEqual(type.utf8) }) else {
      throw unsupported(type.excerpt, at: "\(place).type", supported)
    }
    return type
  }

  private func unsupported(_ found: String, at place: String, _ supported: [String]) -> InputError {
    InputError(file: path, place: place, "\(found) is not supported; supported: \(supported.joined(separator: ", "))")
  }

  private func flag(_ name: String, of section: JSON, at place: String) throws(InputError) -> Bool {
    try section.field(name, file: path, at: place).bool(file: path, at: "\(place).\(name)")
  }

  // MARK: Normaliser and pre-tokenizer

  func normalizer() throws(InputError) -> BertNormalizer {
    let section = root["normalizer"] ?? .null
    if case .null = section {
      return BertNormalizer(cleansText: false, isolatesIdeographs: false, stripsAccents: false, lowercases: false)
    }
    _ = try type(of: section, at: "normalizer", supported: ["BertNormalizer"])
    let lowercases = try flag("lowercase", of: section, at: "normalizer")
    let stripsAccents: Bool
    switch section["strip_accents"] ?? .null {
    case .null: stripsAccents = lowercases
    case let value: stripsAccents = try value.bool(file: path, at: "normalizer.strip_accents")
    }
    return BertNormalizer(
      cleansText: try flag("clean_text", of: section, at: "normalizer"),
      isolatesIdeographs: try flag("handle_chinese_chars", of: section, at: "normalizer"),
      stripsAccents: stripsAccents, lowercases: lowercases)
  }

  func checkPreTokenizer() throws(InputError) {
    _ = try type(of: root["pre_tokenizer"] ?? .null, at: "pre_tokenizer", supported: ["BertPreTokenizer"])
  }

  // MARK: Model

  func wordPiece() throws(InputError) -> WordPiece {
    let section = try root.field("model", file: path)
    // The first releases wrote no type, and only WordPiece has a prefix for pieces that continue a word.
    if section["type"] != nil || section["continuing_subword_prefix"] == nil {
      _ = try type(of: section, at: "model", supported: ["WordPiece"])
    }
    let unknown = try string("unk_token", of: section, default: "[UNK]")
    var limit = 100
    if let value = section["max_input_chars_per_word"] {
      let place = "model.max_input_chars_per_word"
      limit = try value.integer(file: path, at: place)
      guard limit >= 0 else { throw InputError(file: path, place: place, "\(limit), expected 0 or more") }
    }
    let model = WordPiece(
      vocabulary: try vocabulary(of: section), unknown: unknown,
      prefix: try string("continuing_subword_prefix", of: section, default: "##"), maxWordLength: limit)
    guard let model else {
      throw InputError(file: path, place: "model.vocab", "has no \(JSON.quoted(unknown.excerpt)), the unk_token")
    }
    return model
  }

  private func string(_ name: String, of section: JSON, default value: String) throws(InputError) -> String {
    guard let field = section[name] else { return value }
    return try field.string(file: path, at: "model.\(name)")
  }

  private func vocabulary(of section: JSON) throws(InputError) -> [(token: String, id: Int32)] {
    let place = "model.vocab"
    let object = try section.field("vocab", file: path, at: "model").object(file: path, at: place)
    var vocabulary: [(token: String, id: Int32)] = []
    vocabulary.reserveCapacity(object.count)
    var owners: [Int32: String] = [:]
    for (token, value) in object {
      let place = "\(place).\(token.excerpt)"
      let id = try identifier(value, at: place)
      if let owner = owners.updateValue(token, forKey: id) {
        throw InputError(file: path, place: place, "the id \(id) belongs to \(JSON.quoted(owner.excerpt)) already")
      }
      vocabulary.append((token, id))
    }
    return vocabulary
  }

  private func identifier(_ value: JSON, at place: String) throws(InputError) -> Int32 {
    let id = try value.integer(file: path, at: place)
    guard id >= 0, id < Int(Int32.max) else {
      throw InputError(file: path, place: place, "the id \(id), expected one from 0 to \(Int32.max - 1)")
    }
    return Int32(id)
  }

  // MARK: Added tokens

  func addedTokens(model: WordPiece, normalizer: BertNormalizer) throws(InputError) -> [AddedToken] {
    guard let section = root["added_tokens"], section != .null else { return [] }
    var tokens: [AddedToken] = []
    var known: [ExactKey: Int32] = [:]
    var added: Set<Int32> = []
    for (index, entry) in try section.array(file: path, at: "added_tokens").enumerated() {
      let place = "added_tokens[\(index)]"
      let content = try entry.field("content", file: path, at: place).string(file: path, at: "\(place).content")
      let id = try identifier(try entry.field("id", file: path, at: place), at: "\(place).id")
      let expected = known[ExactKey(content)] ?? model.id(of: content)
      guard expected == id || expected == nil && !model.contains(id) && added.insert(id).inserted else {
        let reason = expected.map { ", expected \($0)" } ?? " belongs to another token already"
        throw InputError(file: path, place: "\(place).id", "the id \(id) of \(JSON.quoted(content.excerpt))\(reason)")
      }
      known[ExactKey(content)] = id
      let token = AddedToken(
        id: id, content: content, singleWord: try flag("single_word", of: entry, at: place),
        lstrip: try flag("lstrip", of: entry, at: place), rstrip: try flag("rstrip", of: entry, at: place),
        normalized: try flag("normalized", of: entry, at: place))
      let sought = token.normalized ? normalizer.normalized(Array(content.utf8)) : Array(content.utf8)
      guard !sought.isEmpty else {
        throw InputError(
          file: path, place: "\(place).content",
          "\(JSON.quoted(content.excerpt)) is empty"
            + (token.normalized ? " after normalisation" : ""))
      }
      tokens.append(token)
    }
    return tokens
  }

  // MARK: Special tokens around the text

  func template() throws(InputError) -> SequenceTemplate {
    let section = root["post_processor"] ?? .null
    if case .null = section { return .bare }
    let type = try type(
      of: section, at: "post_processor", supported: ["TemplateProcessing", "BertProcessing"])
    if type == "BertProcessing" {
      return .bert(cls: try bertSpecial("cls", of: section), sep: try bertSpecial("sep", of: section))
    }
    return SequenceTemplate(
      single: try pieces("single", of: section), pair: try pieces("pair", of: section))
  }

  /// A token and its id, as `["[CLS]", 101]`.
  private func bertSpecial(_ name: String, of section: JSON) throws(InputError) -> Int32 {
    let place = "post_processor.\(name)"
    let entry = try section.field(name, file: path, at: "post_processor").array(file: path, at: place)
    guard entry.count == 2 else { throw InputError(file: path, place: place, "expected a token and its id") }
    return try identifier(entry[1], at: "\(place)[1]")
  }

  private func pieces(_ name: String, of section: JSON) throws(InputError) -> [SequenceTemplate.Piece] {
    let place = "post_processor.\(name)"
    var pieces: [SequenceTemplate.Piece] = []
    let entries = try section.field(name, file: path, at: "post_processor").array(file: path, at: place)
    for (index, entry) in entries.enumerated() {
      let place = "\(place)[\(index)]"
      if let special = entry["SpecialToken"] {
        let (token, typeID) = try tokenAndType(special, at: "\(place).SpecialToken")
        pieces.append(.special(ids: try ids(ofSpecial: token, in: section), typeID: typeID))
        continue
      }
      let (sequence, typeID) = try tokenAndType(
        try entry.field("Sequence", file: path, at: place), at: "\(place).Sequence")
      switch sequence {
      case "A": pieces.append(.first(typeID: typeID))
      case "B" where name == "pair": pieces.append(.second(typeID: typeID))
      default:
        let expected = name == "pair" ? "A or B" : "A"
        throw InputError(
          file: path, place: "\(place).Sequence.id",
          "the sequence \(JSON.quoted(sequence.excerpt)), expected \(expected)")
      }
    }
    return pieces
  }

  private func tokenAndType(_ entry: JSON, at place: String) throws(InputError) -> (String, Int32) {
    (
      try entry.field("id", file: path, at: place).string(file: path, at: "\(place).id"),
      try identifier(try entry.field("type_id", file: path, at: place), at: "\(place).type_id")
    )
  }

  private func ids(ofSpecial token: String, in section: JSON) throws(InputError) -> [Int32] {
    let tokens = "post_processor.special_tokens"
    let place = "\(tokens).\(token.excerpt)"
    let entry = try section.field("special_tokens", file: path, at: "post_processor").field(
      token, file: path, at: tokens)
    var ids: [Int32] = []
    for id in try entry.field("ids", file: path, at: place).array(file: path, at: "\(place).ids") {
      ids.append(try identifier(id, at: "\(place).ids"))
    }
    return ids
  }
}
