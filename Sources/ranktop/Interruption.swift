// SIGINT, SIGTERM and SIGHUP of a headless run: the step in progress ends, then the run stops and saves.

import Foundation
import Synchronization
import Training

/// Catches the signals that ask a run to end.
enum Interruption {
  private static let caught = Atomic<Int32>(0)

  /// The signal that asked, 0 where none did.
  static var signal: Int32 { caught.load(ordering: .relaxed) }

  /// 128 + the signal's number.
  static var status: Int32 { 128 + signal }

  /// From here on the signals are noted; a second one ends the process at once.
  static func install() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      Foundation.signal(number) { number in
        if Interruption.caught.load(ordering: .relaxed) != 0 { _exit(128 + number) }
        Interruption.caught.store(number, ordering: .relaxed)
      }
    }
  }
}
