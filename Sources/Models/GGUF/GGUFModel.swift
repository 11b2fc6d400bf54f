// What a GGUF file's metadata and tensor names mean in HuggingFace's terms.

import Kernels

/// The model that a GGUF file holds: Llama (and what is built like it), Qwen2 or Qwen3.
struct GGUFModel {
  /// What `config.json` would say.
  let config: JSON
  private let architecture: String
  private let heads: Int
  private let keyValueHeads: Int
  private let path: String

  /// - Throws: for an architecture that is not supported, frequencies that only llama.cpp knows, a missing key or one of the
  ///   wrong type.
  init(_ header: GGUFHeader, _ path: String) throws(InputError) {
    self.path = path
    let values = Values(metadata: .object(header.metadata), path: path)
    let architecture = try values.string("general.architecture")
    self.architecture = architecture
    guard ["llama", "qwen2", "qwen3"].contains(architecture) else {
      throw InputError(
        file: path, place: "general.architecture",
        "\(JSON.quoted(architecture.excerpt)) is not supported; expected llama, qwen2 or qwen3")
    }
    let parts = try values.integer("split.count", or: 0)
    guard parts < 2 else {
      throw InputError(
        file: path, place: "split.count", "one of \(parts) files of a model; join them with llama-gguf-split --merge")
    }
    // As Llama 3.1's files have them, which name no kind of scaling beside.
    if let factors = header.tensors.first(where: { $0.name.hasPrefix("rope_f") }) {
      throw InputError(
        file: path, place: "tensor \(factors.name.excerpt)",
        "rotary frequencies with a factor each are not supported in a GGUF file; expected none, or the model as a folder "
          + "whose config.json has rope_scaling")
    }
    func key(_ name: String) -> String { "\(architecture).\(name)" }
    func size(_ name: String, or standard: Int? = nil) throws(InputError) -> Int {
      try values.integer(key(name), or: standard)
    }
    let hidden = try size("embedding_length")
    heads = try size("attention.head_count")
    keyValueHeads = try size("attention.head_count_kv", or: heads)
    let embedding = header.tensors.first { $0.name == "token_embd.weight" }
    guard let embedding, let vocabulary = embedding.shape.first else {
      throw InputError(file: path, place: "tensor token_embd.weight", "missing")
    }
    var entries: [(String, JSON)] = [
      ("model_type", .string(architecture)), ("vocab_size", .integer(vocabulary)), ("hidden_size", .integer(hidden)),
      ("intermediate_size", .integer(try size("feed_forward_length"))),
      ("num_hidden_layers", .integer(try size("block_count"))), ("num_attention_heads", .integer(heads)),
      ("num_key_value_heads", .integer(keyValueHeads)),
      ("max_position_embeddings", .integer(try size("context_length"))), ("hidden_act", .string("silu")),
      ("rms_norm_eps", .number(try values.number(key("attention.layer_norm_rms_epsilon")))),
      ("rope_theta", .number(try values.number(key("rope.freq_base"), or: 10_000))),
      ("tie_word_embeddings", .bool(!header.tensors.contains { $0.name == "output.weight" })),
    ]
    if let length = try values.optionalInteger(key("attention.key_length")) {
      entries.append(("head_dim", .integer(length)))
    }
    for (ours, theirs) in [("bos", "bos"), ("eos", "eos"), ("pad", "padding")] {
      if let id = try values.optionalInteger("tokenizer.ggml.\(theirs)_token_id") {
        entries.append(("\(ours)_token_id", .integer(id)))
      }
    }
    if let scaling = try Self.scaling(values, key) { entries.append(("rope_scaling", scaling)) }
    config = .object(JSONObject(entries))
  }

  /// `rope_scaling`, nil where positions are as they are.
  private static func scaling(_ values: Values, _ key: (String) -> String) throws(InputError) -> JSON? {
    let place = key("rope.scaling.type")
    guard let type = try values.metadata[place]?.string(file: values.path, at: place), type != "none" else {
      return nil
    }
    guard ["linear", "yarn"].contains(type) else {
      throw InputError(
        file: values.path, place: place, "\(JSON.quoted(type.excerpt)) is not supported; expected none, linear or yarn")
    }
    var entries: [(String, JSON)] = [
      ("rope_type", .string(type)), ("factor", .number(try values.number(key("rope.scaling.factor")))),
    ]
    if let length = try values.optionalInteger(key("rope.scaling.original_context_length")) {
      entries.append(("original_max_position_embeddings", .integer(length)))
    }
    return .object(JSONObject(entries))
  }

  /// llama.cpp rotates neighbouring values of a head, HuggingFace one half with the other; so a Llama's query and key rows
  /// are stored in another order. Qwen's are not.
  /// - Returns: rows of a head, where they lie interleaved.
  func interleavedHead(_ tensor: GGUFHeader.Tensor) throws(InputError) -> Int? {
    guard architecture == "llama", tensor.name.hasPrefix("blk.") else { return nil }
    let parts = tensor.name.split(separator: ".")
    guard parts.count == 4, parts[2] == "attn_q" || parts[2] == "attn_k" else { return nil }
    let count = parts[2] == "attn_q" ? heads : keyValueHeads
    let rows = tensor.shape.first ?? 0
    guard count > 0, rows % count == 0, rows / count % 2 == 0, tensor.shape.count == 2 || tensor.format.blockValues == 1
    else {
      throw InputError(
        file: path, place: "tensor \(tensor.name.excerpt)",
        "shape \(tensor.shape), expected \(count) heads of an even number of rows")
    }
    return rows == 0 ? nil : rows / count
  }

  private static let parts = [
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
  ]

  /// HuggingFace's name of a tensor; the file's own where there is none.
  static func name(_ tensor: String) -> String {
    switch tensor {
    case "token_embd.weight": return "model.embed_tokens.weight"
    case "output_norm.weight": return "model.norm.weight"
    case "output.weight": return "lm_head.weight"
    default:
      let pieces = tensor.split(separator: ".", omittingEmptySubsequences: false)
      guard pieces.count == 4, pieces[0] == "blk", let part = parts[String(pieces[2])] else { return tensor }
      return "model.layers.\(pieces[1]).\(part).\(pieces[3])"
    }
  }

  /// Metadata by key.
  private struct Values {
    let metadata: JSON
    let path: String

    func string(_ key: String) throws(InputError) -> String {
      try metadata.field(key, file: path).string(file: path, at: key)
    }

    func optionalInteger(_ key: String) throws(InputError) -> Int? {
      try metadata[key]?.integer(file: path, at: key)
    }

    func integer(_ key: String, or standard: Int? = nil) throws(InputError) -> Int {
      if let standard, metadata[key] == nil { return standard }
      return try metadata.field(key, file: path).integer(file: path, at: key)
    }

    func number(_ key: String, or standard: Double? = nil) throws(InputError) -> Double {
      if let standard, metadata[key] == nil { return standard }
      return try metadata.field(key, file: path).double(file: path, at: key)
    }
  }
}
