// The forms in which a weight's values are stored, and how they are read.

import CKernels

/// How values lie in memory: one by one, or in blocks of a row's neighbours that share a scale, as GGUF files have them.
/// Raw values are GGUF's names.
public enum WeightFormat: String, Sendable, CaseIterable {
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case q8_0 = "Q8_0"
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q4_k = "Q4_K"
  case q5_k = "Q5_K"
  case q6_k = "Q6_K"

  /// Values of a block. A row is a whole number of blocks.
  public var blockValues: Int {
    switch self {
    case .float32, .float16, .bfloat16: 1
    case .q8_0, .q4_0, .q4_1: 32
    case .q4_k, .q5_k, .q6_k: 256
    }
  }

  /// Bytes of a block.
  public var blockBytes: Int {
    switch self {
    case .float32: 4
    case .float16, .bfloat16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    }
  }

  /// Bytes of `count` values. - Precondition: whole blocks.
  public func bytes(_ count: Int) -> Int {
    precondition(count % blockValues == 0, "\(count) values in blocks of \(blockValues)")
    return count / blockValues * blockBytes
  }

  /// y[count] ← the values stored at `x`, of any alignment. Those of two bytes are widened exactly; of a block's, each
  /// is rounded after every operation of its formula, as ggml's Python package does.
  /// - Precondition: whole blocks.
  @inline(__always)
  public func read(_ x: UnsafeRawPointer, into y: MutableFloatPointer, count: Int) {
    precondition(count % blockValues == 0, "\(count) values in blocks of \(blockValues)")
    let stored = x.assumingMemoryBound(to: UInt8.self)
    switch self {
    case .float32: UnsafeMutableRawPointer(y).copyMemory(from: x, byteCount: 4 * count)
    case .float16: rt_from_float16(stored, y, count)
    case .bfloat16: rt_from_bfloat16(stored, y, count)
    case .q8_0: rt_from_q8_0(stored, y, count)
    case .q4_0: rt_from_q4_0(stored, y, count)
    case .q4_1: rt_from_q4_1(stored, y, count)
    case .q4_k: rt_from_q4_k(stored, y, count)
    case .q5_k: rt_from_q5_k(stored, y, count)
    case .q6_k: rt_from_q6_k(stored, y, count)
    }
  }
}
