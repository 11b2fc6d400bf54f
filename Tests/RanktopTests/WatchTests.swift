// `ranktop watch`, in a terminal and without one.

import Foundation
import TerminalSupport
import Testing

extension EndToEnd {
  @Suite(.serialized) struct Watching {
    @Test("an ended run is scrubbed from its end to its beginning, and left at once", arguments: [(80, 24), (200, 60)])
    func ended(width: Int, height: Int) throws {
      let run = try RecordedDatabase()
      try run.train(0..<60, then: .done)
      try run.recorder.close()
      let shell = try RanktopShell(width: width, height: height)
      let screen = try shell.start("watch rec-1 --runs \(run.runs.path)")
      #expect(screen.contains("■ done") && screen.contains("step 60/60") && screen.contains("12 of budget 12 / 24"))
      for step in (40..<59).reversed() { try shell.press("<", until: "history: step \(step) ") }
      try shell.press("3", until: "╔═ 3 Budget")
      try shell.press("PageUp", until: "history: step 30 ")
      try shell.press("Home", until: "history: step 0 ")
      #expect(try shell.session.text().contains("24 of budget 24 / 24"))
      try shell.press("g", until: "■ done")
      try shell.press("Space", until: "space: the run has ended")
      try shell.session.press("q")
      try shell.expectShell(status: 0)
      // What SQLite itself needs beside a database is all there is besides it.
      let files = try FileManager.default.contentsOfDirectory(atPath: run.folder)
      #expect(Set(files).isSubset(of: ["telemetry.sqlite", "telemetry.sqlite-wal", "telemetry.sqlite-shm"]))
    }

    @Test("a run that goes on is followed; it is read-only, and leaving it leaves it alone")
    func follows() throws {
      let run = try RecordedDatabase()
      try run.train(0..<5)
      let shell = try RanktopShell()
      try shell.start("watch --runs \(run.runs.path)")
      for step in 6...12 {
        try run.train(step - 1..<step)
        try shell.session.waitFor("step \(step)/60")
      }
      try shell.press("+", until: "read-only: another process trains this run")
      try run.tell(.halted("R is not finite at step 12"), after: 12)
      try shell.session.waitFor("× halted: R is not finite at step 12")
      try run.train(12..<13)
      try shell.session.waitFor("● training")
      try shell.session.press("C-c")
      try shell.expectShell(status: 0)
    }

    @Test("a run whose process died says so and how it goes on; one that goes on is followed again")
    func death() throws {
      let run = try RecordedDatabase()
      try run.train(0..<5)
      // A lock that nobody holds.
      try "".write(toFile: run.folder + "/.lock", atomically: false, encoding: .utf8)
      let shell = try RanktopShell(width: 200, height: 60)
      try shell.start("watch rec-1 --runs \(run.runs.path)")
      try shell.session.wait("the death") { $0.contains(/halted: no process trains this run since \d\d:\d\d/) }
      let lock = open(run.folder + "/.lock", O_RDWR)
      defer { close(lock) }
      #expect(flock(lock, LOCK_EX) == 0)
      try shell.session.waitFor("● training")
      try shell.session.press("q")
      try shell.expectShell(status: 0)
    }

    @Test("two runs side by side, from the start and by a command")
    func beside() throws {
      let run = try RecordedDatabase()
      try run.train(0..<60, then: .done)
      let other = try RecordedDatabase("rec-2", in: run.runs, target: 1)
      try other.train(0..<60, then: .done)
      let shell = try RanktopShell()
      try shell.start("watch rec-1 --beside rec-2 --runs \(run.runs.path)")
      #expect(try shell.session.text().contains("1 Ranks − rec-2"))
      try shell.session.waitFor("its step 59")
      try shell.command("goto 30")
      try shell.session.waitFor("its step 30")
      try shell.command("alone")
      try shell.session.wait("one run") { !$0.contains("rec-2") }
      try shell.command("beside nowhere")
      try shell.session.waitFor("nowhere: no recorded run")
      try shell.command("beside \(other.folder)")
      try shell.session.waitFor("1 Ranks − rec-2")
      try shell.session.press("q")
      try shell.expectShell(status: 0)
    }

    @Test("commands go to the run's file where it names one")
    func commands() throws {
      let run = try RecordedDatabase(control: "commands.jsonl")
      try run.train(0..<5)
      let shell = try RanktopShell()
      try shell.start("watch rec-1 --runs \(run.runs.path)")
      try shell.press("Space", until: "sent; it takes effect between two steps")
      try shell.press("+", until: "β₁ 0.85→0.90 at next step")
      try shell.command("target 3")
      try shell.session.waitFor("target 2→3")
      try shell.press("s", until: "it takes set, pause, resume, step and stop")
      try shell.session.press("q")
      try shell.expectShell(status: 0)
      #expect(
        try String(contentsOfFile: run.folder + "/commands.jsonl", encoding: .utf8) == """
          {"command": "pause"}
          {"command": "set", "parameter": "beta1", "value": 0.9}
          {"command": "set", "parameter": "target_r", "value": 3.0}

          """)
    }

    @Test("a killed watcher gives the terminal back", arguments: [SIGTERM, SIGHUP, SIGSEGV])
    func killed(signal: Int32) throws {
      let run = try RecordedDatabase()
      try run.train(0..<5)
      let shell = try RanktopShell(width: 80, height: 24)
      try shell.start("watch rec-1 --runs \(run.runs.path)")
      kill(try shell.pid(), signal)
      try shell.session.wait("the end") { !$0.contains(" Ranks ") }
      try shell.expectShell(status: 128 + signal)
    }
  }

  @Suite(.serialized) struct WatchingHeadless {
    private func watch(_ arguments: String..., folder: URL) throws -> Child.Ending {
      try Child(try Child.program("ranktop"), ["watch"] + arguments, folder: folder).wait()
    }

    @Test("an ended run is one line")
    func ended() throws {
      let run = try RecordedDatabase()
      try run.train(0..<60, then: .done)
      let ending = try watch("rec-1", "--runs", run.runs.path, folder: run.runs)
      #expect(ending.status == 0 && ending.error.isEmpty)
      #expect(ending.output == "step 60/60 loss 0.2899 R 0.1000 norm 1 kept 12/12 1000 tok/s done\n")
    }

    @Test("a run is told of until it ends; where it failed the status is 1")
    func failing() throws {
      let run = try RecordedDatabase()
      try run.train(0..<5)
      let child = try Child(
        try Child.program("ranktop"), ["watch", run.folder], folder: run.runs)
      while !child.output.contains("step 5/60") { usleep(10_000) }
      try run.train(5..<6, then: .failed("no space"))
      let ending = try child.wait()
      #expect(ending.status == 1)
      let lines = ending.output.split(separator: "\n")
      #expect(lines.count == 2 && lines.last?.hasSuffix("failed: no space") == true)
    }

    @Test("a run that nobody trains any more ends it with status 1")
    func abandoned() throws {
      let run = try RecordedDatabase()
      try run.train(0..<5)
      try "".write(toFile: run.folder + "/.lock", atomically: false, encoding: .utf8)
      let ending = try watch("rec-1", "--runs", run.runs.path, folder: run.runs)
      #expect(ending.status == 1)
      #expect(
        ending.output.split(separator: "\n").last?.contains("ranktop resume rec-1 goes on") == true)
    }

    @Test("what is no run's database is one clear error")
    func errors() throws {
      let run = try RecordedDatabase()
      let runs = run.runs.path
      var ending = try watch("nowhere", "--runs", runs, folder: run.runs)
      #expect(ending.status == 66)
      #expect(
        ending.error
          == "ranktop: nowhere: no recorded run; expected a folder with telemetry.sqlite, or the name of one in \(runs)\n"
      )
      try FileManager.default.createDirectory(atPath: runs + "/bad", withIntermediateDirectories: false)
      try "not a database, whatever it says".write(
        toFile: runs + "/bad/telemetry.sqlite", atomically: true, encoding: .utf8)
      ending = try watch("bad", "--runs", runs, folder: run.runs)
      #expect(ending.status == 65)
      #expect(ending.error.hasPrefix("ranktop: \(runs)/bad/telemetry.sqlite: "))
      #expect(ending.error.split(separator: "\n").count == 1 && ending.output.isEmpty)
      ending = try watch("rec-1", "--beside", "bad", "--runs", runs, folder: run.runs)
      #expect(ending.status == 65)
    }

    @Test("a database whose file for commands leads elsewhere is refused", arguments: ["../evil", "/tmp/evil", ".."])
    func hostile(control: String) throws {
      let run = try RecordedDatabase(control: control)
      let ending = try watch("rec-1", "--runs", run.runs.path, folder: run.runs)
      #expect(ending.status == 65)
      #expect(ending.error.contains("meta.control: \(control) is no file for commands"))
    }
  }
}
