// A run's dashboard on a terminal: what it is told, and what it asks of the world.

import Dispatch
import Models
import Training

public final class DashboardLoop {
  private let terminal: any Terminal
  private let mailbox: Mailbox<Frame>
  /// Frames of the run that is shown beside the first.
  private var beside: Mailbox<Frame>?
  private let openBeside: ((String) throws(InputError) -> Mailbox<Frame>)?
  private let send: (Command) throws(InputError) -> Void
  private let suspend: () -> Void
  private let clock: () -> Double
  public private(set) var state: DashboardState

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
  public func run() -> QuitMode { ScreenLoop(terminal, clock: clock).run(self) }

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
      case .quit(let mode): return mode
      }
    }
    return nil
  }
}

extension DashboardLoop: LoopedScreen {
  func pass(to seconds: Double) { _ = update(&state, .tick(seconds: seconds)) }
  func take(_ input: InputEvent) -> QuitMode? { handle(update(&state, .input(input))) }
  func take(_ request: EndRequest) -> QuitMode? { handle(update(&state, .endRequested(request))) }

  /// What was posted by the run and by the one beside it.
  func takeNews() -> Bool {
    let frame = mailbox.take()
    let other = beside?.take()
    if let frame { _ = update(&state, .frame(frame)) }
    if let other { _ = update(&state, .beside(other)) }
    return frame != nil || other != nil
  }

  var nextExpiry: Double? { state.nextExpiry }

  var canvas: Canvas {
    var canvas = Canvas(width: state.width, height: state.height)
    view(
      state, area: Area(x: 0, y: 0, width: state.width, height: state.height), on: &canvas,
      glyphs: terminal.glyphLevel, colors: terminal.colorDepth)
    return canvas
  }
}
