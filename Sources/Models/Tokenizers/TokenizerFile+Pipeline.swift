// The sections of `tokenizer.json` that prepare a text for the model.

extension TokenizerFile {
  // MARK: Normaliser

  /// How many bytes a byte may become; no tokenizer in use comes near.
  private static let mostGrowth = 1 << 16

  func normalizer() throws(InputError) -> (any Normalizer)? {
    let section = root["normalizer"] ?? .null
    if case .null = section { return nil }
    let normalizer = try normalizer(section, at: "normalizer")
    guard normalizer.growth <= Self.mostGrowth else {
      throw InputError(
        file: path, place: "normalizer",
        "a byte can become \(normalizer.growth) bytes, expected at most \(Self.mostGrowth)")
    }
    return normalizer
  }

  private func normalizer(_ section: JSON, at place: String) throws(InputError) -> any Normalizer {
    let forms = UnicodeForm.Form.allCases.map(\.rawValue)
    let type = try type(
      of: section, at: place,
      supported: [
        "BertNormalizer", "Sequence", "Lowercase", "StripAccents", "Strip", "Replace", "Prepend", "Precompiled", "Nmt",
      ] + forms)
    switch type {
    case "BertNormalizer": return try bertNormalizer(section, at: place)
    case "Sequence":
      var normalizers: [any Normalizer] = []
      for (entry, place) in try entries("normalizers", of: section, at: place) {
        normalizers.append(try normalizer(entry, at: place))
      }
      return NormalizerSequence(normalizers: normalizers)
    case "Lowercase": return ScalarNormalizer.lowercase
    case "StripAccents": return ScalarNormalizer.stripAccents
    case "Nmt": return ScalarNormalizer.nmt
    case "Strip":
      return StripNormalizer(
        left: try flag("strip_left", of: section, at: place), right: try flag("strip_right", of: section, at: place))
    case "Replace":
      let content = try section.field("content", file: path, at: place).string(file: path, at: "\(place).content")
      return ReplaceNormalizer(pattern: try pattern(of: section, at: place), content: Array(content.utf8))
    case "Prepend":
      let prefix = try section.field("prepend", file: path, at: place).string(file: path, at: "\(place).prepend")
      return PrependNormalizer(prefix: Array(prefix.utf8))
    case "Precompiled":
      let map = try text("precompiled_charsmap", of: section, at: place)
      guard let normalizer = CharacterMap(base64: map) else {
        throw InputError(
          file: path, place: "\(place).precompiled_charsmap", "expected a double-array trie and strings, in Base64")
      }
      return normalizer
    default:
      guard let form = UnicodeForm.Form(rawValue: type) else { throw unsupported(type, at: place, forms) }
      return UnicodeForm(form)
    }
  }

  private func bertNormalizer(_ section: JSON, at place: String) throws(InputError) -> BertNormalizer {
    let lowercases = try flag("lowercase", of: section, at: place)
    return BertNormalizer(
      cleansText: try flag("clean_text", of: section, at: place),
      isolatesIdeographs: try flag("handle_chinese_chars", of: section, at: place),
      stripsAccents: try flag("strip_accents", of: section, at: place, default: lowercases), lowercases: lowercases)
  }

  /// The field `pattern`: `{"String": …}` or `{"Regex": …}`.
  private func pattern(of section: JSON, at place: String) throws(InputError) -> TextPattern {
    let field = try section.field("pattern", file: path, at: place)
    let place = "\(place).pattern"
    guard field["Regex"] != nil else { return .literal(Array(try text("String", of: field, at: place).utf8)) }
    let regex = try text("Regex", of: field, at: place)
    guard let pattern = TextPattern(regex: regex) else {
      throw unsupported("the expression \(regex.excerpt)", at: "\(place).Regex", TextPattern.knownRegexes)
    }
    return pattern
  }

  // MARK: Pre-tokenizer

  /// The pre-tokenizer, nil where there is none, and whether the model sees bytes.
  func preTokenizer() throws(InputError) -> ((any PreTokenizer)?, isByteLevel: Bool) {
    var parts: [any PreTokenizer] = []
    var isByteLevel = false
    let section = root["pre_tokenizer"] ?? .null
    if case .null = section { return (nil, false) }
    try appendPreTokenizers(section, at: "pre_tokenizer", to: &parts, &isByteLevel)
    return (parts.count == 1 ? parts[0] : PreTokenizerSequence(preTokenizers: parts), isByteLevel)
  }

  private func appendPreTokenizers(
    _ section: JSON, at place: String, to parts: inout [any PreTokenizer], _ isByteLevel: inout Bool
  ) throws(InputError) {
    let type = try type(
      of: section, at: place,
      supported: [
        "BertPreTokenizer", "Sequence", "ByteLevel", "Split", "Digits", "Metaspace", "Whitespace", "WhitespaceSplit",
        "Punctuation",
      ])
    guard !isByteLevel else {
      throw InputError(file: path, place: place, "\(type) behind ByteLevel, expected ByteLevel as the last")
    }
    switch type {
    case "Sequence":
      for (entry, place) in try entries("pretokenizers", of: section, at: place) {
        try appendPreTokenizers(entry, at: place, to: &parts, &isByteLevel)
      }
    case "ByteLevel":
      if try flag("add_prefix_space", of: section, at: place) { parts.append(PrefixSpace()) }
      if try flag("use_regex", of: section, at: place, default: true) {
        parts.append(PatternPreTokenizer(pattern: .words(WordScanner(.gpt2)), behavior: .isolated))
      }
      isByteLevel = true
    case "Split":
      parts.append(
        PatternPreTokenizer(
          pattern: try pattern(of: section, at: place), behavior: try choice("behavior", of: section, at: place),
          inverts: try flag("invert", of: section, at: place, default: false)))
    case "Digits":
      let isSingle = try flag("individual_digits", of: section, at: place)
      parts.append(PatternPreTokenizer(pattern: .digit, behavior: isSingle ? .isolated : .contiguous))
    case "Punctuation":
      parts.append(
        PatternPreTokenizer(
          pattern: .punctuation,
          behavior: section["behavior"] == nil ? .isolated : try choice("behavior", of: section, at: place)))
    case "Whitespace":
      parts.append(PatternPreTokenizer(pattern: .wordOrSymbols, behavior: .removed, inverts: true))
    case "WhitespaceSplit": parts.append(PatternPreTokenizer(pattern: .whitespace, behavior: .removed))
    case "Metaspace": parts.append(try metaspace(section, at: place))
    default: parts.append(BertPreTokenizer())
    }
  }

  private func metaspace(_ section: JSON, at place: String) throws(InputError) -> Metaspace {
    let replacement = try text("replacement", of: section, at: place)
    guard replacement.unicodeScalars.count == 1 else {
      throw InputError(file: path, place: "\(place).replacement", "expected one character")
    }
    var scheme = Metaspace.PrependScheme.always
    if section["prepend_scheme"] != nil {
      scheme = try choice("prepend_scheme", of: section, at: place)
    }
    // Earlier releases had a flag instead, and it wins where it contradicts.
    if try !flag("add_prefix_space", of: section, at: place, default: true) { scheme = .never }
    return Metaspace(
      replacement: Array(replacement.utf8), scheme: scheme,
      splits: try flag("split", of: section, at: place, default: true))
  }
}
