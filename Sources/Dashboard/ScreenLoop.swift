// A screen's life on the main thread: events in, cells out, asleep when nothing changes.

/// What a loop brings to life: the dashboard of a run, or the table of a sweep.
protocol LoopedScreen: AnyObject {
  /// How it ends.
  associatedtype Ending

  /// The clock, in seconds; comes before other events and when something is due to go.
  func pass(to seconds: Double)
  func take(_ input: InputEvent) -> Ending?
  func take(_ request: EndRequest) -> Ending?
  /// Takes what others have posted.
  /// - Returns: whether there was anything.
  func takeNews() -> Bool
  /// When something on it goes by itself; nil where nothing will.
  var nextExpiry: Double? { get }
  var canvas: Canvas { get }
}

/// Shows a screen on a terminal until a person or a signal ends it. The terminal is left for the caller to restore.
final class ScreenLoop {
  /// What others post is drawn at most this often, in seconds.
  static let frameInterval = 0.05

  private let terminal: any Terminal
  private let clock: () -> Double
  private var shown: Canvas?
  /// Whether something may have been posted since the last was taken too soon before.
  private var isNewsLikely = false

  /// - Parameter clock: seconds from any fixed moment.
  init(_ terminal: any Terminal, clock: @escaping () -> Double) {
    self.terminal = terminal
    self.clock = clock
  }

  func run<Screen: LoopedScreen>(_ screen: Screen) -> Screen.Ending {
    var lastNews = -Double.infinity
    screen.pass(to: clock())
    if screen.takeNews() { lastNews = clock() }
    draw(screen)
    while true {
      let event = terminal.nextEvent(timeout: timeout(screen.nextExpiry, lastNews))
      let now = clock()
      var needsDrawing = screen.nextExpiry.map { $0 <= now } ?? false
      screen.pass(to: now)
      if let request = terminal.endRequest, let ending = screen.take(request) { return ending }
      if let event {
        // What a held key has queued up is taken at once, so that the screen never lags behind the hand.
        var next: InputEvent? = event
        var taken = 0
        while let input = next {
          if case .resumed = input {
            let size = terminal.size
            forget()
            _ = screen.take(.resize(width: size.width, height: size.height))
          }
          if let ending = screen.take(input) { return ending }
          taken += 1
          next = taken < 64 ? terminal.nextEvent(timeout: 0) : nil
        }
        needsDrawing = true
      }
      if now - lastNews < Self.frameInterval {
        isNewsLikely = true
      } else if screen.takeNews() {
        lastNews = now
        needsDrawing = true
      }
      if needsDrawing { draw(screen) }
    }
  }

  /// Draws everything anew the next time: another screen has had the terminal.
  func forget() { shown = nil }

  /// Milliseconds to the next thing that happens by itself; nil when there is none.
  private func timeout(_ expiry: Double?, _ lastNews: Double) -> Int? {
    var due = expiry
    if isNewsLikely {
      let next = lastNews + Self.frameInterval
      due = min(due ?? next, next)
      isNewsLikely = false
    }
    let now = clock()
    return due.map { max(0, Int((($0 - now) * 1000).rounded(.up))) }
  }

  private func draw(_ screen: some LoopedScreen) {
    let canvas = screen.canvas
    guard canvas != shown else { return }
    terminal.show(canvas)
    shown = canvas
  }
}
