// The section `model` of `tokenizer.json`.

extension TokenizerFile {
  func model(isByteLevel: Bool) throws(InputError) -> any SubwordModel {
    let section = try root.field("model", file: path)
    let type = try modelType(of: section)
    guard !isByteLevel || type == "BPE" else {
      throw InputError(file: path, place: "model.type", "\(type) behind ByteLevel, expected BPE")
    }
    switch type {
    case "BPE": return try bytePairEncoding(section, isByteLevel: isByteLevel)
    case "Unigram": return try unigram(section)
    default: return try wordPiece(section)
    }
  }

  /// The first releases wrote no type.
  private func modelType(of section: JSON) throws(InputError) -> String {
    if section["type"] == nil {
      if section["merges"] != nil { return "BPE" }
      if section["continuing_subword_prefix"] != nil { return "WordPiece" }
      if section["unk_id"] != nil { return "Unigram" }
    }
    return try type(of: section, at: "model", supported: ["WordPiece", "BPE", "Unigram"])
  }

  private func string(_ name: String, of section: JSON, default value: String) throws(InputError) -> String {
    guard let field = section[name], field != .null else { return value }
    return try field.string(file: path, at: "model.\(name)")
  }

  private func vocabulary(of section: JSON) throws(InputError) -> [(token: String, id: Int32)] {
    try vocabulary(try section.field("vocab", file: path, at: "model"), at: "model.vocab")
  }

  /// Tokens and their ids, as an object has them.
  func vocabulary(_ value: JSON, at place: String) throws(InputError) -> [(token: String, id: Int32)] {
    let object = try value.object(file: path, at: place)
    var vocabulary: [(token: String, id: Int32)] = []
    vocabulary.reserveCapacity(object.count)
    var owners: [Int32: String] = [:]
    for (token, value) in object {
      let id = try identifier(value, at: "\(place).\(token.excerpt)")
      if let owner = owners.updateValue(token, forKey: id) {
        throw InputError(
          file: path, place: "\(place).\(token.excerpt)",
          "the id \(id) belongs to \(JSON.quoted(owner.excerpt)) already")
      }
      vocabulary.append((token, id))
    }
    return vocabulary
  }

  // MARK: WordPiece

  private func wordPiece(_ section: JSON) throws(InputError) -> WordPiece {
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
    guard let model else { throw noUnknown(unknown) }
    return model
  }

  private func noUnknown(_ unknown: String) -> InputError {
    InputError(file: path, place: "model.vocab", "has no \(JSON.quoted(unknown.excerpt)), the unk_token")
  }

  // MARK: BPE

  private func bytePairEncoding(_ section: JSON, isByteLevel: Bool) throws(InputError) -> BytePairEncoding {
    if let dropout = section["dropout"], dropout != .null, try dropout.double(file: path, at: "model.dropout") != 0 {
      throw InputError(file: path, place: "model.dropout", "makes every reading of a text another, expected null")
    }
    var options = BytePairEncoding.Options()
    options.isByteLevel = isByteLevel
    options.fusesUnknown = try flag("fuse_unk", of: section, at: "model", default: false)
    options.fallsBackToBytes = try flag("byte_fallback", of: section, at: "model", default: false)
    options.ignoresMerges = try flag("ignore_merges", of: section, at: "model", default: false)
    options.continuingPrefix = try string("continuing_subword_prefix", of: section, default: "")
    options.endSuffix = try string("end_of_word_suffix", of: section, default: "")
    let vocabulary = try vocabulary(of: section)
    if let unknown = section["unk_token"], unknown != .null {
      let name = try unknown.string(file: path, at: "model.unk_token")
      guard vocabulary.contains(where: { ExactKey($0.token) == ExactKey(name) }) else { throw noUnknown(name) }
      options.unknown = name
    }
    return try BytePairEncoding(
      vocabulary: vocabulary, merges: try merges(of: section), options: options, file: path,
      place: { "model.merges[\($0)]" })
  }

  /// Merges, each as `"a b"` or, since release 0.20, as `["a", "b"]`.
  private func merges(of section: JSON) throws(InputError) -> [(first: String, second: String)] {
    let entries = try section.field("merges", file: path, at: "model").array(file: path, at: "model.merges")
    var merges: [(first: String, second: String)] = []
    merges.reserveCapacity(entries.count)
    for (index, entry) in entries.enumerated() {
      if case .string(let line) = entry, let merge = Self.merge(line) {
        merges.append(merge)
      } else if case .array(let pair) = entry, pair.count == 2, case .string(let first) = pair[0],
        case .string(let second) = pair[1]
      {
        merges.append((first, second))
      } else {
        throw InputError(file: path, place: "model.merges[\(index)]", "expected two tokens")
      }
    }
    return merges
  }

  /// Two tokens with a space between them.
  static func merge(_ line: some StringProtocol) -> (first: String, second: String)? {
    let bytes = line.utf8
    guard let space = bytes.firstIndex(of: 0x20) else { return nil }
    let second = bytes[bytes.index(after: space)...]
    guard !second.contains(0x20), space != bytes.startIndex, !second.isEmpty else { return nil }
    return (String(line[..<space]), String(line[bytes.index(after: space)...]))
  }

  // MARK: Unigram

  private func unigram(_ section: JSON) throws(InputError) -> Unigram {
    let entries = try section.field("vocab", file: path, at: "model").array(file: path, at: "model.vocab")
    var vocabulary: [(token: String, score: Double)] = []
    vocabulary.reserveCapacity(entries.count)
    for (index, entry) in entries.enumerated() {
      guard case .array(let pair) = entry, pair.count == 2, case .string(let token) = pair[0] else {
        throw InputError(file: path, place: "model.vocab[\(index)]", "expected a token and its score")
      }
      vocabulary.append((token, try pair[1].double(file: path, at: "model.vocab[\(index)][1]")))
    }
    let unknown = try identifier(
      try section.field("unk_id", file: path, at: "model"), at: "model.unk_id")
    guard Int(unknown) < vocabulary.count else {
      throw InputError(
        file: path, place: "model.unk_id", "\(unknown), expected the place of one of \(vocabulary.count) tokens")
    }
    return Unigram(
      vocabulary: vocabulary, unknownID: unknown,
      fallsBackToBytes: try flag("byte_fallback", of: section, at: "model", default: false))
  }
}
