// Short words for the tests: a state that has seen a frame, keys pressed into it, and its screen as text.

@testable import Dashboard
@testable import Training

extension DashboardState {
  init(_ frame: Frame?, width: Int = 80, height: Int = 24) {
    self.init(width: width, height: height)
    if let frame { _ = update(&self, .frame(frame)) }
  }

  /// Presses keys and returns what was asked of the world.
  @discardableResult
  mutating func strike(_ keys: InputEvent.Key...) -> [Effect] {
    keys.flatMap { update(&self, .input(.key($0))) }
  }

  /// Types a text, character by character.
  @discardableResult
  mutating func type(_ text: String) -> [Effect] {
    text.unicodeScalars.flatMap { update(&self, .input(.key(.character($0)))) }
  }

  @discardableResult
  mutating func click(_ x: Int, _ y: Int, _ action: InputEvent.Mouse.Action = .press) -> [Effect] {
    update(&self, .input(.mouse(.init(x: x, y: y, action: action))))
  }

  @discardableResult
  mutating func command(_ text: String) -> [Effect] {
    strike(":")
    type(text)
    return strike(.enter)
  }

  func canvas(_ glyphs: GlyphLevel = .braille, _ colors: ColorDepth = .full) -> Canvas {
    var canvas = Canvas(width: width, height: height)
    view(self, area: Area(x: 0, y: 0, width: width, height: height), on: &canvas, glyphs: glyphs, colors: colors)
    return canvas
  }

  var screen: String { canvas().text }
  var lines: [String] { screen.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
  var toastTexts: [String] { toasts.map(\.text) }
}
