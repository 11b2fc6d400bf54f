// The tokenizer in a GGUF file's metadata, put in the words of `tokenizer.json`.

/// Byte-level BPE, as `tokenizer.ggml.model` "gpt2" means it. llama.cpp knows the rest of a pipeline by a name,
/// `tokenizer.ggml.pre`.
struct GGUFTokenizer {
  private static let prefix = "tokenizer.ggml."
  private let metadata: JSON
  private let path: String

  init(_ file: GGUFFile) {
    metadata = file.metadata
    path = file.path
  }

  /// What `tokenizer.json` would say.
  /// - Throws: for another kind of tokenizer, and for metadata that are missing or malformed.
  func json() throws(InputError) -> JSON {
    let model = try value("model").string(file: path, at: key("model"))
    guard model == "gpt2" else {
      throw InputError(
        file: path, place: key("model"),
        "\(JSON.quoted(model.excerpt)) is not supported; expected \"gpt2\", or a tokenizer.json in the model's folder")
    }
    let tokens = try strings("tokens")
    let pipeline = try pipeline()
    let vocabulary = try vocabulary(tokens)
    return .object(
      JSONObject([
        ("added_tokens", .array(try addedTokens(tokens))), ("normalizer", pipeline.normalizer),
        ("pre_tokenizer", pipeline.preTokenizer), ("post_processor", try postProcessor(tokens)),
        (
          "model",
          .object(
            JSONObject([
              ("type", .string("BPE")), ("ignore_merges", .bool(pipeline.ignoresMerges)), ("vocab", vocabulary),
              ("merges", try value("merges")),
            ]))
        ),
      ]))
  }

  private func key(_ name: String) -> String { Self.prefix + name }

  private func value(_ name: String) throws(InputError) -> JSON { try metadata.field(key(name), file: path) }

  private func strings(_ name: String) throws(InputError) -> [String] {
    var strings: [String] = []
    for (i, entry) in try value(name).array(file: path, at: key(name)).enumerated() {
      strings.append(try entry.string(file: path, at: "\(key(name))[\(i)]"))
    }
    return strings
  }

  private func vocabulary(_ tokens: [String]) throws(InputError) -> JSON {
    var vocabulary = JSONObject()
    for (id, token) in tokens.enumerated() {
      guard vocabulary.append(token, .integer(id)) else {
        throw InputError(file: path, place: "\(key("tokens"))[\(id)]", "\(JSON.quoted(token.excerpt)) occurs twice")
      }
    }
    return .object(vocabulary)
  }

  /// Control and user-defined tokens, which are recognised in the text before it is divided.
  private func addedTokens(_ tokens: [String]) throws(InputError) -> [JSON] {
    guard let types = metadata[key("token_type")] else { return [] }
    var added: [JSON] = []
    for (id, type) in try types.array(file: path, at: key("token_type")).enumerated().prefix(tokens.count) {
      let type = try type.integer(file: path, at: "\(key("token_type"))[\(id)]")
      guard type == 3 || type == 4 else { continue }
      let off = ["single_word", "lstrip", "rstrip", "normalized"].map { ($0, JSON.bool(false)) }
      added.append(.object(JSONObject([("id", .integer(id)), ("content", .string(tokens[id]))] + off)))
    }
    return added
  }

  private func pipeline() throws(InputError) -> (normalizer: JSON, preTokenizer: JSON, ignoresMerges: Bool) {
    func object(_ type: String, _ entries: (String, JSON)...) -> JSON {
      .object(JSONObject([("type", .string(type))] + entries))
    }
    func bytes(_ usesRegex: Bool) -> JSON {
      object("ByteLevel", ("add_prefix_space", .bool(false)), ("use_regex", .bool(usesRegex)))
    }
    func sequence(_ first: JSON, _ second: JSON) -> JSON {
      object("Sequence", ("pretokenizers", .array([first, second])))
    }
    func split(_ grammar: WordScanner.Grammar) -> JSON {
      let pattern = JSON.object(JSONObject([("Regex", .string(grammar.rawValue))]))
      return object("Split", ("pattern", pattern), ("behavior", .string("Isolated")), ("invert", .bool(false)))
    }
    let name = try value("pre").string(file: path, at: key("pre"))
    switch name {
    case "gpt-2", "gpt2": return (.null, bytes(true), false)
    case "smollm": return (.null, sequence(object("Digits", ("individual_digits", .bool(true))), bytes(true)), false)
    case "llama-bpe": return (.null, sequence(split(.llama3), bytes(false)), true)
    case "qwen2": return (object("NFC"), sequence(split(.qwen2), bytes(false)), false)
    default:
      throw InputError(
        file: path, place: key("pre"),
        "\(JSON.quoted(name.excerpt)) is not supported; expected gpt-2, smollm, llama-bpe or qwen2, or a tokenizer.json in "
          + "the model's folder")
    }
  }

  /// Begin and end of a text, where they are asked for.
  private func postProcessor(_ tokens: [String]) throws(InputError) -> JSON {
    var pieces = [JSON.object(JSONObject([("Sequence", Self.piece("A"))]))]
    var specials = JSONObject()
    for name in ["bos", "eos"] {
      let flag = key("add_\(name)_token")
      guard let adds = metadata[flag], try adds.bool(file: path, at: flag) else { continue }
      let id = try value("\(name)_token_id").integer(file: path, at: key("\(name)_token_id"))
      guard tokens.indices.contains(id) else {
        throw InputError(file: path, place: key("\(name)_token_id"), "\(id), expected below \(tokens.count)")
      }
      let piece = JSON.object(JSONObject([("SpecialToken", Self.piece(tokens[id]))]))
      pieces.insert(piece, at: name == "bos" ? 0 : pieces.count)
      // Both may be the same token.
      _ = specials.append(tokens[id], .object(JSONObject([("ids", .array([.integer(id)]))])))
    }
    guard !specials.isEmpty else { return .null }
    return .object(
      JSONObject([
        ("type", .string("TemplateProcessing")), ("single", .array(pieces)), ("pair", .array(pieces)),
        ("special_tokens", .object(specials)),
      ]))
  }

  private static func piece(_ id: String) -> JSON {
    .object(JSONObject([("id", .string(id)), ("type_id", .integer(0))]))
  }
}
