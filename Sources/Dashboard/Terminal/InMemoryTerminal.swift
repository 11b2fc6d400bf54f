// A terminal of the tests: events from a script, canvases kept.

/// Plays a script of events and keeps what was shown. Without a next event it reports the time as over.
public final class InMemoryTerminal: Terminal {
  public private(set) var size: (width: Int, height: Int)
  public let colorDepth: ColorDepth
  public let glyphLevel: GlyphLevel
  public var endRequest: EndRequest?
  /// The events to come.
  public var events: [InputEvent]
  /// Every canvas that was shown, oldest first.
  public private(set) var frames: [Canvas] = []
  public private(set) var isRestored = false

  public init(
    width: Int, height: Int, colorDepth: ColorDepth = .full, glyphLevel: GlyphLevel = .braille,
    events: [InputEvent] = []
  ) {
    size = (width, height)
    self.colorDepth = colorDepth
    self.glyphLevel = glyphLevel
    self.events = events
  }

  /// The text on the screen now.
  public var text: String { frames.last?.text ?? "" }

  public func show(_ canvas: Canvas) { frames.append(canvas) }

  public func nextEvent(timeout: Int?) -> InputEvent? {
    guard !events.isEmpty else { return nil }
    let event = events.removeFirst()
    if case .resize(let width, let height) = event { size = (width, height) }
    return event
  }

  public func restore() { isRestored = true }
}
