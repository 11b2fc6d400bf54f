// Magnitude as colour and as glyph: viridis where there are 256 colours, shorter ramps below, a glyph always.

import Foundation

struct HeatScale {
  /// Viridis from dark to bright, as the nearest of the 256-colour palette.
  static let viridis: [UInt8] = [54, 60, 61, 24, 31, 30, 36, 72, 77, 113, 148, 220]
  static let sixteen: [UInt8] = [4, 12, 6, 14, 10, 11]
  static let eight: [UInt8] = [4, 6, 2, 3]

  let low: Double
  let high: Double
  private let colors: ColorDepth
  private let isASCII: Bool

  /// A logarithmic scale over the positive values, at most eight decades.
  init(_ values: [Float], glyphs: GlyphLevel, colors: ColorDepth) {
    var low = Float.infinity
    var high: Float = 0
    for value in values where value > 0 && value.isFinite {
      low = min(low, value)
      high = max(high, value)
    }
    self.high = Double(high)
    self.low = high > 0 ? max(Double(low), Double(high) * 1e-8) : 0
    self.colors = colors
    isASCII = glyphs == .ascii
  }

  /// 0…1 on the logarithmic scale; nil for zero and what is not a number.
  func share(_ value: Float) -> Double? {
    guard value > 0, value.isFinite, high > 0 else { return nil }
    guard high > low else { return 1 }
    return max(0, min(1, log(Double(value) / low) / log(high / low)))
  }

  /// `·` for zero, else one of eight heights (digits 1…9 in ASCII).
  func glyph(_ share: Double?) -> Unicode.Scalar {
    guard let share else { return "·" }
    if isASCII { return Unicode.Scalar(UInt8(49 + min(8, Int(share * 9)))) }
    return Spark.eighths[1 + min(7, Int(share * 8))]
  }

  func style(_ share: Double?) -> Style {
    guard let share else { return Theme.dim }
    func pick(_ ramp: [UInt8]) -> Style {
      Style(.palette(ramp[min(ramp.count - 1, Int(share * Double(ramp.count)))]))
    }
    switch colors {
    case .full: return pick(Self.viridis)
    case .sixteen: return pick(Self.sixteen)
    case .eight: return pick(Self.eight)
    case .none: return .plain
    }
  }
}
