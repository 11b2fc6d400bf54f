// The mouse, as terminals report it in their SGR protocol (xterm's control sequences, "Extended coordinates").

/// One report, `button;x;y` and a final `M` (pressed) or `m` (released), with x and y from 1.
struct MouseReport: Equatable {
  var button: Int
  var x: Int
  var y: Int
  var isPress: Bool

  /// Reads what follows `ESC [ <`; nil when it is no report.
  init?(_ text: String) {
    guard let final = text.last, final == "M" || final == "m" else { return nil }
    let numbers = text.dropLast().split(separator: ";", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 3, let button = numbers[0], let x = numbers[1], let y = numbers[2] else { return nil }
    guard button >= 0, x >= 1, y >= 1 else { return nil }
    (self.button, self.x, self.y) = (button, x - 1, y - 1)
    isPress = final == "M"
  }
}

/// Turns reports into presses, double presses and turns of the wheel.
struct MouseDecoder {
  /// Two presses of one cell within this time are a double press.
  static let doublePressTime = Duration.milliseconds(400)

  private var last: (x: Int, y: Int, time: ContinuousClock.Instant)?

  /// The event of a report; nil for releases and the other buttons.
  mutating func event(of report: MouseReport, at time: ContinuousClock.Instant) -> InputEvent.Mouse? {
    guard report.isPress else { return nil }
    // Bits 2 to 4 tell shift, meta and control; they change nothing here.
    switch report.button & ~0b11100 {
    case 0:
      if let last, last.x == report.x, last.y == report.y, time - last.time <= Self.doublePressTime {
        self.last = nil
        return .init(x: report.x, y: report.y, action: .doublePress)
      }
      last = (report.x, report.y, time)
      return .init(x: report.x, y: report.y, action: .press)
    case 64: return .init(x: report.x, y: report.y, action: .wheelUp)
    case 65: return .init(x: report.x, y: report.y, action: .wheelDown)
    default: return nil
    }
  }
}
