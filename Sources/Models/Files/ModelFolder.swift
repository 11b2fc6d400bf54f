// A pretrained model's folder, as `save_pretrained` writes it, or a GGUF file.

import Foundation

/// Configuration and weights of a model: `config.json` with `model.safetensors`, or with shards and their index; or one
/// GGUF file, which has all of it, alone or in a folder without weights of another kind.
public final class ModelFolder: WeightSource, Sendable {
  public static let weightsName = "model.safetensors"
  public static let indexName = "model.safetensors.index.json"

  public let path: String
  public let config: JSON
  /// Of `config.json` or the GGUF file, for errors.
  public let configPath: String
  /// In the file's order, or the index's.
  public let names: [String]
  /// The file that has everything; nil of a folder of `config.json` and safetensors.
  let gguf: GGUFFile?
  private let files: [ExactKey: any WeightSource & Sendable]
  /// The file that should have had a missing tensor.
  private let weightsPath: String

  /// - Throws: where a file is missing or malformed, or the weights are a pickle.
  public init(path: String) throws(InputError) {
    self.path = path
    let single = path + "/" + Self.weightsName
    let index = path + "/" + Self.indexName
    gguf = try Self.gguf(path)
    if let file = gguf {
      config = file.config
      configPath = file.path
      weightsPath = file.path
      names = file.names
      files = Dictionary(uniqueKeysWithValues: file.names.map { (ExactKey($0), file) })
      return
    }
    configPath = path + "/config.json"
    config = try JSON.read(path: configPath)
    if MappedFile.exists(single) {
      let file = try SafetensorsFile(path: single)
      weightsPath = single
      names = file.names
      files = Dictionary(uniqueKeysWithValues: file.names.map { (ExactKey($0), file) })
    } else if MappedFile.exists(index) {
      weightsPath = index
      (names, files) = try Self.shards(index, in: path)
    } else {
      throw Self.noWeights(path, config)
    }
  }

  /// Opens the GGUF file that `path` is or holds; nil where it is a folder with other weights or none.
  static func gguf(_ path: String) throws(InputError) -> GGUFFile? {
    guard MappedFile.isFolder(path) else {
      if path.hasSuffix(ggufSuffix), MappedFile.exists(path) { return try GGUFFile(path: path) }
      throw InputError(
        .missing, file: path,
        MappedFile.exists(path)
          ? "a file, expected a model's folder or a file that ends in \(ggufSuffix)"
          : "no such folder; expected a model's")
    }
    guard ![weightsName, indexName].contains(where: { MappedFile.exists(path + "/" + $0) }),
      let entries = try? FileManager.default.contentsOfDirectory(atPath: path)
    else { return nil }
    let found = entries.filter { $0.hasSuffix(ggufSuffix) }.sorted()
    guard found.count < 2 else {
      throw InputError(
        file: path, "\(found.count) GGUF files; name the one to use, such as \(path)/\(found[0].excerpt)")
    }
    guard let name = found.first else { return nil }
    return try GGUFFile(path: path + "/" + name)
  }

  private static let ggufSuffix = ".gguf"

  /// A tensor from whichever file holds it.
  public func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let file = files[ExactKey(name)] else {
      throw InputError(
        file: weightsPath, place: "tensor \(name.excerpt)",
        "missing" + (shape.map { "; expected one of shape \($0)" } ?? ""))
    }
    return try file.stored(name, shape: shape)
  }

  /// Opens the shards that an index names.
  private static func shards(
    _ index: String, in folder: String
  ) throws(InputError) -> (names: [String], files: [ExactKey: any WeightSource & Sendable]) {
    let map = try JSON.read(path: index).field("weight_map", file: index).object(file: index, at: "weight_map")
    var shards: [ExactKey: SafetensorsFile] = [:]
    var files: [ExactKey: any WeightSource & Sendable] = [:]
    for (name, value) in map {
      let place = "weight_map.\(name.excerpt)"
      let shard = try value.string(file: index, at: place)
      guard !shard.isEmpty, shard != ".", shard != "..", !shard.utf8.contains(where: { $0 == 0x2F || $0 == 0 }) else {
        throw InputError(
          file: index, place: place,
          "the shard \(JSON.quoted(shard.excerpt)), expected the name of a file in the same folder")
      }
      let shardPath = folder + "/" + shard
      guard shards[ExactKey(shard)] != nil || MappedFile.exists(shardPath) else {
        throw InputError(.missing, file: index, place: place, "the shard \(shard.excerpt) is not in the folder")
      }
      let file = if let open = shards[ExactKey(shard)] { open } else { try SafetensorsFile(path: shardPath) }
      shards[ExactKey(shard)] = file
      guard file.tensor(name) != nil else {
        throw InputError(file: index, place: place, "the shard \(shard.excerpt) has no such tensor")
      }
      files[ExactKey(name)] = file
    }
    return (map.map(\.key), files)
  }

  /// Why there are no weights that can be used, and what to do about a pickle.
  private static func noWeights(_ path: String, _ config: JSON) -> InputError {
    let pickle = ["pytorch_model.bin", "pytorch_model.bin.index.json"].first { MappedFile.exists(path + "/" + $0) }
    guard let pickle else {
      return InputError(.missing, file: path, "no \(weightsName), no \(indexName) and no \(ggufSuffix) file")
    }
    // The model's own class, so that its head is converted too; only a plain name may enter a command.
    var className = "AutoModel"
    if case .array(let names)? = config["architectures"], case .string(let name)? = names.first,
      !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
    {
      className = name
    }
    return InputError(
      file: path + "/" + pickle,
      "a pickle, which can run code when loaded and is not read here; expected \(weightsName): convert it with "
        + conversion(by: className, options: ", safe_serialization=True", path))
  }

  /// The command that reads a folder by a class of `transformers` and writes it again.
  static func conversion(by className: String, options: String = "", _ path: String) -> String {
    let folder = "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    return "python -c \"import sys, transformers as t; "
      + "t.\(className).from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1]\(options))\" " + folder
  }
}
