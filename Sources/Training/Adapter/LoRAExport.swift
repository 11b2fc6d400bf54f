// An AdaLoRA adapter as a plain LoRA adapter, for engines that know only that.

import AdaLoRA
import Foundation
import Models

/// Folds E and the scale into B, so that ΔW = B·A with the scale 1.
///
/// A module's rank is its number of saved triplets; those of rank 0 are left out. `rank_pattern` and `alpha_pattern` give
/// each module's rank, and `target_modules` lists the modules' full names.
public enum LoRAExport {
  /// Writes the adapter, with its labels if it has them, into a folder that exists. A LoRA adapter is copied.
  /// - Throws: for a malformed adapter, or one whose modules all have rank 0; of kind `unwritable`.
  public static func write(_ adapter: PEFTAdapter, to folder: String) throws(InputError) {
    if adapter.method == .lora {
      for name in [PEFTAdapter.configName, PEFTAdapter.weightsName] { try copy(name, from: adapter.folder, to: folder) }
    } else {
      try convert(adapter, to: folder)
    }
    let labels = "labels.json"
    if FileManager.default.fileExists(atPath: adapter.folder + "/" + labels) {
      try copy(labels, from: adapter.folder, to: folder)
    }
  }

  private static func convert(_ adapter: PEFTAdapter, to folder: String) throws(InputError) {
    let scale = SVDParameterization().scale(alpha: adapter.alpha, rank: adapter.rank)
    var ranks: [(module: String, rank: Int)] = []
    var tensors: [(name: String, shape: [Int], values: [Float])] = []
    for name in adapter.file.names {
      if let base = name.removing(suffix: ".lora_A") {
        let a = try adapter.file.floats(name)
        guard a.shape.count == 2 else { throw malformed(adapter, name, "shape \(a.shape), expected two dimensions") }
        let rank = a.shape[0]
        guard rank > 0 else { continue }
        let e = try adapter.file.floats(base + ".lora_E", shape: [rank, 1])
        let b = try adapter.file.floats(base + ".lora_B")
        guard b.shape.count == 2, b.shape[1] == rank else {
          throw malformed(adapter, base + ".lora_B", "shape \(b.shape), expected [rows, \(rank)]")
        }
        guard let module = base.removing(prefix: PEFTAdapter.prefix) else {
          throw malformed(adapter, name, "expected a name that begins with \(PEFTAdapter.prefix)")
        }
        ranks.append((module, rank))
        tensors.append((name + ".weight", a.shape, a.values))
        tensors.append((base + ".lora_B.weight", b.shape, folded(b.values, e.values, scale: scale)))
      } else if !name.hasSuffix(".lora_B"), !name.hasSuffix(".lora_E") {
        // The head.
        let tensor = try adapter.file.floats(name)
        tensors.append((name, tensor.shape, tensor.values))
      }
    }
    guard !ranks.isEmpty else {
      throw InputError(
        file: adapter.folder + "/" + PEFTAdapter.weightsName, "every module has rank 0: LoRA has no adapter without any"
      )
    }
    ranks.sort { $0.module < $1.module }
    tensors.sort { $0.name < $1.name }
    try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: folder + "/" + PEFTAdapter.weightsName)
    try AtomicFile.write(
      config(adapter, ranks).serialized(pretty: true) + "\n", to: folder + "/" + PEFTAdapter.configName)
  }

  /// B·diag(E)·s, [rows, rank] row-major; each element is rounded once.
  static func folded(_ b: [Float], _ e: [Float], scale: Double) -> [Float] {
    b.indices.map { Float(Double(b[$0]) * Double(e[$0 % e.count]) * scale) }
  }

  private static func config(_ adapter: PEFTAdapter, _ ranks: [(module: String, rank: Int)]) -> JSON {
    let pattern = JSON.object(JSONObject(ranks.map { ($0.module, .integer($0.rank)) }))
    func kept(_ key: String) -> JSON { adapter.config[key] ?? .null }
    return .object(
      JSONObject([
        ("peft_type", .string("LORA")), ("task_type", kept("task_type")),
        ("base_model_name_or_path", kept("base_model_name_or_path")),
        ("target_modules", .array(ranks.map { .string($0.module) })), ("modules_to_save", kept("modules_to_save")),
        ("r", .integer(adapter.rank)), ("lora_alpha", .integer(adapter.rank)), ("rank_pattern", pattern),
        ("alpha_pattern", pattern), ("lora_dropout", adapter.config["lora_dropout"] ?? .integer(0)),
        ("bias", .string("none")), ("fan_in_fan_out", adapter.config["fan_in_fan_out"] ?? .bool(false)),
        ("inference_mode", .bool(true)),
        ("init_lora_weights", .bool(true)), ("use_rslora", .bool(false)),
      ]))
  }

  private static func copy(_ name: String, from source: String, to folder: String) throws(InputError) {
    try AtomicFile.write(try FileBytes.read(source + "/" + name), to: folder + "/" + name)
  }

  private static func malformed(_ adapter: PEFTAdapter, _ tensor: String, _ message: String) -> InputError {
    InputError(file: adapter.folder + "/" + PEFTAdapter.weightsName, place: "tensor \(tensor)", message)
  }
}

extension String {
  fileprivate func removing(suffix: String) -> String? { hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil }
  fileprivate func removing(prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}
