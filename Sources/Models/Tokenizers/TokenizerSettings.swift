// What `tokenizer_config.json` says: names of special tokens, flags, and how a conversation is written.

/// A model folder's `tokenizer_config.json`; empty where there is none.
struct TokenizerSettings {
  let path: String
  let root: JSON

  init(folder: String) throws(InputError) {
    path = folder + "/tokenizer_config.json"
    root =
      MappedFile.exists(path)
      ? .object(try JSON.read(path: path).object(file: path, at: "")) : .object(JSONObject([]))
  }

  /// - Returns: nil where there is no such key, or null.
  func flag(_ name: String) throws(InputError) -> Bool? {
    guard let value = root[name], value != .null else { return nil }
    return try value.bool(file: path, at: name)
  }

  func string(_ name: String) throws(InputError) -> String? {
    guard let value = root[name], value != .null else { return nil }
    return try value.string(file: path, at: name)
  }

  /// The template of conversations; of several the one called `default`.
  func chatTemplate() throws(InputError) -> String? {
    guard case .array(let entries)? = root["chat_template"] else { return try string("chat_template") }
    let entry = entries.first { $0["name"] == .string("default") }
    return try entry?.field("template", file: path, at: "chat_template").string(
      file: path, at: "chat_template.template")
  }

  /// The content of a token, which is written either as a string or as a whole added token.
  func token(_ name: String) throws(InputError) -> String? {
    guard let value = root[name], value != .null else { return nil }
    return try (value["content"] ?? value).string(file: path, at: name)
  }

  /// Such a token, which the text must have as it stands.
  func addedToken(_ name: String, default content: String, id: (String) -> Int32?) throws(InputError) -> AddedToken? {
    let content = try token(name) ?? content
    guard let id = id(content), !content.isEmpty else { return nil }
    let value = root[name] ?? .null
    return try addedToken(id: id, content: content, flags: value, at: name)
  }

  /// The tokens of `added_tokens_decoder`, by their ids.
  func addedTokens() throws(InputError) -> [AddedToken] {
    guard let section = root["added_tokens_decoder"], section != .null else { return [] }
    let place = "added_tokens_decoder"
    var tokens: [AddedToken] = []
    for (key, value) in try section.object(file: path, at: place) {
      guard let id = Int32(key), id >= 0, id < Int32.max else {
        throw InputError(file: path, place: "\(place).\(key.excerpt)", "expected an id")
      }
      let content = try value.field("content", file: path, at: "\(place).\(key)").string(
        file: path, at: "\(place).\(key).content")
      guard !content.isEmpty else { throw InputError(file: path, place: "\(place).\(key).content", "empty") }
      tokens.append(try addedToken(id: id, content: content, flags: value, at: "\(place).\(key)"))
    }
    return tokens
  }

  private func addedToken(
    id: Int32, content: String, flags: JSON, at place: String
  ) throws(InputError) -> AddedToken {
    func flag(_ name: String) throws(InputError) -> Bool {
      try flags[name]?.bool(file: path, at: "\(place).\(name)") ?? false
    }
    return AddedToken(
      id: id, content: content, singleWord: try flag("single_word"), lstrip: try flag("lstrip"),
      rstrip: try flag("rstrip"), normalized: try flag("normalized"))
  }
}
