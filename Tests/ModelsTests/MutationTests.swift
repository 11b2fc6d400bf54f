// Thousands of damaged files through the readers: each is read or refused in one line.

import Foundation
import Testing

@testable import Models

/// A small generator of its own, so that a failure can be repeated.
private struct Damage {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func next(below bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(max(bound, 1)))
  }

  private static let numbers = [
    "-1", "0", "1", "2.5", "1e9", "10737418240", "4294967296", "4611686018427387904", "9223372036854775807",
    "9223372036854775808", "1e999", "null", "[]", "{}", "\"\"", "NaN",
  ]

  /// One to three mutations: flipped bits, cut ends, spliced or doubled stretches, numbers exchanged.
  mutating func apply(to original: [UInt8]) -> [UInt8] {
    var bytes = original
    for _ in 0...next(below: 3) where !bytes.isEmpty {
      switch next(below: 6) {
      case 0: bytes[next(below: bytes.count)] ^= 1 << UInt8(next(below: 8))
      case 1: bytes[next(below: min(bytes.count, 400))] = UInt8(next(below: 256))
      case 2: bytes.removeLast(next(below: bytes.count))
      case 3:
        let from = next(below: bytes.count)
        let stretch = Array(bytes[from..<min(from + 1 + next(below: 40), bytes.count)])
        bytes.insert(contentsOf: stretch, at: next(below: bytes.count))
      case 4:
        let from = next(below: bytes.count)
        bytes.removeSubrange(from..<min(from + 1 + next(below: 16), bytes.count))
      default: exchangeNumber(&bytes)
      }
    }
    return bytes
  }

  /// Exchanges a run of digits in the text, and makes the header's length fit again if it was a header's.
  private mutating func exchangeNumber(_ bytes: inout [UInt8]) {
    let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    let from = next(below: bytes.count)
    guard let start = bytes[from...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    let number = Array(Self.numbers[next(below: Self.numbers.count)].utf8)
    bytes.replaceSubrange(start..<end, with: number)
    if bytes.count > 8, start > 8, bytes[8] == UInt8(ascii: "{"), bytes[1..<8].allSatisfy({ $0 < 8 }) {
      let length = Int(bytes[0]) + Int(bytes[1]) << 8 + number.count - (end - start)
      bytes[0] = UInt8(truncatingIfNeeded: length)
      bytes[1] = UInt8(truncatingIfNeeded: length >> 8)
    }
  }
}

@Suite("Damaged files")
struct MutationTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private struct Tally: Equatable {
    var read = 0
    var refused = 0
  }

  /// Runs `read` and checks that it succeeds or ends in an error of one short line.
  private func attempt(_ tally: inout Tally, _ what: String, _ read: () throws(InputError) -> Void) {
    do throws(InputError) {
      try read()
      tally.read += 1
    } catch {
      tally.refused += 1
      let line = error.description
      #expect(!line.isEmpty && line.utf8.count < 1000 && !line.contains(where: \.isNewline), "\(what): \(line)")
      #expect(!error.message.isEmpty, "\(what)")
    }
  }

  /// Reads every value of every tensor that has floats.
  private func touch(_ source: any WeightSource) throws(InputError) {
    for name in source.names {
      let data: TensorData
      do throws(InputError) {
        data = try source.floats(name, shape: nil)
      } catch {
        guard error.message.contains("expected F32, F16 or BF16") else { throw error }
        continue
      }
      let sum = data.values.reduce(0) { $0 + ($1.isFinite ? $1.sign == .minus ? 1 : 0 : 1) }
      #expect(sum >= 0 && data.count == data.shape.reduce(1, *))
    }
  }

  /// Small, with every kind of storage that is converted.
  private var weights: [UInt8] {
    let header = #"""
      {"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"a.bias":{"dtype":
      "F16","shape":[2],"data_offsets":[24,28]},"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[28,36]},"ids":{"dtype":
      "I64","shape":[1,1],"data_offsets":[36,44]},"none":{"dtype":"F32","shape":[0,4],"data_offsets":[44,44]}}
      """#
    return safetensors(header, data: (0..<44).map { UInt8($0 * 5) })
  }

  @Test("damaged safetensors files")
  func weightFiles() throws {
    try folder.write(#"{"model_type": "bert"}"#, "config.json")
    var tally = Tally()
    for seed in 0..<6000 {
      var damage = Damage(seed: UInt64(seed + 1))
      try folder.write(damage.apply(to: weights), ModelFolder.weightsName)
      attempt(&tally, "seed \(seed)") { () throws(InputError) in try touch(try ModelFolder(path: folder.path)) }
    }
    #expect(tally.read > 100 && tally.refused > 2000, "\(tally)")
  }

  @Test("damage to a file that the reference wrote")
  func referenceFile() throws {
    let original = try Array(Data(contentsOf: URL(fileURLWithPath: fixture("bert/model.safetensors"))))
    try folder.write(#"{"model_type": "bert"}"#, "config.json")
    var tally = Tally()
    for seed in 0..<300 {
      var damage = Damage(seed: UInt64(seed + 70_000))
      try folder.write(damage.apply(to: original), ModelFolder.weightsName)
      attempt(&tally, "seed \(seed)") { () throws(InputError) in try touch(try ModelFolder(path: folder.path)) }
    }
    #expect(tally.read + tally.refused == 300 && tally.refused > 50, "\(tally)")
  }

  @Test("damaged GGUF files")
  func ggufFiles() throws {
    let original = GGUFBytes.llama.bytes
    var tally = Tally()
    for seed in 0..<6000 {
      var damage = Damage(seed: UInt64(seed + 300_000))
      // Most of a file are its tensors' values, and most damage to them cannot be seen.
      let head = damage.apply(to: Array(original.prefix(1400)))
      let bytes = seed % 4 == 0 ? damage.apply(to: original) : head + original.dropFirst(1400)
      let path = try folder.write(bytes, "m.gguf")
      attempt(&tally, "seed \(seed)") { () throws(InputError) in
        try touch(try ModelFolder(path: path))
        #expect(try TokenizerLoader.load(folder: path).encode("a b").ids.allSatisfy { $0 < 3 })
      }
    }
    #expect(tally.read > 100 && tally.refused > 2000, "\(tally)")
  }

  @Test("damaged indices of shards")
  func indices() throws {
    try folder.write(#"{"model_type": "bert"}"#, "config.json")
    let zeros = Array(repeating: UInt8(0), count: 12)
    try folder.write(
      safetensors(
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
        data: zeros), "1.safetensors")
    try folder.write(
      safetensors(#"{"c":{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]}}"#, data: zeros), "2.safetensors")
    let index =
      #"{"metadata": {"total_size": 20}, "weight_map": {"a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors"}}"#
    var tally = Tally()
    for seed in 0..<3000 {
      var damage = Damage(seed: UInt64(seed + 100_000))
      try folder.write(damage.apply(to: Array(index.utf8)), ModelFolder.indexName)
      attempt(&tally, "seed \(seed)") { () throws(InputError) in try touch(try ModelFolder(path: folder.path)) }
    }
    #expect(tally.read > 50 && tally.refused > 1000, "\(tally)")
  }

  @Test("damaged configurations", arguments: [("bert", EncoderFamily.bert), ("deberta", .debertaV2)])
  func configurations(name: String, family: EncoderFamily) throws {
    let original = try Array(Data(contentsOf: URL(fileURLWithPath: fixture(name + "/config.json"))))
    var tally = Tally()
    for seed in 0..<6000 {
      var damage = Damage(seed: UInt64(seed + 200_000))
      let path = try folder.write(damage.apply(to: original), "config.json")
      attempt(&tally, "seed \(seed)") { () throws(InputError) in
        let config = try EncoderConfig(try JSON.read(path: path), family, file: path)
        #expect(config.hiddenSize % config.attentionHeads == 0 && config.labelCount > 0)
      }
    }
    #expect(tally.read > 100 && tally.refused > 2000, "\(tally)")
  }
}
