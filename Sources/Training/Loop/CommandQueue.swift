// How a person's hand reaches the loop: commands wait here until the step in progress is over.

import Foundation

/// Commands from any thread to the trainer's.
public final class CommandQueue: @unchecked Sendable {
  // Unchecked: `waiting` is guarded by the condition's lock.
  private let condition = NSCondition()
  private var waiting: [Command] = []

  public init() {}

  public func send(_ command: Command) {
    condition.lock()
    waiting.append(command)
    condition.signal()
    condition.unlock()
  }

  /// Everything that waits, oldest first.
  public func drain() -> [Command] {
    condition.lock()
    defer {
      waiting.removeAll()
      condition.unlock()
    }
    return waiting
  }

  /// Sleeps until a command waits.
  public func wait() {
    condition.lock()
    while waiting.isEmpty { condition.wait() }
    condition.unlock()
  }

  /// Sleeps until a command waits, or for so many seconds.
  public func wait(upTo seconds: Double) {
    condition.lock()
    if waiting.isEmpty { _ = condition.wait(until: Date(timeIntervalSinceNow: seconds)) }
    condition.unlock()
  }

  /// What waits, without taking it.
  public var pending: [Command] {
    condition.lock()
    defer { condition.unlock() }
    return waiting
  }
}
