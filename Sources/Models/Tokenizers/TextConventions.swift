// What a model's folder says of the end of a text, and of how a conversation is written.

public struct TextConventions: Sendable {
  /// The token that ends a text.
  public let endToken: String
  public let endID: Int32
  /// The model's own template for conversations, in Jinja; nil where it has none.
  public let chatTemplate: String?
  /// Where the template stands, for errors.
  public let file: String

  public init(endToken: String, endID: Int32, chatTemplate: String?, file: String) {
    self.endToken = endToken
    self.endID = endID
    self.chatTemplate = chatTemplate
    self.file = file
  }

  /// Of a folder as `init(folder:tokenizer:)` reads it; of a GGUF file the same in its metadata.
  /// - Throws: where no end token is named, or the tokenizer lacks it.
  public init(_ folder: ModelFolder, tokenizer: any Tokenizer) throws(InputError) {
    self = if let gguf = folder.gguf { try Self(gguf) } else { try Self(folder: folder.path, tokenizer: tokenizer) }
  }

  /// Reads `eos_token` and `chat_template` of `tokenizer_config.json`, or `chat_template.jinja` beside it.
  /// - Throws: where no end token is named, or the tokenizer lacks it.
  public init(folder: String, tokenizer: any Tokenizer) throws(InputError) {
    let settings = try TokenizerSettings(folder: folder)
    guard let token = try settings.token("eos_token") else {
      throw InputError(file: settings.path, place: "eos_token", "missing, expected the token that ends a text")
    }
    guard let id = tokenizer.id(of: token) else {
      throw InputError(
        file: settings.path, place: "eos_token", "the tokenizer has no \(JSON.quoted(token.excerpt))")
    }
    let jinja = folder + "/chat_template.jinja"
    guard MappedFile.exists(jinja) else {
      self.init(
        endToken: token, endID: id, chatTemplate: try settings.chatTemplate(), file: settings.path)
      return
    }
    let file = try MappedFile(path: jinja)
    guard let template = String(validating: file.bytes, as: UTF8.self) else {
      throw InputError(file: jinja, "invalid UTF-8, expected a template")
    }
    self.init(endToken: token, endID: id, chatTemplate: template, file: jinja)
  }

  private init(_ file: GGUFFile) throws(InputError) {
    let place = "tokenizer.ggml.eos_token_id"
    let id = try file.metadata.field(place, file: file.path).integer(file: file.path, at: place)
    let tokens = try file.metadata["tokenizer.ggml.tokens"]?.array(file: file.path, at: "tokenizer.ggml.tokens") ?? []
    guard tokens.indices.contains(id) else {
      throw InputError(file: file.path, place: place, "\(id), expected below \(tokens.count)")
    }
    self.init(
      endToken: try tokens[id].string(file: file.path, at: "tokenizer.ggml.tokens[\(id)]"), endID: Int32(id),
      chatTemplate: try file.metadata["tokenizer.chat_template"]?.string(
        file: file.path, at: "tokenizer.chat_template"),
      file: file.path)
  }
}
