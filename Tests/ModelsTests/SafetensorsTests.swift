// Safetensors files: what is read, written and refused.

import Foundation
import Testing

@testable import Models

/// A file of a header and data.
func safetensors(_ header: String, data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
  let length = length ?? UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + data
}

@Suite("Safetensors")
struct SafetensorsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try SafetensorsFile(path: folder.write(bytes, "t.safetensors"))
  }

  private func refusal(_ bytes: [UInt8]) throws -> String? {
    let path = try folder.write(bytes, "t.safetensors")
    return failure { () throws(InputError) in try SafetensorsFile(path: path) }
  }

  // MARK: Reading

  @Test("a file that the reference wrote has its names, shapes and values")
  func reference() throws {
    let file = try SafetensorsFile(path: fixture("bert/model.safetensors"))
    #expect(file.names.count == 41)
    #expect(file.names.first == "bert.embeddings.LayerNorm.bias" && file.names.last == "classifier.weight")
    #expect(file.metadata == ["format": "pt"])
    let info = try #require(file.tensor("classifier.weight"))
    #expect(info.dtype == .float32 && info.shape == [3, 32] && info.bytes.count == 384)
    let classifier = try file.floats("classifier.weight", shape: [3, 32])
    #expect(classifier.count == 96 && classifier.shape == [3, 32])
    #expect(classifier.values.first == 0.016522560268640518 && classifier.values.last == -0.015827761963009834)
    let words = try file.floats("bert.embeddings.word_embeddings.weight")
    #expect(words.shape == [96, 32] && words.values.last == -0.007596277631819248)
    #expect(abs(words.values.reduce(0.0) { $0 + Double($1) } - 0.6957211882809133) < 1e-9)
  }

  @Test("aligned F32 is read in place and outlives the file object")
  func inPlace() throws {
    var file: SafetensorsFile? = try SafetensorsFile(path: fixture("bert/model.safetensors"))
    let first = try #require(try file?.floats("bert.pooler.dense.bias"))
    let second = try #require(try file?.floats("bert.pooler.dense.bias"))
    #expect(first.base == second.base)
    file = nil
    #expect(first.values.first == -0.04112085700035095 && first.values.last == 0.017261287197470665)
  }

  @Test("unaligned F32 is read through a copy")
  func unaligned() throws {
    let values: [Float] = [1, -2.5, 0x1p-140]
    let data = values.withUnsafeBytes { Array($0) }
    for padding in 0..<4 {
      let header = #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"# + String(repeating: " ", count: padding)
      #expect(try open(safetensors(header, data: data)).floats("a").values == values)
    }
  }

  @Test("every F16 becomes the same value in float32")
  func float16() throws {
    let data = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    let header = #"{"a":{"dtype":"F16","shape":[256,256],"data_offsets":[0,131072]}}"#
    let values = try open(safetensors(header, data: data)).floats("a", shape: [256, 256]).values
    let wrong = (0...UInt16.max).filter { bits in
      // By definition: (−1)^s·2^(e−15)·(1 + m/1024), without the leading one where e = 0.
      let exponent = Int(bits >> 10 & 31)
      let mantissa = Double(bits & 1023) / 1024
      let value = values[Int(bits)]
      guard value.sign == (bits >> 15 == 0 ? .plus : .minus) else { return true }
      switch exponent {
      case 31: return mantissa == 0 ? !value.isInfinite : !value.isNaN
      case 0: return Double(value.magnitude) != mantissa * 0x1p-14
      default:
        let scale = Double(sign: .plus, exponent: exponent - 15, significand: 1)
        return Double(value.magnitude) != (1 + mantissa) * scale
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test("BF16 is the upper half of a float32")
  func bfloat16() throws {
    let halves: [UInt16] = [0, 0x8000, 0x3F80, 0xC049, 0x0001, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0]
    let data = halves.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    let header = #"{"a":{"dtype":"BF16","shape":[9],"data_offsets":[0,18]}}"#
    let values = try open(safetensors(header, data: data)).floats("a").values
    #expect(values.map(\.bitPattern) == halves.map { UInt32($0) << 16 })
    #expect(values[2] == 1 && values[3] == -3.140625 && values[8].isNaN)
  }

  @Test("tensors may be empty, scalar, or stored in another order than the header's")
  func unusual() throws {
    let header = #"""
      {"b":{"dtype":"F32","shape":[],"data_offsets":[4,8]},"none":{"dtype":"I64","shape":[3,0],"data_offsets":[4,4]},
       "a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"end":{"dtype":"F16","shape":[0],"data_offsets":[8,8]}}
      """#
    let file = try open(safetensors(header, data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]))
    #expect(file.names == ["b", "none", "a", "end"])
    #expect(try file.floats("a", shape: [1, 1]).values == [1])
    #expect(try file.floats("b", shape: []).values == [2])
    #expect(try file.floats("end", shape: [0]).values.isEmpty)
    #expect(try open(safetensors("{}")).names.isEmpty)
  }

  @Test("a tensor that is missing, misshapen or of another type is named with what was expected")
  func wrongTensor() throws {
    let header =
      #"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]}}"#
    let file = try open(safetensors(header, data: Array(repeating: 0, count: 16)))
    #expect(
      failure { () throws(InputError) in try file.floats("c", shape: [3]) }
        == "t.safetensors: tensor c: missing; expected one of shape [3]")
    #expect(
      failure { () throws(InputError) in try file.floats("b", shape: [4]) }
        == "t.safetensors: tensor b: shape [2, 2], expected [4]")
    #expect(
      failure { () throws(InputError) in try file.floats("a") }
        == "t.safetensors: tensor a: dtype I64, expected F32, F16 or BF16")
  }

  // MARK: Hostile files

  @Test("a file too short for its own claims is refused")
  func truncated() throws {
    #expect(
      try refusal([1, 2, 3]) == "t.safetensors: truncated: 3 bytes, expected at least the 8 of the header's length")
    #expect(
      try refusal([]) == "t.safetensors: truncated: 0 bytes, expected at least the 8 of the header's length")
    #expect(
      try refusal(safetensors("{}", length: 3))
        == "t.safetensors: header: claims 3 bytes, but only 2 follow in the file")
    #expect(
      try refusal(safetensors("{}", length: 100_000_001))
        == "t.safetensors: header: claims 100000001 bytes, expected at most 100000000: not safetensors?")
    #expect(
      try refusal(safetensors("{}", length: .max))
        == "t.safetensors: header: claims 18446744073709551615 bytes, expected at most 100000000: not safetensors?")
    #expect(
      try refusal(safetensors(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: [1, 2, 3, 4]))
        == "t.safetensors: tensor a: data_offsets [0, 8], but the file has only 4 bytes of data")
    #expect(
      failure { () throws(InputError) in try SafetensorsFile(path: folder.path + "/none") } == "none: no such file")
  }

  @Test(
    "a header that is not what the format demands is refused",
    arguments: [
      ("", "header: expected a JSON object that begins with '{'"),
      ("[]", "header: expected a JSON object that begins with '{'"),
      (" {}", "header: expected a JSON object that begins with '{'"),
      ("{]", "header, line 1, column 2: expected a key in quotes, found ']'"),
      (#"{"a":1}"#, "tensor a: expected an object, found an integer"),
      (#"{"__metadata__":{"a":1}}"#, "header: __metadata__.a: expected a string, found an integer"),
      (#"{"__metadata__":[]}"#, "header: __metadata__: expected an object, found an array"),
      (#"{"a":{}}"#, "tensor a.dtype: missing"),
      (#"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, "tensor a.shape: missing"),
      (#"{"a":{"dtype":"F32","shape":[2]}}"#, "tensor a.data_offsets: missing"),
      (
        #"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#,
        "tensor a: unknown dtype \"F31\", expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, "
          + "BOOL, F8_E4M3, F8_E5M2"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
        "header, line 1, column 55: the key \"a\" occurs twice"
      ),
      (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "tensor a.shape[0]: -2, expected at least 0"),
      (
        #"{"a":{"dtype":"F32","shape":[1,2.0],"data_offsets":[0,8]}}"#,
        "tensor a.shape[1]: expected an integer, found the number 2.0"
      ),
      (
        #"{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#, "tensor a.shape: expected an array, found an integer"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#,
        "tensor a.shape[0]: expected an integer, found the number 1e+20"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}"#,
        "tensor a: a shape too large to count its elements"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,8]}}"#,
        "tensor a: a shape too large to count its elements"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "tensor a: 8 bytes, expected 12 for F32 of [3]"
      ),
      (
        #"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}"#, "tensor a: 8 bytes, expected 4 for F16 of [2]"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2684354560],"data_offsets":[0,10737418240]}}"#,
        "tensor a: data_offsets [0, 10737418240], but the file has only 8 bytes of data"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        "tensor a: data_offsets [8, 0], expected the begin before the end"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#,
        "tensor a.data_offsets[0]: -8, expected at least 0"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}"#,
        "tensor a.data_offsets: 3 values, expected begin and end"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        "tensor a: begins at byte 4, expected 0: a gap that no tensor covers"
      ),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "4 bytes after the last tensor, expected none"),
      (
        #"{"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]}}"#,
        "tensor b: its data overlap those of a"
      ),
      (
        #"{"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
        "tensor a: its data overlap those of b"
      ),
      (
        #"{"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#,
        "tensor a: begins at byte 3, expected 2: a gap that no tensor covers"
      ),
    ])
  func hostileHeader(header: String, message: String) throws {
    let data = Array(repeating: UInt8(0), count: 8)
    #expect(try refusal(safetensors(header, data: data)) == "t.safetensors: " + message)
  }

  @Test("a very long name is shortened in errors")
  func longName() throws {
    let name = String(repeating: "x", count: 10_000)
    let message = try #require(try refusal(safetensors("{\"\(name)\":1}")))
    #expect(message.count < 200 && message.hasSuffix("…: expected an object, found an integer"))
  }

  // MARK: Writing

  @Test("what is written reads back bit for bit, in the order given")
  func roundTrip() throws {
    let path = folder.path + "/out.safetensors"
    let special: [Float] = [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity]
    try SafetensorsWriter.write(
      [
        ("z", [2, 3], special), ("a \"é\"", [], [.pi]), ("empty", [0, 5], []),
        ("long", [1000], (0..<1000).map { Float($0) / 7 }),
      ], metadata: ["format": "pt", "é": "\n"], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["z", "a \"é\"", "empty", "long"])
    #expect(file.metadata == ["format": "pt", "é": "\n"])
    #expect(try file.floats("z", shape: [2, 3]).values.map(\.bitPattern) == special.map(\.bitPattern))
    #expect(try file.floats("a \"é\"", shape: []).values == [.pi])
    #expect(try file.floats("empty", shape: [0, 5]).count == 0)
    #expect(try file.floats("long").values == (0..<1000).map { Float($0) / 7 })
    #expect(folder.entries == ["out.safetensors"])
  }

  @Test("the bytes are those of the format, header padded to 8, and the same each time")
  func bytes() throws {
    for name in ["one", "two"] {
      try SafetensorsWriter.write(
        [("a", [1], [1])], metadata: ["b": "2", "a": "1"], to: folder.path + "/" + name)
    }
    let header = #"{"__metadata__":{"a":"1","b":"2"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let expected = safetensors(padded, data: [0, 0, 0x80, 0x3F])
    for name in ["one", "two"] {
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + name))) == expected)
    }
  }

  @Test("an output that cannot be written says so")
  func unwritable() throws {
    #expect(
      failure { () throws(InputError) in
        try SafetensorsWriter.write([("a", [1], [1])], metadata: [:], to: folder.path + "/none/x.safetensors")
      } == "x.safetensors: cannot be written: No such file or directory")
  }
}
