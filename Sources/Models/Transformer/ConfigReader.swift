// Values out of a `config.json`, with HuggingFace's defaults.

import Kernels

/// Takes values out of a `config.json`. A null is as good as a key left out, as in HuggingFace's own reader.
struct ConfigReader {
  let config: JSON
  let file: String
  /// Of keys in errors, where `config` is a member of the file's object.
  var prefix = ""

  func value(_ key: String) -> JSON? { config[key] == .null ? nil : config[key] }

  func error(_ key: String, _ message: String) -> InputError { InputError(file: file, place: prefix + key, message) }

  func size(_ key: String, _ standard: Int, atLeast least: Int = 1, atMost limit: Int) throws(InputError) -> Int {
    guard let size = try value(key)?.integer(file: file, at: prefix + key) else { return standard }
    guard (least...limit).contains(size) else { throw error(key, "\(size), expected \(least) to \(limit)") }
    return size
  }

  func number(_ key: String, _ standard: Double, in range: ClosedRange<Double>) throws(InputError) -> Double {
    guard let number = try value(key)?.double(file: file, at: prefix + key) else { return standard }
    guard range.contains(number) else {
      throw error(key, "\(number), expected \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// - Throws: also where the key is left out, which a variant of this `kind` needs.
  func required(_ key: String, by kind: String, in range: ClosedRange<Double>) throws(InputError) -> Double {
    guard value(key) != nil else { throw error(key, "missing, which \(kind) needs") }
    return try number(key, range.lowerBound, in: range)
  }

  /// A probability below 1, at which dropout would divide by 0.
  func dropout(_ key: String, _ standard: Float) throws(InputError) -> Float {
    Float(try number(key, Double(standard), in: 0...0.99))
  }

  /// A size that divides another, which stands at `sizeKey`.
  func divisor(_ key: String, _ standard: Int, of size: Int, _ sizeKey: String) throws(InputError) -> Int {
    let divisor = try self.size(key, standard, atMost: size)
    guard size % divisor == 0 else {
      throw error(key, "\(divisor), expected a divisor of \(sizeKey), which is \(size)")
    }
    return divisor
  }

  func string(_ key: String, _ standard: String) throws(InputError) -> String {
    try value(key)?.string(file: file, at: prefix + key) ?? standard
  }

  func flag(_ key: String, _ standard: Bool) throws(InputError) -> Bool {
    try value(key)?.bool(file: file, at: prefix + key) ?? standard
  }

  /// - Throws: where a flag that is left out by default is not `expected`.
  func require(_ key: String, _ expected: Bool) throws(InputError) {
    guard try flag(key, expected) == expected else {
      throw error(key, "\(!expected) is not supported; expected \(expected)")
    }
  }

  func activation(_ key: String = "hidden_act", _ standard: Activation = .gelu) throws(InputError) -> Activation {
    guard let name = try value(key)?.string(file: file, at: prefix + key) else { return standard }
    guard let activation = Activation(named: name) else {
      throw error(
        key,
        "\(JSON.quoted(name.excerpt)) is not supported; expected gelu, gelu_new, gelu_pytorch_tanh, relu or tanh")
    }
    return activation
  }

  /// Left out is the standard, null is none.
  func padding(_ standard: Int? = 0, vocabularySize: Int) throws(InputError) -> Int? {
    guard let value = config["pad_token_id"] else { return standard }
    guard value != .null else { return nil }
    let id = try value.integer(file: file, at: "pad_token_id")
    guard (0..<vocabularySize).contains(id) else {
      throw error("pad_token_id", "\(id), expected below vocab_size, which is \(vocabularySize)")
    }
    return id
  }

  func labels() throws(InputError) -> [String] {
    let limit = 1 << 16
    let count = try value("num_labels") == nil ? nil : size("num_labels", 2, atMost: limit)
    guard let map = try value("id2label")?.object(file: file, at: "id2label") else {
      return (0..<(count ?? 2)).map { "LABEL_\($0)" }
    }
    guard (1...limit).contains(map.count) else {
      throw error("id2label", "\(map.count) labels, expected 1 to \(limit)")
    }
    if let count, count != map.count {
      throw error("num_labels", "\(count), but id2label has \(map.count) labels")
    }
    var names: [String] = []
    for id in 0..<map.count {
      guard let name = map[String(id)] else {
        throw error("id2label", "no label \(id), expected ids 0 to \(map.count - 1)")
      }
      names.append(try name.string(file: file, at: "id2label.\(id)"))
    }
    return names
  }
}
