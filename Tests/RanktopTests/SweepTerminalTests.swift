// `ranktop sweep` and `ranktop watch` on a sweep, in a terminal.

import Foundation
import TerminalSupport
import Testing

@testable import Training

extension EndToEnd {
  @Suite(.serialized) struct SweepInATerminal {
    @Test(
      "a sweep is watched from its own table and from another, and one of its runs from within", .timeLimit(.minutes(2))
    )
    func table() throws {
      let sweep = try TinySweep(steps: 3000, "seeds = [0, 1, 2]\njobs = 1\n")
      let shell = try RanktopShell(width: 100, height: 30)
      try shell.launch("sweep \(sweep.tiny.folder.path)/sweep.toml --runs \(sweep.tiny.runs)")
      try shell.session.wait("a run") { $0.contains("● running") && $0.contains("2 waiting") && $0.contains("q quit") }
      _ = try sweep.process(of: "tiny-s0-1")
      try shell.session.press("Enter")
      try shell.session.wait("the run's dashboard") { $0.contains(" Ranks ") && RanktopShell.step(in: $0) ?? 0 > 0 }
      try shell.press("q", until: "sweep of 3 runs")

      let watcher = try RanktopShell(width: 100, height: 30)
      try watcher.launch("watch s --runs \(sweep.tiny.runs)")
      try watcher.session.wait("the table") { $0.contains("1 running") && $0.contains("tiny seed 0") }
      try watcher.press("/", until: "3 of 3 runs")
      try watcher.session.type("waiting")
      try watcher.session.press("Enter")
      try watcher.session.waitFor("/waiting 2 of 3")
      try watcher.session.press("Escape", "c")
      try watcher.session.waitFor("ranktop compare \(sweep.folder)")
      try watcher.session.press("Escape", "q")
      try watcher.expectShell(status: 0)

      try shell.press("q", until: "1 running, 2 waiting")
      try shell.session.press("s")
      let screen = try shell.expectShell(status: 0)
      #expect(screen.contains("3 of 3 runs are not done; the same command goes on"))
      #expect(try sweep.rows()["tiny 0"]?.state == .waiting)
      #expect(SavedRun(folder: RunFolder(path: sweep.folder + "/tiny-s0-1")).checkpointStep ?? 0 > 0)
      let told = try Child(
        try Child.program("ranktop"), ["watch", sweep.folder], folder: sweep.tiny.folder
      ).wait()
      #expect(told.status == 1 && told.output == "s: 0 of 3 done; 3 waiting, 0 running, 0 done, 0 failed\n")
    }
  }
}
