// The mouse, from its reports.

import Testing

@testable import Dashboard

@Suite struct MouseReportTests {
  @Test("a report tells button, place from 0, and press or release")
  func parse() throws {
    let press = try #require(MouseReport("0;12;5M"))
    #expect((press.button, press.x, press.y, press.isPress) == (0, 11, 4, true))
    #expect(try #require(MouseReport("0;300;100m")).isPress == false)
  }

  @Test(
    "what is no report is none",
    arguments: ["", "M", "0;1M", "0;1;2", "0;1;2;3M", "0;0;1M", "a;1;1M", "-1;2;3M", ";;M", "9999999999999999999;1;1M"])
  func malformed(text: String) { #expect(MouseReport(text) == nil) }

  @Test("two presses of a cell in a short time are a double press, a third begins anew")
  func doublePress() throws {
    var decoder = MouseDecoder()
    let here = try #require(MouseReport("0;3;3M"))
    let there = try #require(MouseReport("0;4;3M"))
    let start = ContinuousClock.now
    func action(_ report: MouseReport, _ milliseconds: Int) -> InputEvent.Mouse.Action? {
      decoder.event(of: report, at: start + .milliseconds(milliseconds))?.action
    }
    #expect(action(here, 0) == .press)
    #expect(action(here, 200) == .doublePress)
    #expect(action(here, 300) == .press)
    #expect(action(there, 350) == .press)
    #expect(action(there, 800) == .press)
  }

  @Test("the wheel turns, whatever is held; other buttons and releases are nothing")
  func others() throws {
    var decoder = MouseDecoder()
    func action(_ text: String) -> InputEvent.Mouse.Action? {
      MouseReport(text).flatMap { decoder.event(of: $0, at: .now) }?.action
    }
    #expect(action("64;1;1M") == .wheelUp)
    #expect(action("65;1;1M") == .wheelDown)
    #expect(action("68;1;1M") == .wheelUp)
    #expect(action("2;1;1M") == nil)
    #expect(action("0;1;1m") == nil)
    #expect(action("35;1;1M") == nil)
  }

  @Test("the twin in memory plays its script and keeps the frames")
  func twin() {
    let terminal = InMemoryTerminal(
      width: 10, height: 2, events: [.key(.enter), .resize(width: 5, height: 1)])
    #expect(terminal.nextEvent(timeout: nil) == .key(.enter))
    #expect(terminal.size == (10, 2))
    #expect(terminal.nextEvent(timeout: 0) == .resize(width: 5, height: 1))
    #expect(terminal.size == (5, 1))
    #expect(terminal.nextEvent(timeout: nil) == nil)
    var canvas = Canvas(width: 5, height: 1)
    canvas.write("hello", x: 0, y: 0)
    terminal.show(canvas)
    #expect(terminal.text == "hello")
  }
}
