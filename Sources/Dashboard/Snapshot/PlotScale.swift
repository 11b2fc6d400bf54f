// From a quantity to pixels, with ticks that people like to read.

import Foundation

/// One axis of a picture: linear or logarithmic.
struct PlotScale {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  /// Pixels of `low` and of `high`.
  let from: Double
  let to: Double
  /// Where ticks stand, low to high.
  let ticks: [Double]

  /// Exact bounds, with ticks at multiples of 1, 2 or 5 times a power of ten within them.
  init(_ low: Double, _ high: Double, from: Double, to: Double, ticks count: Int) {
    self.low = low
    self.high = high > low ? high : low + 1
    self.from = from
    self.to = to
    isLogarithmic = false
    ticks = Self.ticks(low, self.high, count)
  }

  /// Bounds that hold all finite values and end at ticks; logarithmic where they span more than a hundredfold and all
  /// are positive.
  init(holding values: [Double], from: Double, to: Double, ticks count: Int, mayBeLogarithmic: Bool = true) {
    let finite = values.filter(\.isFinite)
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    self.from = from
    self.to = to
    if mayBeLogarithmic, low > 0, high / low > 100 {
      isLogarithmic = true
      self.low = pow(10, (log10(low) + 1e-9).rounded(.down))
      self.high = pow(10, (log10(high) - 1e-9).rounded(.up))
      ticks = Self.decades(self.low, self.high, count)
      return
    }
    isLogarithmic = false
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-12) {
      let room = max(abs(low) * 0.05, 1e-12)
      (low, high) = (low - room, high + room)
    }
    let step = Self.step(high - low, count)
    self.low = (low / step + 1e-9).rounded(.down) * step
    self.high = (high / step - 1e-9).rounded(.up) * step
    ticks = Self.ticks(self.low, self.high, count)
  }

  /// A logarithmic axis with exact bounds. - Precondition: 0 < low ≤ high.
  init(logarithmicFrom low: Double, to high: Double, pixels: ClosedRange<Double>, ticks count: Int) {
    precondition(low > 0 && high >= low, "a logarithmic axis from \(low) to \(high)")
    self.low = low
    self.high = high > low ? high : low * 10
    from = pixels.lowerBound
    to = pixels.upperBound
    isLogarithmic = true
    ticks = Self.decades(low, self.high, count)
  }

  /// 0 at `low`, 1 at `high`; nil where the value has no place.
  func share(_ value: Double) -> Double? {
    guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
    return isLogarithmic
      ? (log10(value) - log10(low)) / (log10(high) - log10(low)) : (value - low) / (high - low)
  }

  /// The value's pixel; nil where it has none.
  func pixel(_ value: Double) -> Double? { share(value).map { from + $0 * (to - from) } }

  /// Width between ticks for about so many of them.
  private static func step(_ span: Double, _ count: Int) -> Double {
    let raw = span / Double(max(count, 1))
    guard raw > 0, raw.isFinite else { return 1 }
    let power = pow(10, log10(raw).rounded(.down))
    let factor = raw / power
    return power * (factor <= 1.0000001 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10)
  }

  private static func ticks(_ low: Double, _ high: Double, _ count: Int) -> [Double] {
    let step = step(high - low, count)
    let first = Int((low / step - 1e-9).rounded(.up))
    let last = Int((high / step + 1e-9).rounded(.down))
    guard last >= first, last - first < 100 else { return [low, high] }
    return (first...last).map { Double($0) * step }
  }

  /// Powers of ten within the bounds; where they are fewer than two, 1, 2 and 5 times them.
  private static func decades(_ low: Double, _ high: Double, _ count: Int) -> [Double] {
    let first = Int((log10(low) - 1e-9).rounded(.up))
    let last = Int((log10(high) + 1e-9).rounded(.down))
    if last - first >= 1 {
      let skip = max(1, (last - first + count) / max(count, 1))
      return stride(from: first, through: last, by: skip).map { pow(10, Double($0)) }
    }
    return (first - 1...max(last, first)).flatMap { power in
      [1.0, 2, 5].map { $0 * pow(10, Double(power)) }
    }.filter { $0 >= low * 0.999999 && $0 <= high * 1.000001 }
  }

  /// A tick's label.
  static func label(_ value: Double) -> String {
    // A sum of steps that should be 0 or 0.3 is not quite.
    let digits = NumberText.plain(value)
    return abs(value) < 1e-300 ? "0" : digits
  }
}
