// Runs a training session headless or under the dashboard, and says how it ended.

import ArgumentParser
import Dashboard
import Foundation
import Models
import Synchronization
import Training

/// What every command that trains can be told about its screen.
struct ScreenArguments: ParsableArguments {
  @Flag(help: "No dashboard, even in a terminal.")
  var headless = false

  @Flag(help: "Draw with ASCII alone.")
  var ascii = false

  @Flag(help: "Draw without colours, as where NO_COLOR is set.")
  var noColor = false

  /// Whether there is a terminal to draw on and to read keys from.
  var wantsDashboard: Bool {
    !headless && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
      && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }
}

/// Connects a session with whoever watches it. Make it first (it watches for signals), then the session.
final class Conductor {
  let commands = CommandQueue()
  /// Where the session posts frames; nil where nobody watches.
  let frames: Mailbox<Frame>?
  /// Whether the person asked for the training to go on without a terminal.
  private(set) var goesOnInBackground = false
  /// Whether the dashboard has the screen.
  private(set) var isDrawing = false
  /// Opens a run that is to be shown beside this one; nil where there are no others.
  var openBeside: ((String) throws(InputError) -> Mailbox<Frame>)?
  private let screen: ScreenArguments
  private let configuration: Configuration

  /// The trainer has a stack of its own: BLAS and the model's depth decide how much it needs.
  private static let stackSize = 16 << 20

  /// - Throws: for a configuration file of the dashboard that is wrong, before the screen is taken.
  init(_ screen: ScreenArguments) throws(InputError) {
    self.screen = screen
    configuration = screen.wantsDashboard ? try Configuration.load() : Configuration()
    EndRequest.watch()
    frames = screen.wantsDashboard ? Mailbox { EndRequest.wakeUp() } : nil
  }

  /// Trains with `train`, under the dashboard if there is one to be had.
  /// - Parameters:
  ///   - log: where output of libraries goes while the dashboard has the screen.
  ///   - savedPlace: where the run is saved, said when the program dies.
  ///   - train: called on the trainer's own thread under the dashboard, else on the caller's.
  /// - Returns: what `train` returned, and the exit status that the way of ending asks for (0 = none).
  func run<Result>(
    total: Int, log: String, savedPlace: String?, session: Session,
    train: @escaping (_ onStep: @escaping (StepRecord) -> Void) throws -> Result
  ) throws -> (result: Result, status: Int32) {
    if let frames {
      do {
        let terminal = try CursesTerminal(
          log: log, ascii: screen.ascii, glyphs: configuration.glyphs, noColor: screen.noColor)
        terminal.setSavedPlace(savedPlace)
        return try conduct(terminal, frames, session, train)
      } catch let error as TerminalError {
        Console.note("no dashboard: \(error)")
      }
    }
    return try runHeadless(total: total, session: session, train: train)
  }

  private func runHeadless<Result>(
    total: Int, session: Session, train: (_ onStep: @escaping (StepRecord) -> Void) throws -> Result
  ) throws -> (result: Result, status: Int32) {
    // A request must reach a long evaluation too, so a thread waits for it, and not the loop between two steps.
    let watcher = Thread { [commands] in
      while EndRequest.current == nil { EndRequest.wait(timeout: 60_000) }
      commands.send(.stop(discard: false))
    }
    watcher.start()
    let progress = Progress(total: total)
    let result = try train { record in progress.show(record, session) }
    progress.finish()
    return (result, session.wasStopped ? EndRequest.current?.exitStatus ?? 0 : 0)
  }

  private func conduct<Result>(
    _ terminal: CursesTerminal, _ frames: Mailbox<Frame>, _ session: Session,
    _ train: @escaping (_ onStep: @escaping (StepRecord) -> Void) throws -> Result
  ) throws -> (result: Result, status: Int32) {
    isDrawing = true
    defer { isDrawing = false }
    let outcome = Outcome<Result>()
    let isClosed = Mutex(false)
    Thread.start("trainer", stackSize: Self.stackSize) {
      let result = Swift.Result { try train { _ in } }
      // The dashboard stays open after the run; each stop ends one round.
      while !isClosed.withLock({ $0 }) { session.serveExports() }
      outcome.finish(result)
    }
    let loop = DashboardLoop(
      terminal: terminal, mailbox: frames, openBeside: openBeside, configuration: configuration,
      send: { [commands] in commands.send($0) }, suspend: { terminal.suspend() })
    let mode = loop.run()
    terminal.restore()
    isClosed.withLock { $0 = true }
    commands.send(.stop(discard: mode == .discard))
    goesOnInBackground = mode == .background
    let status: Int32 =
      switch mode {
      case .over, .watched, .background, .keep, .discard: 0
      case .interrupted: EndRequest.interrupt.exitStatus
      case .requested(let request): request.exitStatus
      }
    return (try outcome.wait().get(), status)
  }
}

extension Thread {
  /// Starts a thread that has what `work` holds to itself until the work is done.
  /// - Parameter stackSize: in bytes; nil: the system's.
  static func start(_ name: String, stackSize: Int? = nil, _ work: @escaping () -> Void) {
    // Unchecked: the giver does not touch it meanwhile.
    nonisolated(unsafe) let work = work
    let thread = Thread { work() }
    thread.name = name
    if let stackSize { thread.stackSize = stackSize }
    thread.start()
  }
}

/// What another thread leaves when it is done.
final class Outcome<Value>: @unchecked Sendable {
  // Unchecked: guarded by the condition.
  private let condition = NSCondition()
  private var result: Result<Value, any Error>?

  func finish(_ result: Result<Value, any Error>) {
    condition.lock()
    self.result = result
    condition.signal()
    condition.unlock()
  }

  var isFinished: Bool {
    condition.lock()
    defer { condition.unlock() }
    return result != nil
  }

  @discardableResult
  func wait() -> Result<Value, any Error> {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let result { return result }
      condition.wait()
    }
  }
}
