import Foundation
import Kernels
import Testing

@testable import Models

@Suite("GGUF files")
struct GGUFTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ file: GGUFBytes) throws -> GGUFFile { try GGUFFile(path: folder.write(file.bytes, "m.gguf")) }

  private func refusal(_ file: GGUFBytes) throws -> String? {
    let path = try folder.write(file.bytes, "m.gguf")
    return failure { () throws(InputError) in try GGUFFile(path: path) }
  }

  @Test("the metadata become what config.json would say")
  func configuration() throws {
    let expected = #"""
      {"model_type": "llama", "vocab_size": 3, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
      "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 128, "hidden_act": "silu",
      "rms_norm_eps": 9.5367431640625e-07, "rope_theta": 5000.0, "tie_word_embeddings": true, "eos_token_id": 2}
      """#
    #expect(try open(.llama).config == JSON.parse(Array(expected.utf8), file: ""))
  }

  @Test("an output matrix means untied embeddings; other keys follow the metadata")
  func variants() throws {
    var file = GGUFBytes.llama
    file.add("output.weight", [32, 3], type: 0, Array(repeating: 0, count: 384))
    file.metadata += [
      ("llama.attention.key_length", GGUFBytes.integer(16)), ("llama.rope.scaling.type", GGUFBytes.string("linear")),
      ("llama.rope.scaling.factor", GGUFBytes.float(4)),
    ]
    let model = try open(file)
    #expect(model.config["tie_word_embeddings"] == .bool(false))
    #expect(model.config["head_dim"] == .integer(16))
    #expect(
      model.config["rope_scaling"] == .object(JSONObject([("rope_type", .string("linear")), ("factor", .number(4))])))
    #expect(model.names.last == "lm_head.weight")
  }

  @Test("tensors have HuggingFace's names and shapes")
  func names() throws {
    let model = try open(.llama)
    #expect(
      model.names == [
        "model.embed_tokens.weight", "model.norm.weight", "model.layers.0.input_layernorm.weight",
        "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight",
        "model.layers.0.self_attn.v_proj.weight", "model.layers.0.self_attn.o_proj.weight",
        "model.layers.0.post_attention_layernorm.weight", "model.layers.0.mlp.gate_proj.weight",
        "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight",
      ])
    #expect(try model.stored("model.layers.0.mlp.down_proj.weight", shape: [32, 64]).format == .q4_1)
    #expect(
      failure { () throws(InputError) in try model.stored("model.norm.weight", shape: [3]) }
        == "m.gguf: tensor output_norm.weight: shape [32], expected [3]")
    #expect(
      failure { () throws(InputError) in try model.stored("x", shape: [3]) }
        == "m.gguf: tensor x: missing; expected one of shape [3]")
  }

  @Test("a Llama's query and key rows come in HuggingFace's order, a Qwen's as they are")
  func rowOrder() throws {
    var file = GGUFBytes.llama
    let q = try open(file).stored("model.layers.0.self_attn.q_proj.weight", shape: [32, 32]).floats.values
    // Two heads of 16 rows: a head's first rows are the even ones, then the odd ones.
    let order = (0..<32).map { Int(q[32 * $0]) / 32 }
    let head = [0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15]
    #expect(order == head + head.map { $0 + 16 })
    file.metadata = file.metadata.map { key, value in
      key == "general.architecture"
        ? (key, GGUFBytes.string("qwen2")) : (key.replacingOccurrences(of: "llama.", with: "qwen2."), value)
    }
    let same = try open(file).stored("model.layers.0.self_attn.q_proj.weight", shape: [32, 32]).floats.values
    #expect(same == (0..<1024).map(Float.init))
  }

  @Test("a folder with one GGUF file, or the file itself, is a model")
  func modelFolder() throws {
    let path = try folder.write(GGUFBytes.llama.bytes, "m.gguf")
    for place in [folder.path, path] {
      let model = try ModelFolder(path: place)
      #expect(model.configPath == path && model.config["model_type"] == .string("llama"))
      let matrix = try model.matrix("model.layers.0.mlp.down_proj.weight", outputSize: 32, inputSize: 64, .float32)
      #expect(matrix.stored.format == .q4_1)
      #expect(try matrix.values == model.floats("model.layers.0.mlp.down_proj.weight").values)
    }
    try folder.write("", "n.gguf")
    #expect(
      failure { () throws(InputError) in try ModelFolder(path: folder.path) }?.hasSuffix(
        "2 GGUF files; name the one to use, such as \(folder.path)/m.gguf") == true)
  }

  /// Recorded by experiments/gguf/record_formats.py.
  @Test("every format has the bits that ggml's Python package makes of it")
  func reference() throws {
    let file = try GGUFFile(path: fixture("gguf/formats.gguf"))
    let reference = try SafetensorsFile(path: fixture("gguf/formats.safetensors"))
    #expect(Set(reference.names) == Set(WeightFormat.allCases.map(\.rawValue)).subtracting(["F32"]))
    for name in reference.names {
      let stored = try file.stored(name, shape: [3, 512])
      #expect(stored.format.rawValue == name)
      #expect(try stored.floats.values.map(\.bitPattern) == reference.floats(name).values.map(\.bitPattern), "\(name)")
    }
  }

  @Test("every metadata type is read")
  func types() throws {
    var file = GGUFBytes.llama
    let array = GGUFBytes.number(UInt32(9)) + GGUFBytes.number(UInt32(9)) + GGUFBytes.number(UInt64(1))
    file.metadata += [
      ("u8", GGUFBytes.number(UInt32(0)) + [200]), ("i8", GGUFBytes.number(UInt32(1)) + [200]),
      ("u16", GGUFBytes.number(UInt32(2)) + GGUFBytes.number(UInt16.max)),
      ("i16", GGUFBytes.number(UInt32(3)) + GGUFBytes.number(Int16(-2))),
      ("i32", GGUFBytes.number(UInt32(5)) + GGUFBytes.number(Int32(-3))),
      ("bool", GGUFBytes.number(UInt32(7)) + [1]),
      ("u64", GGUFBytes.number(UInt32(10)) + GGUFBytes.number(UInt64.max)),
      ("i64", GGUFBytes.number(UInt32(11)) + GGUFBytes.number(Int64.min)),
      ("f64", GGUFBytes.number(UInt32(12)) + GGUFBytes.number(0.1)),
      ("nested", array + GGUFBytes.number(UInt32(0)) + GGUFBytes.number(UInt64(2)) + [1, 2]),
    ]
    let metadata = try open(file).metadata
    let expected: [(String, JSON)] = [
      ("u8", .integer(200)), ("i8", .integer(-56)), ("u16", .integer(65535)), ("i16", .integer(-2)),
      ("i32", .integer(-3)), ("bool", .bool(true)), ("u64", .number(0x1p64)), ("i64", .integer(.min)),
      ("f64", .number(0.1)), ("nested", .array([.array([.integer(1), .integer(2)])])),
      ("tokenizer.ggml.tokens", .array([.string("a"), .string("b"), .string("<end>")])),
    ]
    for (key, value) in expected { #expect(metadata[key] == value) }
  }

  /// A file whose tokenizer has pieces enough to tell one way of dividing a text from another.
  private func tokenizerFile(_ pre: String, _ more: [(String, [UInt8])] = []) -> GGUFBytes {
    var file = GGUFBytes.llama
    let tokens = ["<s>", "<end>", "1", "2", "a", "b", "Ġ", "ab", "Ġab", "12", "c"]
    let types = ([3, 3] + Array(repeating: 1, count: 9) as [Int32]).flatMap(GGUFBytes.number)
    let values: [String: [UInt8]] = [
      "pre": GGUFBytes.string(pre), "tokens": GGUFBytes.strings(tokens),
      "merges": GGUFBytes.strings(["a b", "Ġ ab", "1 2"]),
      "token_type": GGUFBytes.number(UInt32(9)) + GGUFBytes.number(UInt32(5)) + GGUFBytes.number(UInt64(11)) + types,
    ]
    file.metadata = file.metadata.map { ($0, values[String($0.dropFirst("tokenizer.ggml.".count))] ?? $1) } + more
    return file
  }

  private func ids(_ file: GGUFBytes, _ text: String) throws -> [Int32] {
    let own = try TemporaryFolder()
    try own.write(file.bytes, "m.gguf")
    return try TokenizerLoader.load(folder: own.path).encode(text).ids
  }

  @Test("the tokenizer divides a text as its name says")
  func tokenizer() throws {
    // Digits on their own.
    #expect(try ids(tokenizerFile("smollm"), "ab 12<end>") == [7, 6, 2, 3, 1])
    #expect(try ids(tokenizerFile("gpt-2"), "ab 12ab<end>") == [7, 6, 9, 7, 1])
    #expect(try ids(tokenizerFile("llama-bpe"), "ab ab12") == [7, 8, 9])
    #expect(try ids(tokenizerFile("qwen2"), "ab ab12") == [7, 8, 2, 3])
    let begin = [
      ("tokenizer.ggml.add_bos_token", GGUFBytes.number(UInt32(7)) + [1]),
      ("tokenizer.ggml.bos_token_id", GGUFBytes.integer(0)),
    ]
    #expect(try ids(tokenizerFile("gpt-2", begin), "a") == [0, 4])
  }

  @Test("a tokenizer that is not known is refused with what helps")
  func unknownTokenizer() throws {
    func refusal(_ file: GGUFBytes) throws -> String? {
      let path = try folder.write(file.bytes, "m.gguf")
      return failure { () throws(InputError) in try TokenizerLoader.load(folder: path) }
    }
    #expect(
      try refusal(tokenizerFile("x"))
        == "m.gguf: tokenizer.ggml.pre: \"x\" is not supported; expected gpt-2, smollm, llama-bpe or qwen2, or a "
        + "tokenizer.json in the model's folder")
    var file = tokenizerFile("smollm")
    file.metadata = file.metadata.map { ($0, $0 == "tokenizer.ggml.model" ? GGUFBytes.string("llama") : $1) }
    #expect(
      try refusal(file)
        == "m.gguf: tokenizer.ggml.model: \"llama\" is not supported; expected \"gpt2\", or a tokenizer.json in the "
        + "model's folder")
  }

  @Test("what is wrong with a file is said in a line")
  func refusals() throws {
    func check(_ message: String, _ change: (inout GGUFBytes) -> Void) throws {
      var file = GGUFBytes.llama
      change(&file)
      #expect(try refusal(file) == "m.gguf: " + message)
    }
    try check("does not begin with GGUF: expected a GGUF file") { $0.magic = Array("GGML".utf8) }
    try check("version: 1, expected 2 or 3") { $0.version = 1 }
    try check("version: big-endian, expected a little-endian file") { $0.version = UInt32(3).byteSwapped }
    try check("key general.architecture: occurs twice") { $0.metadata.append($0.metadata[0]) }
    try check("key x: a value of type 13, expected 0 to 12") { $0.metadata.append(("x", GGUFBytes.number(UInt32(13)))) }
    try check(#"general.architecture: "gptj" is not supported; expected llama, qwen2 or qwen3"#) {
      $0.metadata[0].value = GGUFBytes.string("gptj")
    }
    try check("llama.block_count: missing") { $0.metadata.remove(at: 1) }
    try check("llama.block_count: expected an integer, found a string") { $0.metadata[1].value = GGUFBytes.string("1") }
    try check("split.count: one of 2 files of a model; join them with llama-gguf-split --merge") {
      $0.metadata.append(("split.count", GGUFBytes.integer(2)))
    }
    try check("general.alignment: 12, expected a multiple of 8 up to 1048576") {
      $0.metadata.append(("general.alignment", GGUFBytes.integer(12)))
    }
    try check("tensor token_embd.weight: missing") { $0.tensors.removeFirst() }
    try check("tensor output_norm.weight: occurs twice") { $0.tensors[2].name = "output_norm.weight" }
    try check("tensor output_norm.weight: 5 dimensions, expected at most 4") {
      $0.tensors[1].dimensions = [1, 1, 1, 1, 1]
    }
    try check(
      "tensor output_norm.weight: type Q5_0 is not supported; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K, "
        + "Q5_K, Q6_K"
    ) { $0.tensors[1].type = 6 }
    try check("tensor token_embd.weight: rows of 31 in Q8_0, expected a multiple of 32") {
      $0.tensors[0].dimensions = [31, 3]
    }
    try check("tensor output_norm.weight: a shape too large to count its elements") {
      $0.tensors[1].dimensions = [1 << 40, 1 << 40]
    }
    try check("tensor output_norm.weight: begins at byte 8 of the data, expected a multiple of 32") {
      $0.tensors[1].offset = 8
    }
    try check("tensor output_norm.weight: its data overlap those of token_embd.weight") { $0.tensors[1].offset = 96 }
    try check(
      "tensor rope_freqs.weight: rotary frequencies with a factor each are not supported in a GGUF file; expected none, or "
        + "the model as a folder whose config.json has rope_scaling"
    ) { $0.add("rope_freqs.weight", [8], type: 0, Array(repeating: 0, count: 32)) }
    let end = GGUFBytes.llama.data.count
    try check("tensor output_norm.weight: takes 128 bytes from byte 1048576 of the data, which are \(end)") {
      $0.tensors[1].offset = 1 << 20
    }
    try check("tensor blk.0.attn_q.weight: shape [34, 32], expected 2 heads of an even number of rows") {
      $0.tensors[3].dimensions = [32, 34]
      $0.tensors[3].offset = UInt64(($0.data.count + 31) / 32 * 32)
      $0.data += Array(repeating: 0, count: 34 * 128 + 32)
    }
    #expect(try refusal(GGUFBytes(magic: [])) != nil)
  }

  @Test("counts are checked against the bytes that are left before anything is made of them")
  func counts() throws {
    var file = GGUFBytes.llama
    file.keyCount = 1 << 60
    #expect(try refusal(file)?.hasPrefix("m.gguf: key count: 1152921504606846976, more than the") == true)
    file = .llama
    file.metadata[1].value =
      GGUFBytes.number(UInt32(9)) + GGUFBytes.number(UInt32(4)) + GGUFBytes.number(UInt64(1 << 40))
    #expect(try refusal(file)?.hasPrefix("m.gguf: key llama.block_count: 1099511627776, more than the") == true)
  }
}
