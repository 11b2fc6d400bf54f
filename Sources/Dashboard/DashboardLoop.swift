// The dashboard's life on the main thread: events in, cells out, asleep when nothing changes.

import Dispatch
import Models
import Training

public final class DashboardLoop {
  /// Frames of the training are drawn at most this often, in seconds.
  static let frameInterval = 0.05

  private let terminal: any Terminal
  private let mailbox: Mailbox<Frame>
  /// Frames of the run that is shown beside the first.
  private var beside: Mailbox<Frame>?
  private let openBeside: ((String) throws(InputError) -> Mailbox<Frame>)?
  private let send: (Command) throws(InputError) -> Void
  private let suspend: () -> Void
  private let clock: () -> Double
  public private(set) var state: DashboardState
  private var shown: Canvas?

  /// - Parameters:
  ///   - mailbox: its `wake` must be the terminal's `waker`.
  ///   - beside: frames of a run to be shown beside the first from the start; the same holds for its `wake`.
  ///   - openBeside: frames of the run of a name or folder; they may stop when the mailbox is let go. Nil: there are no
  ///     runs to be had.
  ///   - configuration: the person's keys and colours; the terminal was given the glyphs.
  ///   - send: brings a command to whoever trains; what it throws is shown.
  ///   - suspend: gives the terminal back and stops the process until it is continued.
  ///   - clock: seconds from any fixed moment.
  public init(
    terminal: any Terminal, mailbox: Mailbox<Frame>, beside: Mailbox<Frame>? = nil,
    openBeside: ((String) throws(InputError) -> Mailbox<Frame>)? = nil,
    configuration: Configuration = Configuration(),
    send: @escaping (Command) throws(InputError) -> Void,
    suspend: @escaping () -> Void = {},
    clock: @escaping () -> Double = { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
  ) {
    self.terminal = terminal
    self.mailbox = mailbox
    self.beside = beside
    self.openBeside = openBeside
    self.send = send
    self.suspend = suspend
    self.clock = clock
    state = DashboardState(
      width: terminal.size.width, height: terminal.size.height, configuration: configuration)
  }

  /// Runs until the person or a signal ends it. The terminal is left for the caller to restore.
  public func run() -> QuitMode {
    var lastFrame = -Double.infinity
    _ = update(&state, .tick(seconds: clock()))
    if let frame = mailbox.take() {
      _ = update(&state, .frame(frame))
      lastFrame = clock()
    }
    if let frame = beside?.take() { _ = update(&state, .beside(frame)) }
    draw()
    while true {
      let event = terminal.nextEvent(timeout: timeout(lastFrame))
      let now = clock()
      let expired = state.nextExpiry.map { $0 <= now } ?? false
      _ = update(&state, .tick(seconds: now))
      var needsDrawing = expired
      if let request = terminal.endRequest, let mode = handle(update(&state, .endRequested(request))) { return mode }
      if let event {
        // What a held key has queued up is taken at once, so that the screen never lags behind the hand.
        var next: InputEvent? = event
        var taken = 0
        while let input = next {
          if case .resumed = input {
            let size = terminal.size
            _ = update(&state, .input(.resize(width: size.width, height: size.height)))
          }
          if let mode = handle(update(&state, .input(input))) { return mode }
          taken += 1
          next = taken < 64 ? terminal.nextEvent(timeout: 0) : nil
        }
        needsDrawing = true
      }
      if now - lastFrame < Self.frameInterval {
        isFrameLikely = true
      } else if takeFrames() {
        lastFrame = now
        needsDrawing = true
      }
      if needsDrawing { draw() }
    }
  }

  /// Takes what was posted by the run and by the one beside it.
  private func takeFrames() -> Bool {
    let frame = mailbox.take()
    let other = beside?.take()
    if let frame { _ = update(&state, .frame(frame)) }
    if let other { _ = update(&state, .beside(other)) }
    return frame != nil || other != nil
  }

  private func show(beside run: String) {
    guard let openBeside else {
      _ = update(&state, .warning("there are no other runs to be had here"))
      return
    }
    do {
      let opened = try openBeside(run)
      beside = opened
      _ = update(&state, .beside(opened.take()))
    } catch {
      _ = update(&state, .warning(error.description))
    }
  }

  /// Whether a frame may have been posted since the last was taken too soon before.
  private var isFrameLikely = false

  /// Milliseconds to the next thing that happens by itself; nil when there is none.
  private func timeout(_ lastFrame: Double) -> Int? {
    let now = clock()
    var due = state.nextExpiry
    if isFrameLikely {
      let next = lastFrame + Self.frameInterval
      due = min(due ?? next, next)
      isFrameLikely = false
    }
    return due.map { max(0, Int((($0 - now) * 1000).rounded(.up))) }
  }

  private func handle(_ effects: [Effect]) -> QuitMode? {
    for effect in effects {
      switch effect {
      case .send(let command):
        do {
          try send(command)
        } catch {
          _ = update(&state, .warning(error.description))
        }
      case .suspend: suspend()
      case .beside(let run): show(beside: run)
      case .alone: beside = nil
      case .redraw: shown = nil
      case .quit(let mode): return mode
      }
    }
    return nil
  }

  private func draw() {
    var canvas = Canvas(width: state.width, height: state.height)
    view(
      state, area: Area(x: 0, y: 0, width: state.width, height: state.height), on: &canvas,
      glyphs: terminal.glyphLevel, colors: terminal.colorDepth)
    guard canvas != shown else { return }
    terminal.show(canvas)
    shown = canvas
  }
}
