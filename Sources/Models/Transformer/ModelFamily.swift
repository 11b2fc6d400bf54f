// The families of models that can be loaded.

/// A family, by its name in `config.json`'s `model_type`.
public enum ModelFamily: String, Sendable, CaseIterable {
  case bert

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
}
