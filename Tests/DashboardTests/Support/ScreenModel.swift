// A terminal small enough to check: applies the bytes of a frame to a grid.

@testable import Dashboard

/// Understands what `FrameEncoder` may send with `TerminalStrings.model`, and nothing else.
struct ScreenModel {
  private(set) var canvas: Canvas
  /// The first thing that was not understood or should not have been sent.
  private(set) var complaint: String?
  private var x = 0
  private var y = 0
  private var style = Style.plain

  init(width: Int, height: Int) { canvas = Canvas(width: width, height: height) }

  /// Fills the screen, as another program may have left it.
  mutating func spoil() {
    for y in 0..<canvas.height {
      for x in 0..<canvas.width { canvas.write("!", x: x, y: y, style: Style(.palette(1), reverse: true)) }
    }
    (x, y, style) = (3, 1, Style(.palette(3), bold: true))
  }

  mutating func apply(_ bytes: [UInt8]) {
    var rest = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar != "\u{1B}" {
        if x >= canvas.width || y >= canvas.height { complain("wrote outside at \(x),\(y)") }
        canvas.write(String(scalar), x: x, y: y, style: style)
        x += 1
        continue
      }
      guard rest.popFirst() == "[", let end = rest.firstIndex(where: { $0.properties.isAlphabetic }) else {
        return complain("an unknown sequence")
      }
      control(rest[end], String(rest[..<end]))
      rest = rest[rest.index(after: end)...]
    }
  }

  private mutating func control(_ final: Unicode.Scalar, _ text: String) {
    let numbers = text.split(separator: ";").compactMap { Int($0) }
    switch (final, numbers.count) {
    case ("H", 2): (x, y) = (numbers[1] - 1, numbers[0] - 1)
    case ("K", 0):
      if style != .plain { complain("erased with a style") }
      for column in x..<canvas.width { canvas.write(" ", x: column, y: y) }
    case ("m", 0): style = .plain
    case ("m", 1):
      switch numbers[0] {
      case 1: style.bold = true
      case 2: style.dim = true
      case 4: style.underline = true
      case 7: style.reverse = true
      default: complain("attribute \(text)")
      }
    case ("m", 3) where numbers[0] == 38: style.foreground = .palette(UInt8(numbers[2]))
    case ("m", 3) where numbers[0] == 48: style.background = .palette(UInt8(numbers[2]))
    case ("h", 0) where text == "?2026", ("l", 0) where text == "?2026": break
    default: complain("sequence \(text)\(final)")
    }
  }

  private mutating func complain(_ text: String) { complaint = complaint ?? text }
}

extension TerminalStrings {
  /// The strings that `ScreenModel` understands.
  static func model(depth: ColorDepth = .full, level: GlyphLevel = .braille) -> TerminalStrings {
    func bytes(_ text: String) -> [UInt8] { Array("\u{1B}[\(text)".utf8) }
    return TerminalStrings(
      moveTo: { x, y in bytes("\(y + 1);\(x + 1)H") }, plain: bytes("m"), bold: bytes("1m"), dim: bytes("2m"),
      underline: bytes("4m"), reverse: bytes("7m"),
      foreground: (0..<depth.rawValue).map { bytes("38;5;\($0)m") },
      background: (0..<depth.rawValue).map { bytes("48;5;\($0)m") },
      eraseRow: bytes("K"), beginFrame: bytes("?2026h"), endFrame: bytes("?2026l"), depth: depth, level: level)
  }
}
