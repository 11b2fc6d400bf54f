// GGUF files made on the spot.

import Foundation
import Testing

@testable import Models

/// A file's parts, each of which a test may set wrong.
struct GGUFBytes {
  var magic = Array("GGUF".utf8)
  var version: UInt32 = 3
  var tensorCount: UInt64?
  var keyCount: UInt64?
  /// Each key's value with its type before it.
  var metadata: [(key: String, value: [UInt8])] = []
  /// Dimensions as in the file, the row's length first.
  var tensors: [(name: String, dimensions: [UInt64], type: UInt32, offset: UInt64)] = []
  var data: [UInt8] = []
  var alignment = 32

  static func number<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
  static func text(_ string: String) -> [UInt8] { number(UInt64(string.utf8.count)) + Array(string.utf8) }
  static func string(_ string: String) -> [UInt8] { number(UInt32(8)) + text(string) }
  static func integer(_ value: UInt32) -> [UInt8] { number(UInt32(4)) + number(value) }
  static func float(_ value: Float) -> [UInt8] { number(UInt32(6)) + number(value) }
  static func strings(_ values: [String]) -> [UInt8] {
    number(UInt32(9)) + number(UInt32(8)) + number(UInt64(values.count)) + values.flatMap(text)
  }

  /// Adds a tensor after those there are.
  mutating func add(_ name: String, _ dimensions: [UInt64], type: UInt32, _ bytes: [UInt8]) {
    while data.count % alignment != 0 { data.append(0) }
    tensors.append((name, dimensions, type, UInt64(data.count)))
    data += bytes
  }

  var bytes: [UInt8] {
    var bytes = magic + Self.number(version)
    bytes += Self.number(tensorCount ?? UInt64(tensors.count)) + Self.number(keyCount ?? UInt64(metadata.count))
    for (key, value) in metadata { bytes += Self.text(key) + value }
    for tensor in tensors {
      bytes += Self.text(tensor.name) + Self.number(UInt32(tensor.dimensions.count))
      bytes += tensor.dimensions.flatMap(Self.number) + Self.number(tensor.type) + Self.number(tensor.offset)
    }
    while bytes.count % alignment != 0 { bytes.append(0) }
    return bytes + data
  }

  /// A Llama of one layer: width 32, 2 heads of 16 and 1 for keys, 64 inside, 3 tokens; in F32, F16, Q8_0 and Q4_1.
  static var llama: GGUFBytes {
    var file = GGUFBytes()
    file.metadata = [
      ("general.architecture", string("llama")), ("llama.block_count", integer(1)),
      ("llama.context_length", integer(128)), ("llama.embedding_length", integer(32)),
      ("llama.feed_forward_length", integer(64)), ("llama.attention.head_count", integer(2)),
      ("llama.attention.head_count_kv", integer(1)), ("llama.rope.freq_base", float(5000)),
      ("llama.attention.layer_norm_rms_epsilon", float(0x1p-20)), ("tokenizer.ggml.eos_token_id", integer(2)),
      ("tokenizer.ggml.model", string("gpt2")), ("tokenizer.ggml.pre", string("smollm")),
      ("tokenizer.ggml.tokens", strings(["a", "b", "<end>"])), ("tokenizer.ggml.merges", strings([])),
      (
        "tokenizer.ggml.token_type",
        number(UInt32(9)) + number(UInt32(5)) + number(UInt64(3)) + ([1, 1, 3] as [Int32]).flatMap(number)
      ),
    ]
    let floats = { (count: Int, first: Int) in (0..<count).flatMap { number(Float($0 + first)) } }
    func blocks(_ count: Int, _ size: Int, _ halves: Int) -> [UInt8] {
      (0..<count * size).map { i in i % size < 2 * halves ? i % 2 == 0 ? 0 : 0x3C : UInt8(truncatingIfNeeded: i * 37) }
    }
    file.add("token_embd.weight", [32, 3], type: 8, blocks(3, 34, 1))
    file.add("output_norm.weight", [32], type: 0, floats(32, 0))
    file.add("blk.0.attn_norm.weight", [32], type: 1, (0..<32).flatMap { [UInt8($0), 0x3C] })
    file.add("blk.0.attn_q.weight", [32, 32], type: 0, floats(1024, 0))
    file.add("blk.0.attn_k.weight", [32, 16], type: 8, blocks(16, 34, 1))
    file.add("blk.0.attn_v.weight", [32, 16], type: 3, blocks(16, 20, 2))
    file.add("blk.0.attn_output.weight", [32, 32], type: 3, blocks(32, 20, 2))
    file.add("blk.0.ffn_norm.weight", [32], type: 30, (0..<32).flatMap { [UInt8($0), 0x3F] })
    file.add("blk.0.ffn_gate.weight", [32, 64], type: 2, blocks(64, 18, 1))
    file.add("blk.0.ffn_up.weight", [32, 64], type: 3, blocks(64, 20, 2))
    file.add("blk.0.ffn_down.weight", [64, 32], type: 3, blocks(64, 20, 2))
    return file
  }
}
