// The table of a sweep on a terminal, and the dashboards of its runs that are opened from it.

import Dispatch
import Models
import Training

public final class SweepLoop {
  private let terminal: any Terminal
  private let mailbox: Mailbox<SweepFrame>
  private let open: (String) throws(InputError) -> QuitMode
  private let suspend: () -> Void
  private let loop: ScreenLoop
  public private(set) var state: SweepState

  /// - Parameters:
  ///   - mailbox: its `wake` must be the terminal's `waker`.
  ///   - folder: of the sweep, as a command names it.
  ///   - isOwn: whether this process drives the sweep, so that leaving stops it.
  ///   - open: shows the run in a folder of the sweep's until it is left; what it throws is shown.
  ///   - suspend: gives the terminal back and stops the process until it is continued.
  ///   - clock: seconds from any fixed moment.
  public init(
    terminal: any Terminal, mailbox: Mailbox<SweepFrame>, folder: String, isOwn: Bool,
    open: @escaping (String) throws(InputError) -> QuitMode, suspend: @escaping () -> Void = {},
    clock: @escaping () -> Double = { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }
  ) {
    self.terminal = terminal
    self.mailbox = mailbox
    self.open = open
    self.suspend = suspend
    loop = ScreenLoop(terminal, clock: clock)
    state = SweepState(width: terminal.size.width, height: terminal.size.height, folder: folder, isOwn: isOwn)
  }

  /// Runs until the person or a signal ends it. The terminal is left for the caller to restore.
  public func run() -> SweepEnding { loop.run(self) }

  private func handle(_ effects: [SweepEffect]) -> SweepEnding? {
    for effect in effects {
      switch effect {
      case .open(let folder): if let ending = show(folder) { return ending }
      case .suspend: suspend()
      case .end(let ending): return ending
      }
    }
    return nil
  }

  private func show(_ folder: String) -> SweepEnding? {
    do {
      if case .requested(let request) = try open(folder) { return .requested(request) }
    } catch {
      _ = update(&state, .warning(error.description))
    }
    let size = terminal.size
    _ = update(&state, .input(.resize(width: size.width, height: size.height)))
    loop.forget()
    return nil
  }
}

extension SweepLoop: LoopedScreen {
  func pass(to seconds: Double) { _ = update(&state, .tick(seconds: seconds)) }
  func take(_ input: InputEvent) -> SweepEnding? { handle(update(&state, .input(input))) }
  func take(_ request: EndRequest) -> SweepEnding? { handle(update(&state, .endRequested(request))) }

  func takeNews() -> Bool {
    guard let frame = mailbox.take() else { return false }
    _ = update(&state, .frame(frame))
    return true
  }

  var nextExpiry: Double? { state.toasts.map(\.expires).min() }

  var canvas: Canvas {
    var canvas = Canvas(width: state.width, height: state.height)
    state.draw(on: &canvas, glyphs: terminal.glyphLevel)
    return canvas
  }
}
