// The families of models that can be loaded.

/// A family, by its name in `config.json`'s `model_type`.
public enum ModelFamily: String, Sendable, CaseIterable {
  case bert
  case roberta
  case xlmRoberta = "xlm-roberta"
  case camembert
  case electra
  case distilbert
  case debertaV2 = "deberta-v2"
  case llama, mistral, qwen2, qwen3
  case gpt2

  /// - Throws: where `model_type` is missing or unknown; the message lists the known ones.
  public init(_ config: JSON, file: String) throws(InputError) {
    let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
    guard let value = try config.object(file: file, at: "")["model_type"] else {
      throw InputError(file: file, place: "model_type", "missing; expected one of: \(known)")
    }
    let name = try value.string(file: file, at: "model_type")
    guard let family = Self(rawValue: name) else {
      throw InputError(
        file: file, place: "model_type", "\(JSON.quoted(name.excerpt)) is not supported; expected one of: \(known)")
    }
    self = family
  }

  /// Reads a `config.json` of this family.
  func blueprint(_ config: JSON, file: String) throws(InputError) -> any ModelBlueprint {
    switch self {
    case .bert: try EncoderConfig(config, .bert, file: file)
    case .roberta: try EncoderConfig(config, .roberta, file: file)
    case .xlmRoberta: try EncoderConfig(config, .xlmRoberta, file: file)
    case .camembert: try EncoderConfig(config, .camembert, file: file)
    case .electra: try EncoderConfig(config, .electra, file: file)
    case .distilbert: try EncoderConfig(config, .distilbert, file: file)
    case .debertaV2: try EncoderConfig(config, .debertaV2, file: file)
    case .llama, .mistral, .qwen2, .qwen3, .gpt2: try DecoderConfig(config, self, file: file)
    }
  }
}

extension ModelFolder {
  /// What `config.json` says of the model.
  /// - Throws: where the family is unknown, or for a value that is malformed or not supported.
  public func blueprint() throws(InputError) -> any ModelBlueprint {
    try ModelFamily(config, file: configPath).blueprint(config, file: configPath)
  }
}
