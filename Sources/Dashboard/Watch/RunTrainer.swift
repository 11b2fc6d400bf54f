// Whether somebody trains a run that is not over: a killed process leaves a database that says "training" for ever.

import Foundation

/// What can be known of the process that trains a run from beside it.
public struct RunTrainer: Sendable, Equatable {
  /// Whether the run's lock is held; nil where the run has none, since another program trains it.
  public var holdsLock: Bool?
  /// Whether a process of its number lives on this machine; nil where it left none.
  public var isAlive: Bool?
  /// When it wrote last, in Unix time.
  public var updated: Double?

  public init(holdsLock: Bool?, isAlive: Bool?, updated: Double?) {
    self.holdsLock = holdsLock
    self.isAlive = isAlive
    self.updated = updated
  }

  /// A lock that nobody holds is a death of this machine, but one that is just ending still writes its last row.
  static let lockSeconds = 2.0
  /// A process that cannot be found may live in another container or on another machine, as long as it writes.
  static let silenceSeconds = 10.0

  /// Whether no process trains the run at `now`, in Unix time.
  public func isGone(at now: Double) -> Bool {
    let silence = updated.map { now - $0 } ?? .infinity
    if let holdsLock { return !holdsLock && silence > Self.lockSeconds }
    return isAlive != true && silence > Self.silenceSeconds
  }

  /// `no process trains this run since 14:03; ranktop resume tiny-1 goes on`.
  func words(run: String, at now: Double) -> String {
    var text = "no process trains this run"
    if let updated { text += " since " + Self.time(updated, at: now) }
    // Another program's run is that program's to go on with.
    return holdsLock == nil ? text : text + "; ranktop resume \(run) goes on"
  }

  /// Hours and minutes here, with the day unless it was within the last twelve hours.
  static func time(_ unix: Double, at now: Double) -> String {
    guard unix.isFinite, abs(unix) < 1e11 else { return "?" }
    var seconds = time_t(unix)
    var parts = tm()
    localtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 40)
    strftime(&text, text.count, abs(now - unix) < 12 * 3600 ? "%H:%M" : "%Y-%m-%d %H:%M", &parts)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
