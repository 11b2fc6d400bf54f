// `ranktop sweep` without a terminal: what is run, what is kept, and what it survives.

import Foundation
import TerminalSupport
import Testing

@testable import Training

extension EndToEnd {
  @Suite(.serialized) struct SweepTests {
    @Test("a sweep leaves a folder and a row a run, and is not run twice; runs can be added and taken out")
    func whole() throws {
      let sweep = try TinySweep(TinySweep.variants)
      let first = try sweep.run()
      #expect(first.status == 0, "\(first.error)")
      let lines = try first.output.split(separator: "\n").map { line in
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      }
      #expect(lines.map { $0["state"] as? String } == Array(repeating: "done", count: 4))
      #expect(
        lines.map { $0["folder"] as? String } == ["plain-s0-1", "magnitude-s0-1", "plain-s1-1", "magnitude-s1-1"])
      #expect(first.error.hasPrefix("sweep runs/s: 4 runs, 2 at once\nstart    plain seed 0: plain-s0-1\n"))
      #expect(first.error.contains("; 4 of 4 done\n") && first.error.contains("done     magnitude seed 1: accuracy "))
      let row = try #require(try sweep.rows()["magnitude 1"])
      let outcome = try RunOutcome(RunFolder(path: sweep.folder + "/magnitude-s1-1"))
      #expect(row.accuracy == outcome.evaluation?.accuracy && row.parameters == outcome.adapterParameters)
      #expect(row.step == 30 && row.started != nil && row.ended != nil && (row.wallSeconds ?? 0) > 0)
      #expect((row.stepMs ?? 0) > 0 && (row.tokensPerSecond ?? 0) > 0 && (row.peakRSSBytes ?? 0) > 1 << 20)
      #expect(row.ranks?["bert.encoder.layer.0.attention.self.query"] != nil)

      let before = try sweep.adapter("plain-s0-1")
      let again = try sweep.run()
      #expect(again.status == 0 && again.output == first.output)
      #expect(again.error == "sweep runs/s: 4 runs, 2 at once, 4 done\n")
      try sweep.write(TinySweep.variants.replacing("[0, 1]", with: "[1, 2]"))
      let more = try sweep.run()
      #expect(more.status == 0 && more.error.contains("4 runs, 2 at once, 2 done\nstart    plain seed 2"))
      #expect(try sweep.rows().keys.sorted() == ["magnitude 1", "magnitude 2", "plain 1", "plain 2"])
      try sweep.write(TinySweep.variants)
      #expect(try sweep.run("--collect").output == first.output)
      #expect(try sweep.adapter("plain-s0-1") == before)

      try sweep.write(TinySweep.variants.replacing("\"magnitude\" }", with: "\"sensitivity\" }"))
      let changed = try sweep.run()
      #expect(changed.status == 65)
      #expect(
        changed.error.contains(
          "was begun with another experiment: adapter.score is \"sensitivity\" and was \"magnitude\""))
    }

    @Test("whatever is killed, the runs end as they would have", .timeLimit(.minutes(2)))
    func killed() throws {
      let sweep = try TinySweep(
        steps: 400,
        """
        jobs = 2
        [grid]
        training.checkpoint_every = [10]
        [[variant]]
        name = "a"
        [[variant]]
        name = "b"
        set = { "adapter.score" = "magnitude" }
        """)
      let (a, b) = ("a-checkpoint_every=10-s0-1", "b-checkpoint_every=10-s0-1")
      var child = try sweep.start()
      // A run alone: the sweep goes on with it.
      kill(try sweep.process(of: a), SIGKILL)
      let deadline = Date(timeIntervalSinceNow: 30)
      while !child.error.contains("resume   a"), Date() < deadline { usleep(5_000) }
      #expect(child.error.contains("stopped  a checkpoint_every=10 seed 0: at step "))
      // The sweep: its runs go on, and the next one waits for them.
      let trained = try sweep.process(of: b)
      child.signal(SIGKILL)
      #expect(try child.wait().status == 128 + SIGKILL)
      #expect(kill(trained, 0) == 0)
      child = try sweep.start()
      while !child.error.contains("still trained by processes of before"), Date() < deadline { usleep(2_000) }
      // All of them, as when the machine stops.
      child.signal(SIGKILL)
      _ = try child.wait()
      for run in [a, b] {
        let live = try TelemetryReader(path: sweep.folder + "/\(run)/telemetry.sqlite").live()
        if RunFolder(path: sweep.folder + "/\(run)").isTrained, let pid = live?.pid { kill(pid_t(pid), SIGKILL) }
      }
      usleep(50_000)
      let last = try sweep.run()
      #expect(last.status == 0, "\(last.error)")
      #expect(try sweep.rows().values.allSatisfy { $0.state == .done && $0.step == 400 })
      for run in [a, b] {
        let whole = try sweep.tiny.run(["train", sweep.folder + "/\(run)/experiment.toml", "--runs", "whole"])
        #expect(whole.status == 0)
        let adapter = sweep.tiny.folder.path + "/whole/\(run)/adapter/adapter_model.safetensors"
        #expect(try sweep.adapter(run) == Data(contentsOf: URL(fileURLWithPath: adapter)), "\(run)")
        #expect(try TelemetryReader(path: sweep.folder + "/\(run)/telemetry.sqlite").records().count == 400)
      }
    }

    @Test("a signal stops the runs with a checkpoint each; the same command goes on", arguments: [SIGINT, SIGTERM])
    func stopped(signal: Int32) throws {
      let sweep = try TinySweep(steps: 3000, "seeds = [0, 1]\njobs = 1\n")
      let child = try sweep.start()
      let process = try sweep.process(of: "tiny-s0-1")
      child.signal(signal)
      let ending = try child.wait()
      #expect(ending.status == 128 + signal && ending.error.contains("2 of 2 runs are not done"), "\(ending.error)")
      #expect(kill(process, 0) != 0)
      let rows = try sweep.rows()
      #expect(rows["tiny 0"]?.state == .waiting && rows["tiny 0"]?.folder == "tiny-s0-1")
      #expect(rows["tiny 1"]?.state == .waiting && rows["tiny 1"]?.folder == nil)
      let again = try sweep.start()
      let deadline = Date(timeIntervalSinceNow: 30)
      while !again.error.contains("resume   tiny seed 0: tiny-s0-1, from step "), Date() < deadline { usleep(5_000) }
      again.signal(SIGTERM)
      #expect(try again.wait().error.contains("resume   tiny seed 0: tiny-s0-1, from step "))
    }

    @Test("a run that fails is told and not repeated, unless asked for or changed")
    func failing() throws {
      func text(_ rate: String) -> String {
        """
        seeds = [0]
        [[variant]]
        name = "good"
        [[variant]]
        name = "bad"
        set = { "training.learning_rate" = \(rate) }
        """
      }
      let sweep = try TinySweep(text("1e30"))
      let first = try sweep.run()
      #expect(first.status == 1 && first.error.contains("failed   bad seed 0: "), "\(first.error)")
      #expect(try sweep.rows()["good 0"]?.state == .done)
      let failed = try #require(try sweep.rows()["bad 0"])
      #expect(failed.state == .failed && failed.folder == "bad-s0-1" && failed.reason?.contains("finite") == true)
      let again = try sweep.run()
      #expect(again.status == 1 && again.error.contains("1 failed (--retry runs them again)"))
      #expect(!again.error.contains("start"))
      let retried = try sweep.run("--retry")
      #expect(retried.status == 1 && retried.error.contains("start    bad seed 0: bad-s0-2\n"))
      try sweep.write(text("1e-3"))
      let changed = try sweep.run()
      #expect(changed.status == 0 && changed.error.contains("start    bad seed 0: bad-s0-3\n"), "\(changed.error)")
    }

    @Test("a job array's tasks train one run each, and what they leave is collected")
    func cluster() throws {
      let sweep = try TinySweep("seeds = [0, 1, 2]\njobs = 2\n")
      let emitted = try sweep.run("--emit", "slurm", "--to", "job.sh", "--set", "training.total_step=24")
      #expect(emitted.status == 0 && emitted.output.isEmpty)
      let script = try String(contentsOfFile: sweep.tiny.folder.path + "/job.sh", encoding: .utf8)
      #expect(script.contains("#SBATCH --array=0-2%2\n") && script.contains("#SBATCH --cpus-per-task=1\n"))
      #expect(!FileManager.default.fileExists(atPath: sweep.folder))
      let tasks = try [0, 2].map { task in
        try Child(
          "bash", ["job.sh"], folder: sweep.tiny.folder, environment: ["SLURM_ARRAY_TASK_ID": "\(task)"],
          workingDirectory: sweep.tiny.folder.path)
      }
      for task in tasks { #expect(try task.wait().status == 0) }
      let collected = try sweep.run("--collect", "--set", "training.total_step=24")
      #expect(collected.status == 0 && collected.error.isEmpty)
      #expect(try sweep.rows().mapValues(\.state) == ["tiny 0": .done, "tiny 1": .waiting, "tiny 2": .done])
      #expect(try sweep.rows()["tiny 2"]?.step == 24)
      let again = try sweep.run("--only", "2", "--set", "training.total_step=24")
      #expect(again.status == 0 && again.error == "run 2 is done\n")
      let outside = try sweep.run("--only", "3", "--set", "training.total_step=24")
      #expect(outside.status == 64 && outside.error == "ranktop: --only 3: expected a run's number, 0 to 2\n")
    }

    @Test("two processes do not drive one sweep, and what is no sweep is one clear error")
    func errors() throws {
      let sweep = try TinySweep(steps: 3000, "seeds = [0]\n")
      let child = try sweep.start()
      _ = try sweep.process(of: "tiny-s0-1")
      let second = try sweep.run()
      #expect(second.status == 73 && second.error.contains("runs/s: another process drives this sweep"))
      child.signal(SIGINT)
      _ = try child.wait()
      try Data(count: 5000).write(to: URL(fileURLWithPath: sweep.folder + "/sweep.sqlite"))
      for suffix in ["-wal", "-shm"] { unlink(sweep.folder + "/sweep.sqlite" + suffix) }
      let damaged = try sweep.run()
      #expect(damaged.status == 65 && damaged.error.split(separator: "\n").count == 1, "\(damaged.error)")
      try sweep.write("[grid]\nadapter.beta1 = [0.5, 2]\n")
      let wrong = try sweep.run()
      #expect(
        wrong.status == 65 && wrong.error.hasPrefix("ranktop: sweep.toml: line 4: grid.adapter.beta1: 2, expected"))
      let both = try sweep.run("--emit", "slurm", "--collect")
      #expect(both.status == 64)
    }
  }
}
