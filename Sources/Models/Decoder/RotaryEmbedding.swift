// The angles of rotary position embedding, with HuggingFace's scaling variants.

import Foundation
import Kernels

/// How fast each pair of elements of a head turns with the position.
public struct RotaryEmbedding: Sendable, Equatable {
  /// How frequencies are changed for contexts longer than those trained on. Factors are at least 1.
  public enum Scaling: Sendable, Equatable {
    /// As trained; also HuggingFace's `dynamic`, which changes nothing up to `max_position_embeddings`.
    case none
    case linear(factor: Double)
    /// Low frequencies are divided by `factor`, those between are mixed.
    case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalLength: Double)
    case yarn(
      factor: Double, attentionFactor: Double, betaFast: Double, betaSlow: Double, originalLength: Double,
      truncates: Bool)
  }

  /// `rope_theta`.
  public var theta: Double
  public var scaling: Scaling

  public init(theta: Double = 10_000, scaling: Scaling = .none) {
    self.theta = theta
    self.scaling = scaling
  }

  /// The angle by which a pair turns from one position to the next, for each of d_h/2 pairs. In float32, as the reference
  /// computes it: at far positions a frequency's last bits are seen.
  /// Source: `modeling_rope_utils.py` of transformers.
  public func frequencies(headSize: Int) -> [Float] {
    let half = headSize / 2
    let base = (0..<half).map { 1 / powf(Float(theta), Float(2 * $0) / Float(headSize)) }
    switch scaling {
    case .none: return base
    case .linear(let factor): return base.map { $0 / Float(factor) }
    case .llama3(let factor, let low, let high, let length):
      return base.map { frequency in
        let wavelength = 2 * Double.pi / Double(frequency)
        if wavelength < length / high { return frequency }
        if wavelength > length / low { return frequency / Float(factor) }
        let smooth = (length / wavelength - low) / (high - low)
        return Float((1 - smooth) * Double(frequency) / factor + smooth * Double(frequency))
      }
    case .yarn(let factor, _, let fast, let slow, let length, let truncates):
      func dimension(_ rotations: Double) -> Double {
        Double(headSize) * log(length / (rotations * 2 * .pi)) / (2 * log(theta))
      }
      let bounds = truncates ? (floor(dimension(fast)), ceil(dimension(slow))) : (dimension(fast), dimension(slow))
      let low = max(bounds.0, 0)
      let high = min(bounds.1, Double(headSize - 1))
      return base.enumerated().map { i, frequency in
        let ramp = min(max((Double(i) - low) / (low == high ? 0.001 : high - low), 0), 1)
        return Float(Double(frequency) / factor * ramp + Double(frequency) * (1 - ramp))
      }
    }
  }

  /// cos and sin of all positions below `length`.
  func table(headSize: Int, length: Int) -> RotaryTable {
    let frequencies = frequencies(headSize: headSize)
    var factor = 1.0
    if case .yarn(_, let attentionFactor, _, _, _, _) = scaling { factor = attentionFactor }
    var cosines: [Float] = []
    var sines: [Float] = []
    cosines.reserveCapacity(length * frequencies.count)
    sines.reserveCapacity(length * frequencies.count)
    for position in 0..<length {
      for frequency in frequencies {
        let angle = Double(Float(position) * frequency)
        cosines.append(Float(cos(angle) * factor))
        sines.append(Float(sin(angle) * factor))
      }
    }
    return RotaryTable(cosines: cosines, sines: sines, half: frequencies.count)
  }
}

// MARK: - Reading

extension RotaryEmbedding {
  private static let kinds = ["default", "linear", "dynamic", "llama3", "yarn"]

  /// From `rope_parameters`, or from `rope_theta` and `rope_scaling`, as older files have them.
  /// - Throws: for a kind that is not supported, or a value that is missing or out of range.
  init(_ reader: ConfigReader, maximumLength: Int) throws(InputError) {
    let key = reader.value("rope_parameters") == nil ? "rope_scaling" : "rope_parameters"
    let top = try reader.number("rope_theta", 10_000, in: 1...1e12)
    guard let value = reader.value(key) else {
      self.init(theta: top)
      return
    }
    for (name, member) in try value.object(file: reader.file, at: key) {
      if case .object = member {
        throw reader.error("\(key).\(name.excerpt)", "parameters of its own for a kind of layer are not supported")
      }
    }
    let members = ConfigReader(config: value, file: reader.file, prefix: key + ".")
    let theta = try members.number("rope_theta", top, in: 1...1e12)
    guard try members.number("partial_rotary_factor", 1, in: 0...1) == 1 else {
      throw members.error("partial_rotary_factor", "below 1 is not supported; expected 1")
    }
    let kindKey = members.value("rope_type") == nil ? "type" : "rope_type"
    let kind = try members.string(kindKey, "default")
    let original = Double(
      try members.size("original_max_position_embeddings", maximumLength, atMost: 1 << 24))
    func factor() throws(InputError) -> Double { try members.required("factor", by: kind, in: 1...1e6) }
    switch kind {
    case "default", "dynamic": self.init(theta: theta)
    case "linear": self.init(theta: theta, scaling: .linear(factor: try factor()))
    case "llama3":
      let low = try members.required("low_freq_factor", by: kind, in: 1e-6...1e6)
      let high = try members.required("high_freq_factor", by: kind, in: 1e-6...1e6)
      guard high > low else {
        throw members.error("high_freq_factor", "\(high), expected more than low_freq_factor, which is \(low)")
      }
      self.init(
        theta: theta,
        scaling: .llama3(
          factor: try factor(), lowFrequency: low, highFrequency: high, originalLength: original))
    case "yarn": self.init(theta: theta, scaling: try Self.yarn(members, theta: theta, originalLength: original))
    default:
      throw members.error(
        kindKey,
        "\(JSON.quoted(kind.excerpt)) is not supported; expected one of: \(Self.kinds.joined(separator: ", "))")
    }
  }

  private static func yarn(
    _ members: ConfigReader, theta: Double, originalLength: Double
  ) throws(InputError) -> Scaling {
    guard theta > 1 else { throw members.error("rope_theta", "\(theta), expected above 1") }
    let factor = try members.required("factor", by: "yarn", in: 1...1e6)
    func scale(_ m: Double) -> Double { factor <= 1 ? 1 : 0.1 * m * log(factor) + 1 }
    let m = try members.number("mscale", 0, in: 0...1e6)
    let all = try members.number("mscale_all_dim", 0, in: 0...1e6)
    let inferred = m > 0 && all > 0 ? scale(m) / scale(all) : scale(1)
    let fast = try members.number("beta_fast", 32, in: 0...1e6)
    let slow = try members.number("beta_slow", 1, in: 0...1e6)
    return .yarn(
      factor: factor, attentionFactor: try members.number("attention_factor", inferred, in: 0...1e6),
      betaFast: fast > 0 ? fast : 32, betaSlow: slow > 0 ? slow : 1, originalLength: originalLength,
      truncates: try members.flag("truncate", true))
  }
}
