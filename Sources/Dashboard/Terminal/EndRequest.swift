// Signals that ask the program to end, as requests that the main loop fulfils.

import CTerminal
import Glibc

/// Why the program should come to its end: after a checkpoint, and with the terminal given back.
///
/// The first SIGINT, SIGTERM or SIGHUP is a request; a second SIGINT or SIGTERM ends the process at once, with the
/// terminal restored. (Ctrl-C in the dashboard is a key, not a signal.)
public enum EndRequest: Int32, Sendable {
  case hangUp = 1
  case interrupt = 2
  case terminate = 15

  /// Starts to take the signals as requests; `CursesTerminal` does it too. Without it they end the process.
  public static func watch() { ct_watch_end_requests() }

  /// The request that has come, from any thread; it stays.
  public static var current: EndRequest? { EndRequest(rawValue: ct_end_request()) }

  /// The exit status that a shell gives a process that died of the signal.
  public var exitStatus: Int32 { 128 + rawValue }

  /// Sleeps until a request or `wakeUp` comes, at most `timeout` milliseconds: the headless twin of `nextEvent`.
  public static func wait(timeout: Int) {
    var descriptor = pollfd(fd: ct_wake_descriptor(), events: Int16(POLLIN), revents: 0)
    if poll(&descriptor, 1, Int32(clamping: timeout)) > 0 { ct_clear_wake() }
  }

  /// Ends a `wait`, or the wait of a `CursesTerminal`; from any thread.
  public static func wakeUp() { ct_wake() }
}
