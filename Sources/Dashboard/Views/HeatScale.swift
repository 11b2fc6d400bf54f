// Magnitude as colour and as glyph: viridis or cividis where there are 256 colours, shorter ramps below, a glyph always.

import Foundation

/// The colours of magnitude: both rise evenly in lightness; cividis is blue to yellow alone.
public enum HeatTheme: String, Sendable, CaseIterable {
  case viridis, cividis

  /// From dark to bright, as the nearest of the palette's colours.
  func ramp(_ depth: ColorDepth) -> [UInt8] {
    switch (self, depth) {
    case (_, .none): []
    case (.viridis, .full): [54, 60, 61, 24, 31, 30, 36, 72, 77, 113, 148, 220]
    case (.viridis, .sixteen): [4, 12, 6, 14, 10, 11]
    case (.viridis, .eight): [4, 6, 2, 3]
    case (.cividis, .full): [17, 24, 239, 59, 243, 102, 144, 179, 185, 221]
    case (.cividis, .sixteen): [4, 8, 3, 11]
    case (.cividis, .eight): [4, 6, 3]
    }
  }
}

struct HeatScale {

  let low: Double
  let high: Double
  private let ramp: [UInt8]
  private let isASCII: Bool

  /// A logarithmic scale over the positive values, at most eight decades.
  init(_ values: [Float], glyphs: GlyphLevel, colors: ColorDepth, theme: HeatTheme = .viridis) {
    var low = Float.infinity
    var high: Float = 0
    for value in values where value > 0 && value.isFinite {
      low = min(low, value)
      high = max(high, value)
    }
    self.high = Double(high)
    self.low = high > 0 ? max(Double(low), Double(high) * 1e-8) : 0
    ramp = theme.ramp(colors)
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
    guard !ramp.isEmpty else { return .plain }
    return Style(.palette(ramp[min(ramp.count - 1, Int(share * Double(ramp.count)))]))
  }
}
