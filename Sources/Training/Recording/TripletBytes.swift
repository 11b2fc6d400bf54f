// How per-triplet numbers lie in the database: little-endian float32 and bfloat16, and bits.

import AdaLoRA
import Foundation

/// Arrays of numbers as BLOBs.
enum NumberBytes {
  static func float32(_ values: [Float]) -> Data {
    var bytes = [UInt32](repeating: 0, count: values.count)
    for i in values.indices { bytes[i] = values[i].bitPattern.littleEndian }
    return bytes.withUnsafeBytes { Data($0) }
  }

  /// The upper halves of the float32, rounded to nearest, ties to even. NaN stays NaN.
  static func bfloat16(_ values: [Float]) -> Data {
    var bytes = [UInt16](repeating: 0, count: values.count)
    for i in values.indices { bytes[i] = bfloat16(values[i]).littleEndian }
    return bytes.withUnsafeBytes { Data($0) }
  }

  static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(bits >> 16) | 0x40 }
    return UInt16((bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  /// Element i is bit i mod 8 of byte i / 8.
  static func bits(_ values: [Bool]) -> Data {
    var bytes = Data(count: (values.count + 7) / 8)
    for i in values.indices where values[i] { bytes[i / 8] |= 1 << UInt8(i % 8) }
    return bytes
  }

  /// - Precondition: 4 bytes a value. What is not finite, which no run that goes on has, becomes 0.
  static func float32(_ bytes: Data) -> [Float] {
    bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
      (0..<raw.count / 4).map { i in
        let value = Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)))
        return value.isFinite ? value : 0
      }
    }
  }

  /// - Precondition: 2 bytes a value. What is not finite becomes 0.
  static func bfloat16(_ bytes: Data) -> [Float] {
    bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
      (0..<raw.count / 2).map { i in
        let half = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
        let value = Float(bitPattern: UInt32(half) << 16)
        return value.isFinite ? value : 0
      }
    }
  }

  /// - Precondition: at least `count` bits.
  static func bits(_ bytes: Data, count: Int) -> [Bool] {
    bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) in
      (0..<count).map { i in
        let bit: UInt8 = 1 << UInt8(i % 8)
        return raw[i / 8] & bit != 0
      }
    }
  }
}

/// The columns that `triplets` and `live.triplets` share, in their order there. A column that is nil was not recorded.
struct TripletColumns: Equatable {
  var kept: Data?
  /// S by the run's rule, float32.
  var score: Data?
  var lambda: Data?
  /// s(λ), mean s(P), mean s(Q), I, Ī, Ū, in bfloat16.
  var parts: [Data?]

  /// - Parameter rule: the run's own.
  init(_ frame: TripletFrame, rule: ScoringRule) {
    let score = frame.scores[rule] ?? []
    kept = frame.kept.isEmpty ? nil : NumberBytes.bits(frame.kept)
    self.score = score.isEmpty ? nil : NumberBytes.float32(score)
    lambda = frame.lambda.isEmpty ? nil : NumberBytes.float32(frame.lambda)
    parts = [
      frame.lambdaPart, frame.pPart, frame.qPart, frame.scores[.sensitivity] ?? [], frame.smoothedSensitivity,
      frame.uncertainty,
    ].map { $0.isEmpty ? nil : NumberBytes.bfloat16($0) }
  }

  init(kept: Data?, score: Data?, lambda: Data?, parts: [Data?]) {
    self.kept = kept
    self.score = score
    self.lambda = lambda
    self.parts = parts
  }

  /// What `live.triplets` holds of so many triplets: `joined` taken apart.
  /// - Returns: nil where the length is another.
  init?(joined: Data, count: Int) {
    guard joined.count == Self.joinedLength(count) else { return nil }
    var start = joined.startIndex
    func next(_ length: Int) -> Data {
      defer { start += length }
      return joined[start..<start + length]
    }
    kept = next((count + 7) / 8)
    score = next(4 * count)
    lambda = next(4 * count)
    parts = (0..<6).map { _ in next(2 * count) }
  }

  static func joinedLength(_ count: Int) -> Int { (count + 7) / 8 + 20 * count }

  /// All columns one after another; nil where one is missing.
  var joined: Data? {
    guard var all = kept, let score, let lambda else { return nil }
    all += score
    all += lambda
    for part in parts {
      guard let part else { return nil }
      all += part
    }
    return all
  }

  /// The first column whose length is wrong for so many triplets.
  func wrongColumn(count: Int) -> String? {
    let names = ["lambda_part", "p_part", "q_part", "sensitivity", "smoothed", "uncertainty"]
    func differs(_ data: Data?, _ length: Int) -> Bool { data.map { $0.count != length } ?? false }
    if differs(kept, (count + 7) / 8) { return "kept" }
    if differs(score, 4 * count) { return "score" }
    if differs(lambda, 4 * count) { return "lambda" }
    return zip(names, parts).first { differs($1, 2 * count) }?.0
  }

  /// The columns as a frame; zeros for what was not recorded.
  /// - Parameters:
  ///   - random: the run's draw for the rule `random`.
  ///   - maskScores: S as the last mask used them; empty before the first.
  /// - Precondition: no column is wrong for so many triplets.
  func frame(count: Int, rule: ScoringRule, random: [Float], maskScores: [Float]) -> TripletFrame {
    let zeros = [Float](repeating: 0, count: count)
    func part(_ index: Int) -> [Float] { parts[index].map(NumberBytes.bfloat16) ?? zeros }
    var frame = TripletFrame()
    frame.lambda = lambda.map(NumberBytes.float32) ?? zeros
    frame.kept = kept.map { NumberBytes.bits($0, count: count) } ?? Array(repeating: true, count: count)
    frame.lambdaPart = part(0)
    frame.pPart = part(1)
    frame.qPart = part(2)
    frame.smoothedSensitivity = part(4)
    frame.uncertainty = part(5)
    let smoothed = (0..<count).map { frame.lambdaPart[$0] + (frame.pPart[$0] + frame.qPart[$0]) }
    frame.scores = [
      .smoothed: smoothed, .uniform: smoothed, .sensitivity: part(3), .magnitude: frame.lambda.map { abs($0) },
      .random: random,
    ]
    if let score {
      let own = NumberBytes.float32(score)
      frame.scores[rule] = own
      if rule == .smoothed || rule == .uniform {
        frame.scores[.smoothed] = own
        frame.scores[.uniform] = own
      }
    }
    frame.maskScores = maskScores
    return frame
  }
}
