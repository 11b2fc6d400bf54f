// Fewer colours, the nearest ones.

import Testing

@testable import Dashboard

@Suite struct ColorLadderTests {
  @Test("the palette's named colours keep their names")
  func named() {
    for index in UInt8(0)..<16 { #expect(ColorLadder.shown(.palette(index), at: .sixteen) == .palette(index)) }
    for index in UInt8(0)..<8 { #expect(ColorLadder.shown(.palette(index), at: .eight) == .palette(index)) }
  }

  @Test(
    "the cube and the greys go to the nearest",
    arguments: [
      // Pure red, a dark blue, viridis's yellow and purple, nearly black, nearly white.
      (196, 9, 1), (18, 4, 4), (220, 11, 3), (54, 4, 4), (232, 0, 0), (255, 15, 7), (244, 8, 0),
    ] as [(UInt8, UInt8, UInt8)])
  func nearest(index: UInt8, of16: UInt8, of8: UInt8) {
    #expect(ColorLadder.shown(.palette(index), at: .full) == .palette(index))
    #expect(ColorLadder.shown(.palette(index), at: .sixteen) == .palette(of16))
    if index != 244 { #expect(ColorLadder.shown(.palette(index), at: .eight) == .palette(of8)) }
    #expect(ColorLadder.shown(.palette(index), at: .none) == .standard)
  }

  @Test("text never gets the colour of its background")
  func contrast() {
    for foreground in UInt8.min...UInt8.max {
      for background in stride(from: UInt8(0), to: 250, by: 7) where foreground != background {
        let style = ColorLadder.shown(Style(.palette(foreground), on: .palette(background)), at: .eight)
        #expect(style.foreground != style.background)
      }
    }
  }

  @Test("a heatmap's cell of one colour stays one colour")
  func filled() {
    let style = ColorLadder.shown(Style(.palette(30), on: .palette(30)), at: .eight)
    #expect(style.foreground == style.background)
  }
}
