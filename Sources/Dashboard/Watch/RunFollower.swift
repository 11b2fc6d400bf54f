// Follows a run that another process trains: looks into its database ten times a second and posts what is new.

import Foundation
import Models
import Training

/// A run that is read from outside; used from one thread at a time.
public protocol RunReading: AnyObject {
  /// The run as it stands, if anything was written since the last call or nothing was read yet; else nil.
  func refresh() throws(InputError) -> Frame?
  /// Who trains it, as far as it can be told.
  func trainer() throws(InputError) -> RunTrainer
}

/// Fills a mailbox with the frames of a run as long as anybody holds it. A run that cannot be read for a while waits
/// with the reason, and one whose process died is halted with that reason; both go on by themselves.
public final class RunFollower {
  /// Seconds between two looks, and where the run is over or cannot be read.
  static let interval = 0.1
  static let slowInterval = 1.0

  private let open: () throws(InputError) -> any RunReading
  private weak var mailbox: Mailbox<Frame>?
  private var reading: (any RunReading)?
  private var latest: Frame?
  /// Why it cannot be read, and why it is known that nobody trains it.
  private var trouble: String?
  private var absence: String?
  private var nextCheck = 0.0

  /// Opens the run and posts its first frame.
  /// - Parameters:
  ///   - open: opens the run; called again after it could not be read.
  ///   - now: Unix time.
  public init(
    to mailbox: Mailbox<Frame>, now: Double = Date().timeIntervalSince1970,
    open: @escaping () throws(InputError) -> any RunReading
  ) throws(InputError) {
    self.open = open
    self.mailbox = mailbox
    let reading = try open()
    self.reading = reading
    latest = try reading.refresh()
    try check(reading, now)
    post()
  }

  /// Looks again and again, on a thread of its own that ends when the mailbox is let go.
  public func start() {
    let work = FollowerOnItsThread(follower: self)
    let thread = Thread {
      var pause: Double? = Self.interval
      while let seconds = pause {
        Thread.sleep(forTimeInterval: seconds)
        pause = work.follower.look()
      }
    }
    thread.name = "follower"
    thread.start()
  }

  /// Whether no process trains the run, though it is not over.
  public var isAbandoned: Bool { absence != nil }

  /// Looks once.
  /// - Returns: seconds to the next look; nil: nobody wants the frames any more.
  public func look(now: Double = Date().timeIntervalSince1970) -> Double? {
    guard mailbox != nil else { return nil }
    let before = (trouble, absence)
    var isNew = false
    do throws(InputError) {
      let reading = if let held = self.reading { held } else { try open() }
      self.reading = reading
      if let frame = try reading.refresh() {
        latest = frame
        isNew = true
      }
      if now >= nextCheck || isNew && absence != nil { try check(reading, now) }
      trouble = nil
    } catch {
      reading = nil
      trouble = error.description
    }
    if isNew || before != (trouble, absence) { post() }
    return trouble != nil || latest?.state.isOver ?? false ? Self.slowInterval : Self.interval
  }

  private func check(_ reading: any RunReading, _ now: Double) throws(InputError) {
    nextCheck = now + Self.slowInterval
    absence = nil
    guard let latest else { return }
    switch latest.state {
    case .done, .failed: return
    case .training, .paused, .evaluating, .waiting, .halted:
      let trainer = try reading.trainer()
      if trainer.isGone(at: now) { absence = trainer.words(run: latest.description.run, at: now) }
    }
  }

  private func post() {
    guard var frame = latest else { return }
    if let absence {
      if case .halted(let why) = frame.state {
        frame.state = .halted("\(why); \(absence)")
      } else {
        frame.state = .halted(absence)
      }
      frame.eta = nil
      frame.tokensPerSecond = 0
    }
    if let trouble { frame.state = .waiting(trouble) }
    mailbox?.post(frame)
  }
}

/// Hands a follower to its thread.
private struct FollowerOnItsThread: @unchecked Sendable {
  // Unchecked: whoever calls `start` does not look itself any more.
  let follower: RunFollower
}
