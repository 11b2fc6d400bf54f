// Small plots out of text: sparklines, bars of eighths, and curves in braille dots.

import Foundation

enum Spark {
  static let eighths: [Unicode.Scalar] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  /// One glyph a sample, `width` samples spread over the values; the newest is last.
  /// - Parameter range: what the lowest and the highest glyph stand for; the values' own where nil.
  static func line(_ values: [Double], width: Int, range: ClosedRange<Double>? = nil) -> String {
    guard width > 0, !values.isEmpty else { return "" }
    let count = min(width, values.count)
    let finite = values.filter(\.isFinite)
    let low = range?.lowerBound ?? finite.min() ?? 0
    let high = range?.upperBound ?? finite.max() ?? 0
    var text = String.UnicodeScalarView()
    for sample in 0..<count {
      let value = values[count == 1 ? values.count - 1 : sample * (values.count - 1) / (count - 1)]
      guard value.isFinite else {
        text.append("?")
        continue
      }
      let share = high > low ? (value - low) / (high - low) : 0.5
      text.append(eighths[1 + max(0, min(7, Int(share * 8)))])
    }
    return String(text)
  }

  /// A bar of `width` cells: one cell a unit where they fit, else shares.
  static func bar(_ value: Int, of total: Int, width: Int) -> (full: String, rest: String) {
    guard width > 0, total > 0 else { return ("", "") }
    let cells = total <= width ? total : width
    let filled = total <= width ? value : Int((Double(value) / Double(total) * Double(width)).rounded())
    let full = max(value > 0 ? 1 : 0, min(filled, cells))
    return (String(repeating: "█", count: full), String(repeating: "·", count: cells - full))
  }

  /// One glyph for a share 0…1.
  static func level(_ share: Double) -> Unicode.Scalar {
    guard share.isFinite else { return "?" }
    return eighths[max(share > 0 ? 1 : 0, min(8, Int((share * 8).rounded())))]
  }
}

/// A raster of dots over cells: 2×4 dots a cell in braille, 1×3 (`.` `-` `'`) without it.
struct DotPlot {
  let width: Int
  let height: Int
  private let isBraille: Bool
  private var dots: [UInt8]
  private var styles: [Style]

  init(width: Int, height: Int, glyphs: GlyphLevel) {
    self.width = max(width, 0)
    self.height = max(height, 0)
    isBraille = glyphs == .braille
    dots = Array(repeating: 0, count: self.width * self.height)
    styles = Array(repeating: .plain, count: self.width * self.height)
  }

  var dotWidth: Int { isBraille ? width * 2 : width }
  var dotHeight: Int { isBraille ? height * 4 : height * 3 }

  private static let braille: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]

  /// Sets the dot in column `x` from the left and row `y` from above.
  mutating func set(_ x: Int, _ y: Int, _ style: Style) {
    guard x >= 0, y >= 0, x < dotWidth, y < dotHeight else { return }
    let cell = isBraille ? y / 4 * width + x / 2 : y / 3 * width + x
    dots[cell] |= isBraille ? Self.braille[y % 4][x % 2] : UInt8(1 << (y % 3))
    styles[cell] = style
  }

  /// The dot of a point whose coordinates are shares 0…1, y upwards; nil where it is not in the plot.
  func dot(_ x: Double, _ y: Double) -> (x: Int, y: Int)? {
    guard x.isFinite, y.isFinite, x >= 0, x <= 1, width > 0, height > 0 else { return nil }
    let inside = max(0, min(1, y))
    return (Int((x * Double(dotWidth - 1)).rounded()), Int(((1 - inside) * Double(dotHeight - 1)).rounded()))
  }

  mutating func point(_ x: Double, _ y: Double, _ style: Style) {
    if let dot = dot(x, y) { set(dot.x, dot.y, style) }
  }

  /// Whether a dashed line has its gap over a column of dots.
  func isGap(_ x: Int) -> Bool { isBraille ? x % 6 >= 3 : x % 3 == 2 }

  /// A connected line through points of shares 0…1; gaps at values that are not finite.
  mutating func line(_ points: [(x: Double, y: Double)], _ style: Style, isDashed: Bool = false) {
    var last: (x: Int, y: Int)?
    func set(_ x: Int, _ y: Int, _ style: Style) {
      if !isDashed || !isGap(x) { self.set(x, y, style) }
    }
    for point in points {
      guard let next = dot(point.x, point.y) else {
        last = nil
        continue
      }
      if let from = last {
        let steps = max(abs(next.x - from.x), abs(next.y - from.y), 1)
        for step in 1...steps {
          set(from.x + (next.x - from.x) * step / steps, from.y + (next.y - from.y) * step / steps, style)
        }
      } else {
        set(next.x, next.y, style)
      }
      last = next
    }
  }

  func isEmpty(_ x: Int, _ y: Int) -> Bool { dots[y * width + x] == 0 }

  /// Draws the cells that have a dot.
  func draw(on canvas: inout Canvas, in area: Area, x: Int, y: Int) {
    for row in 0..<height where y + row < area.height {
      for column in 0..<width where x + column < area.width && dots[row * width + column] != 0 {
        canvas[area.x + x + column, area.y + y + row] = Cell(
          glyph: glyph(dots[row * width + column]), style: styles[row * width + column])
      }
    }
  }

  private func glyph(_ dots: UInt8) -> Unicode.Scalar {
    if isBraille { return Unicode.Scalar(0x2800 + UInt32(dots)) ?? " " }
    switch dots {
    case 1: return "'"
    case 2: return "-"
    case 4: return "."
    case 3: return "\""
    case 6: return ":"
    default: return "|"
    }
  }
}

/// The range of an axis and where a value stands on it.
struct Axis {
  let low: Double
  let high: Double
  let isLogarithmic: Bool

  /// Spans the finite values; on a logarithmic axis the positive ones. A flat line gets a little room.
  init(_ values: some Sequence<Double>, isLogarithmic: Bool, includesZero: Bool = false) {
    var low = Double.infinity
    var high = -Double.infinity
    for value in values where value.isFinite && (!isLogarithmic || value > 0) {
      low = min(low, value)
      high = max(high, value)
    }
    if low > high { (low, high) = isLogarithmic ? (0.1, 1) : (0, 1) }
    if includesZero && !isLogarithmic { (low, high) = (min(low, 0), max(high, 0)) }
    if high <= low {
      let room = isLogarithmic ? 0 : max(abs(low) * 0.05, 1e-12)
      self.low = isLogarithmic ? low / 1.05 : low - room
      self.high = isLogarithmic ? high * 1.05 : high + room
    } else {
      self.low = low
      self.high = high
    }
    self.isLogarithmic = isLogarithmic
  }

  /// 0 at the bottom, 1 at the top; NaN where it has no place.
  func share(_ value: Double) -> Double {
    if isLogarithmic { return value > 0 ? (log(value) - log(low)) / (log(high) - log(low)) : .nan }
    return (value - low) / (high - low)
  }
}
