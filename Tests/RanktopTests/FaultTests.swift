// The harness of experiments/faults in its short form.

import Foundation
import TerminalSupport
import Testing

extension EndToEnd {
  @Suite struct FaultTests {
    @Test("a run survives kills, damage, a full disk, signals and forged folders", .timeLimit(.minutes(5)))
    func quick() throws {
      let tiny = try TinyExperiment()
      let root = TinyExperiment.fixtures.deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let arguments = [
        root.appendingPathComponent("experiments/faults/faults.py").path, "--quick", "--program",
        try Child.program("ranktop"),
      ]
      let ending = try Child("python3", arguments, folder: tiny.folder).wait(seconds: 280)
      #expect(ending.status != 127, "python3 is needed: \(ending.error)")
      #expect(ending.status == 0, "\(ending.error)\n\(ending.output)")
      for kind in ["killed", "newest checkpoint cut short", "WAL", "disk full", "signal", "replay --check", "hostile"] {
        #expect(ending.output.contains(kind), "\(kind)")
      }
    }
  }
}
