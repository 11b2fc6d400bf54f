// From the 256-colour palette down to the 16 and the 8 colours of lesser terminals.

/// The nearest colours, by squared distance in RGB, of the palette that xterm made common.
enum ColorLadder {
  /// The colour to show for `color` at a depth; `.standard` stays, and is all there is without colours.
  static func shown(_ color: Color, at depth: ColorDepth) -> Color {
    guard case .palette(let index) = color else { return .standard }
    switch depth {
    case .full: return color
    case .sixteen: return .palette(nearestOf16[Int(index)])
    case .eight: return .palette(nearestOf8[Int(index)])
    case .none: return .standard
    }
  }

  /// The style to show at a depth. Two colours that fall together would hide the text: it becomes black or white then.
  static func shown(_ style: Style, at depth: ColorDepth) -> Style {
    guard depth < .full else { return style }
    var shown = style
    shown.foreground = self.shown(style.foreground, at: depth)
    shown.background = self.shown(style.background, at: depth)
    if case .palette(let index) = shown.background, shown.foreground == shown.background,
      style.foreground != style.background
    {
      let isBright = luminance(rgb(index)) > 110
      shown.foreground = .palette(isBright ? 0 : 7)
    }
    return shown
  }

  private static let nearestOf16 = (0...255).map { nearest(to: $0, among: 16) }
  private static let nearestOf8 = (0...255).map { nearest(to: $0, among: 8) }

  private static func nearest(to index: Int, among count: Int) -> UInt8 {
    let color = rgb(UInt8(index))
    if index < count { return UInt8(index) }
    let best = (0..<count).min { distance(rgb(UInt8($0)), color) < distance(rgb(UInt8($1)), color) }
    return UInt8(best ?? 7)
  }

  private typealias RGB = (red: Int, green: Int, blue: Int)

  private static func distance(_ a: RGB, _ b: RGB) -> Int {
    let (red, green, blue) = (a.red - b.red, a.green - b.green, a.blue - b.blue)
    return red * red + green * green + blue * blue
  }

  private static func luminance(_ color: RGB) -> Int {
    (299 * color.red + 587 * color.green + 114 * color.blue) / 1000
  }

  /// xterm's palette: 16 named colours, a 6×6×6 cube, 24 greys.
  private static func rgb(_ index: UInt8) -> RGB {
    let index = Int(index)
    switch index {
    case 0..<8:
      return (index & 1 == 0 ? 0 : 205, index & 2 == 0 ? 0 : 205, index & 4 == 0 ? 0 : 205)
    case 8:
      return (127, 127, 127)
    case 9..<16:
      return (index & 1 == 0 ? 0 : 255, index & 2 == 0 ? 0 : 255, index & 4 == 0 ? 0 : 255)
    case 16..<232:
      func level(_ step: Int) -> Int { step == 0 ? 0 : 55 + 40 * step }
      return (level((index - 16) / 36), level((index - 16) / 6 % 6), level((index - 16) % 6))
    default:
      return (8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232))
    }
  }
}
