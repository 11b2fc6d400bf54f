// What the dashboard needs of a terminal. ncurses is one; a test's in-memory twin is another.

/// A key, a click or a change of the terminal, already decoded.
public enum InputEvent: Sendable, Equatable {
  case key(Key)
  case mouse(Mouse)
  case resize(width: Int, height: Int)
  /// The process was continued after a suspension: everything must be drawn anew.
  case resumed

  public enum Key: Sendable, Equatable, Hashable {
    /// A printable character (space included).
    case character(Unicode.Scalar)
    case up, down, left, right, home, end, pageUp, pageDown
    case enter, tab, backTab, escape, backspace, delete
    case control(Unicode.Scalar)
  }

  public struct Mouse: Sendable, Equatable {
    public enum Action: Sendable, Equatable { case press, doublePress, wheelUp, wheelDown }
    public var x: Int
    public var y: Int
    public var action: Action

    public init(x: Int, y: Int, action: Action) {
      self.x = x
      self.y = y
      self.action = action
    }
  }
}

public enum ColorDepth: Int, Sendable, Comparable {
  case none = 0
  case eight = 8
  case sixteen = 16
  case full = 256
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The ladder of glyphs.
public enum GlyphLevel: Int, Sendable, Comparable {
  case ascii, blocks, braille
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Owned by the main thread.
public protocol Terminal: AnyObject {
  var size: (width: Int, height: Int) { get }
  var colorDepth: ColorDepth { get }
  var glyphLevel: GlyphLevel { get }
  /// Shows the canvas: sends only what changed since the last one, in one write.
  func show(_ canvas: Canvas)
  /// The next event; waits at most `timeout` milliseconds (nil: until something happens, 0: not at all). Returns nil
  /// when the time is over or another thread called `wake`.
  func nextEvent(timeout: Int?) -> InputEvent?
  /// Why the program should end, once a signal or the closing of the terminal asked for it; `nextEvent` returns at once
  /// when that happens.
  var endRequest: EndRequest? { get }
  /// Ends a `nextEvent` that waits; may be called from any thread.
  var waker: @Sendable () -> Void { get }
  /// Ends the program's hold on the terminal; may be called twice.
  func restore()
}

extension Terminal {
  public var endRequest: EndRequest? { nil }
  public var waker: @Sendable () -> Void { {} }
}
