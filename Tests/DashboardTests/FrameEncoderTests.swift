// The difference of two canvases makes the one into the other.

import Kernels
import Testing

@testable import Dashboard

@Suite struct FrameEncoderTests {
  private let mark = (begin: "\u{1B}[?2026h", end: "\u{1B}[?2026l")

  @Test("random changes leave the screen as the canvas", arguments: [UInt64](1...20))
  func randomChanges(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let width = Int.random(in: 1...40, using: &random)
    let height = Int.random(in: 1...12, using: &random)
    var screen = ScreenModel(width: width, height: height)
    screen.spoil()
    var encoder = FrameEncoder(strings: .model())
    var canvas = Canvas(width: width, height: height)
    let glyphs: [Unicode.Scalar] = [" ", " ", "a", "▄", "β", "⣿"]
    let styles = [
      Style.plain, .plain, Style(.palette(9)), Style(.palette(9), on: .palette(200)), Style(bold: true),
      Style(.palette(30), dim: true, underline: true), Style(reverse: true),
    ]
    for _ in 0..<60 {
      if Int.random(in: 0..<10, using: &random) == 0 { canvas = Canvas(width: width, height: height) }
      if Int.random(in: 0..<10, using: &random) == 0 {
        screen.spoil()
        encoder.forget()
      }
      for _ in 0..<Int.random(in: 0...30, using: &random) {
        let text = String(glyphs.randomElement(using: &random) ?? " ")
        canvas.write(
          text, x: .random(in: 0..<width, using: &random), y: .random(in: 0..<height, using: &random),
          style: styles.randomElement(using: &random) ?? .plain)
      }
      screen.apply(encoder.encode(canvas, width: width, height: height))
      #expect(screen.canvas == canvas)
      #expect(screen.complaint == nil)
    }
  }

  @Test("an unchanged canvas sends nothing")
  func unchanged() {
    var encoder = FrameEncoder(strings: .model())
    var canvas = Canvas(width: 10, height: 2)
    canvas.write("text", x: 0, y: 0)
    #expect(!encoder.encode(canvas, width: 10, height: 2).isEmpty)
    #expect(encoder.encode(canvas, width: 10, height: 2).isEmpty)
  }

  @Test("one changed cell sends a move, a style and the glyph, between the marks")
  func oneCell() {
    var encoder = FrameEncoder(strings: .model())
    var canvas = Canvas(width: 100, height: 50)
    _ = encoder.encode(canvas, width: 100, height: 50)
    canvas.write("x", x: 41, y: 6, style: Style(.palette(7)))
    let sent = String(decoding: encoder.encode(canvas, width: 100, height: 50), as: UTF8.self)
    #expect(sent == mark.begin + "\u{1B}[7;42H\u{1B}[m\u{1B}[38;5;7mx" + mark.end)
  }

  @Test("a short gap is written again, a long one jumped over")
  func gaps() {
    var encoder = FrameEncoder(strings: .model())
    var canvas = Canvas(width: 40, height: 1)
    canvas.write("abcdefghijklmnopqrstuvwxyz", x: 0, y: 0)
    _ = encoder.encode(canvas, width: 40, height: 1)
    for x in [0, 3, 20] { canvas.write("X", x: x, y: 0) }
    let sent = String(decoding: encoder.encode(canvas, width: 40, height: 1), as: UTF8.self)
    #expect(sent == mark.begin + "\u{1B}[1;1H\u{1B}[mXbcX\u{1B}[1;21HX" + mark.end)
  }

  @Test("a difference that the terminal cannot show sends nothing")
  func invisibleDifference() {
    var encoder = FrameEncoder(strings: .model(depth: .none, level: .ascii))
    var canvas = Canvas(width: 10, height: 1)
    canvas.write("─", x: 0, y: 0, style: Style(.palette(9)))
    let first = String(decoding: encoder.encode(canvas, width: 10, height: 1), as: UTF8.self)
    #expect(first == mark.begin + "\u{1B}[1;1H\u{1B}[m-\u{1B}[K" + mark.end)
    canvas.write("╌", x: 0, y: 0, style: Style(.palette(10)))
    #expect(encoder.encode(canvas, width: 10, height: 1).isEmpty)
  }

  @Test("a canvas larger than the screen is cut off")
  func cutOff() {
    var encoder = FrameEncoder(strings: .model())
    var canvas = Canvas(width: 10, height: 5)
    for y in 0..<5 { canvas.write("0123456789", x: 0, y: y) }
    var screen = ScreenModel(width: 4, height: 2)
    screen.apply(encoder.encode(canvas, width: 4, height: 2))
    #expect(screen.canvas.text == "0123\n0123")
    #expect(screen.complaint == nil)
  }

  @Test("where the last cell scrolls, it is left out")
  func lastCell() {
    var strings = TerminalStrings.model()
    strings.lastCellScrolls = true
    var encoder = FrameEncoder(strings: strings)
    var canvas = Canvas(width: 3, height: 2)
    canvas.write("abc", x: 0, y: 0)
    canvas.write("def", x: 0, y: 1)
    var screen = ScreenModel(width: 3, height: 2)
    screen.apply(encoder.encode(canvas, width: 3, height: 2))
    #expect(screen.canvas.text == "abc\nde")
  }
}
