// A latest-only hand-over from the trainer to whoever watches: posting never waits for the reader.

import Synchronization

/// Holds the newest value; older ones are dropped unread.
public final class Mailbox<Value: Sendable>: Sendable {
  private let latest = Mutex<(value: Value?, isFresh: Bool)>((nil, false))
  private let wake: @Sendable () -> Void

  /// - Parameter wake: called after each post, from the poster's thread; must not block.
  public init(wake: @escaping @Sendable () -> Void = {}) { self.wake = wake }

  public func post(_ value: Value) {
    latest.withLock { $0 = (value, true) }
    wake()
  }

  /// The newest value if it has not been taken before.
  public func take() -> Value? {
    latest.withLock { box in
      guard box.isFresh else { return nil }
      box.isFresh = false
      return box.value
    }
  }
}
