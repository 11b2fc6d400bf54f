// Reads `tokenizer.json`. Its `truncation`, `padding` and `decoder` sections are the caller's business and ignored.

extension SubwordTokenizer {
  /// Reads a tokenizer that HuggingFace's `tokenizers` saved.
  ///
  /// - Throws: where the file is missing or malformed, asks for a piece that is not supported, or contradicts itself.
  public convenience init(tokenizerJSON path: String) throws(InputError) {
    try self.init(TokenizerFile(path: path, root: try JSON.read(path: path)))
  }

  /// - Throws: where it asks for a piece that is not supported, or contradicts itself.
  convenience init(_ file: TokenizerFile) throws(InputError) {
    let normalizer = try file.normalizer()
    let (preTokenizer, isByteLevel) = try file.preTokenizer()
    let model = try file.model(isByteLevel: isByteLevel)
    let addedTokens = try file.addedTokens(model: model, normalizer: normalizer)
    self.init(
      normalizer: normalizer, preTokenizer: preTokenizer, model: model, addedTokens: addedTokens,
      template: try file.template())
  }
}

/// The sections of a `tokenizer.json`.
struct TokenizerFile {
  let path: String
  let root: JSON

  /// The value of `type` in a section, which must be among the supported ones.
  func type(of section: JSON, at place: String, supported: [String]) throws(InputError) -> String {
    if case .null = section { throw unsupported("none", at: place, supported) }
    let type = try section.field("type", file: path, at: place).string(file: path, at: "\(place).type")
    guard supported.contains(where: { $0.utf8.elementsEqual(type.utf8) }) else {
      throw unsupported(type.excerpt, at: "\(place).type", supported)
    }
    return type
  }

  func unsupported(_ found: String, at place: String, _ supported: [String]) -> InputError {
    InputError(file: path, place: place, "\(found) is not supported; supported: \(supported.joined(separator: ", "))")
  }

  func flag(_ name: String, of section: JSON, at place: String) throws(InputError) -> Bool {
    try section.field(name, file: path, at: place).bool(file: path, at: "\(place).\(name)")
  }

  /// A flag that files of earlier releases lack.
  func flag(_ name: String, of section: JSON, at place: String, default value: Bool) throws(InputError) -> Bool {
    guard let field = section[name], field != .null else { return value }
    return try field.bool(file: path, at: "\(place).\(name)")
  }

  /// A string that is not empty.
  func text(_ name: String, of section: JSON, at place: String) throws(InputError) -> String {
    let text = try section.field(name, file: path, at: place).string(file: path, at: "\(place).\(name)")
    guard !text.isEmpty else { throw InputError(file: path, place: "\(place).\(name)", "empty") }
    return text
  }

  /// One of a few names.
  func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ name: String, of section: JSON, at place: String
  ) throws(InputError) -> Choice {
    let value = try section.field(name, file: path, at: place).string(file: path, at: "\(place).\(name)")
    guard let choice = Choice(rawValue: value) else {
      throw unsupported(value.excerpt, at: "\(place).\(name)", Choice.allCases.map(\.rawValue))
    }
    return choice
  }

  /// The entries of an array, each with its place.
  func entries(_ name: String, of section: JSON, at outer: String) throws(InputError) -> [(JSON, String)] {
    let place = "\(outer).\(name)"
    let entries = try section.field(name, file: path, at: outer).array(file: path, at: place)
    return entries.enumerated().map { ($0.element, "\(place)[\($0.offset)]") }
  }

  func identifier(_ value: JSON, at place: String) throws(InputError) -> Int32 {
    let id = try value.integer(file: path, at: place)
    guard id >= 0, id < Int(Int32.max) else {
      throw InputError(file: path, place: place, "the id \(id), expected one from 0 to \(Int32.max - 1)")
    }
    return Int32(id)
  }

  // MARK: Added tokens

  func addedTokens(model: any SubwordModel, normalizer: (any Normalizer)?) throws(InputError) -> [AddedToken] {
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
      let bytes = Array(content.utf8)
      let sought = token.normalized ? normalizer?.normalized(bytes) ?? bytes : bytes
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
    return try template(section, at: "post_processor") ?? .bare
  }

  /// Nil where a processor adds nothing.
  private func template(_ section: JSON, at place: String) throws(InputError) -> SequenceTemplate? {
    switch try type(
      of: section, at: place,
      supported: ["TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence"])
    {
    case "Sequence":
      var template: SequenceTemplate?
      for (entry, place) in try entries("processors", of: section, at: place) {
        guard let next = try self.template(entry, at: place) else { continue }
        guard template == nil else {
          throw InputError(file: path, place: place, "a second processor that adds tokens, expected one")
        }
        template = next
      }
      return template
    case "ByteLevel": return nil  // trims offsets, which are not computed here
    case "BertProcessing":
      return .bert(
        cls: try bertSpecial("cls", of: section, at: place), sep: try bertSpecial("sep", of: section, at: place))
    case "RobertaProcessing":
      return .roberta(
        cls: try bertSpecial("cls", of: section, at: place), sep: try bertSpecial("sep", of: section, at: place))
    default:
      return SequenceTemplate(
        single: try pieces("single", of: section, at: place), pair: try pieces("pair", of: section, at: place))
    }
  }

  /// A token and its id, as `["[CLS]", 101]`.
  private func bertSpecial(_ name: String, of section: JSON, at outer: String) throws(InputError) -> Int32 {
    let place = "\(outer).\(name)"
    let entry = try section.field(name, file: path, at: outer).array(file: path, at: place)
    guard entry.count == 2 else { throw InputError(file: path, place: place, "expected a token and its id") }
    return try identifier(entry[1], at: "\(place)[1]")
  }

  private func pieces(
    _ name: String, of section: JSON, at outer: String
  ) throws(InputError) -> [SequenceTemplate.Piece] {
    var pieces: [SequenceTemplate.Piece] = []
    for (entry, place) in try entries(name, of: section, at: outer) {
      if let special = entry["SpecialToken"] {
        let (token, typeID) = try tokenAndType(special, at: "\(place).SpecialToken")
        pieces.append(.special(ids: try ids(ofSpecial: token, in: section, at: outer), typeID: typeID))
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

  private func ids(ofSpecial token: String, in section: JSON, at outer: String) throws(InputError) -> [Int32] {
    let tokens = "\(outer).special_tokens"
    let place = "\(tokens).\(token.excerpt)"
    let entry = try section.field("special_tokens", file: path, at: outer).field(
      token, file: path, at: tokens)
    var ids: [Int32] = []
    for id in try entry.field("ids", file: path, at: place).array(file: path, at: "\(place).ids") {
      ids.append(try identifier(id, at: "\(place).ids"))
    }
    return ids
  }
}
