// The command line without a terminal: what it prints, and its exit statuses.

import Foundation
import TerminalSupport
import Testing

@Suite(.serialized) struct CommandLineTests {
  private let program: String
  private let tiny: TinyExperiment

  init() throws {
    program = try Child.program("ranktop")
    tiny = try TinyExperiment()
  }

  private func start(_ arguments: String...) throws -> Child {
    try tiny.start(arguments)
  }

  private func run(_ arguments: String...) throws -> Child.Ending {
    try tiny.run(arguments)
  }

  // MARK: - Errors

  @Test("wrong usage is 64, with the bound or the nearest name")
  func usage() throws {
    for (arguments, expected) in [
      (["demo", "--nonsense"], "--nonsense"), (["demo", "--steps", "3"], "expected 20 to 1000000"),
      (["demo", "--threads", "-2"], "--threads"), (["nonsense"], "nonsense"),
      (["train", "tiny.toml", "--set", "adapter.beta9=0.9"], "beta"),
      (["train", "tiny.toml", "--set", "adapter.beta1=2"], "adapter.beta1"),
      (["train", "tiny.toml", "--set", "adapter.beta1"], "adapter.beta1"), (["train"], "experiment"),
      (["demo", "--tensorboard", ""], "--tensorboard"), (["bench", "--batch", "0"], "expected 1 to"),
      (["bench", "--length", "513"], "512 positions"), (["bench", "--triplets", "5"], "expected 12 to"),
      (["bench", "--tokenize", "train.tsv"], "--model"),
    ] {
      let ending = try Child(program, arguments, folder: tiny.folder, workingDirectory: tiny.folder.path).wait()
      #expect(ending.status == 64, "\(arguments)")
      #expect(ending.error.contains(expected), "\(arguments)")
      #expect(ending.output.isEmpty)
    }
  }

  @Test("bad input is 65, a missing file 66, an unwritable one 73, each in one line")
  func files() throws {
    func write(_ text: String, _ name: String) throws {
      try text.write(to: tiny.folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    let good = try String(contentsOfFile: tiny.path, encoding: .utf8)
    try write("[model\n", "broken.toml")
    try write(good + "\n[adapterr]\n", "unknown.toml")
    try write(good.replacing("deltaT = 2", with: "deltat = 2"), "misspelt.toml")
    try write(good.replacing("train.tsv", with: "none.tsv"), "nodata.toml")
    try write(good.replacing("path = \"model\"", with: "path = \"nomodel\""), "nomodel.toml")
    try write("sentence\tlabel\n", "empty.tsv")
    try write(good.replacing("train.tsv", with: "empty.tsv"), "empty.toml")
    try write("plain", "file")
    for (arguments, status, expected) in [
      (["train", "broken.toml"], 65, "broken.toml: line 1"), (["train", "unknown.toml"], 65, "adapterr"),
      (["train", "misspelt.toml"], 65, "deltaT"), (["train", "empty.toml"], 65, "empty.tsv"),
      (["train", "nowhere.toml"], 66, "nowhere.toml: no such file"), (["train", "nodata.toml"], 66, "none.tsv"),
      (["train", "nomodel.toml"], 66, "nomodel"), (["parity", "nowhere"], 66, "nowhere"),
      (["eval", "nowhere", "--model", "model", "--data", "dev.tsv"], 66, "nowhere"),
      (["train", "tiny.toml", "--trace", "no/folder/t.jsonl"], 73, "no/folder/t.jsonl"),
      (["train", "tiny.toml", "--runs", "file"], 73, "file"), (["demo", "--trace", "no/folder/t"], 73, "no/folder/t"),
    ] as [([String], Int32, String)] {
      let ending = try Child(program, arguments, folder: tiny.folder, workingDirectory: tiny.folder.path).wait()
      #expect(ending.status == status, "\(arguments)")
      #expect(ending.error.hasPrefix("ranktop: ") && ending.error.contains(expected), "\(arguments): \(ending.error)")
      #expect(ending.error.split(separator: "\n").count == 1, "\(arguments): \(ending.error)")
      #expect(ending.output.isEmpty)
    }
  }

  @Test("the help of each command shows an example of it")
  func help() throws {
    let all = try run("--help")
    #expect(all.status == 0)
    let listed = all.output.components(separatedBy: "SUBCOMMANDS:").last?.matches(of: #/\n  ([a-z]+) /#).map {
      String($0.1)
    }
    let commands = try #require(listed)
    #expect(Set(commands).isSuperset(of: ["demo", "train", "eval", "parity", "doctor"]))
    for command in commands where command != "help" {
      let ending = try run(command, "--help")
      #expect(ending.status == 0)
      #expect(ending.output.contains(try Regex("Example:\\s+ranktop \(command)\\b")), "\(command)")
    }
  }

  // MARK: - Training

  private static let fields = [
    "step", "loss", "task_loss", "orth", "grad_norm", "lr", "beta1", "beta2", "orth_reg_weight", "deltaT", "target_r",
    "budget", "kept", "nonzero", "threshold", "tokens", "step_ms",
  ]

  @Test("a headless run tells its progress in lines, its result in one object, and every step in the trace")
  func headless() throws {
    let ending = try run("train", "tiny.toml", "--headless", "--trace", "trace.jsonl", "--runs", "runs", "--seed", "1")
    #expect(ending.status == 0)
    #expect(ending.error.contains("run runs/tiny-1\n") && ending.error.contains("\nadapter runs/tiny-1/adapter\n"))
    #expect(ending.error.contains("step 30/30 loss "))
    #expect(ending.error.contains("step 10 eval loss "))
    #expect(!ending.error.contains("\u{1B}") && !ending.error.contains("\r"))
    for file in ["adapter_config.json", "adapter_model.safetensors", "labels.json"] {
      #expect(tiny.exists("runs/tiny-1/adapter/" + file))
    }

    let lines = try String(contentsOfFile: tiny.folder.appendingPathComponent("trace.jsonl").path, encoding: .utf8)
      .split(separator: "\n")
    let rows = try tiny.trace()
    try #require(rows.count == 31)
    for (step, row) in rows.dropLast().enumerated() {
      let isEvaluated = step % 10 == 9
      let names = lines[step].matches(of: /"([A-Za-z0-9_]+)":/).map { String($0.1) }
      #expect(names == Self.fields + (isEvaluated ? ["eval", "loss", "accuracy", "matthews", "f1"] : []))
      #expect(row["step"] as? Int == step)
    }
    #expect(rows[0]["threshold"] is NSNull)
    #expect(rows[20]["threshold"] is NSNumber)
    let summary = try #require(rows[30]["summary"] as? [String: Any])
    #expect(rows[30].count == 1)
    #expect(
      Set(summary.keys) == [
        "steps", "wall_s", "step_ms_median", "tokens_per_s", "peak_rss_bytes", "accuracy", "matthews", "ranks",
      ])
    #expect(summary["steps"] as? Int == 30)
    let ranks = try #require(summary["ranks"] as? [String: Int])
    // The target of 2 a module, spread as the scores say.
    #expect(
      ranks.values.reduce(0, +) == 2 * ranks.count && ranks.keys.contains("bert.encoder.layer.0.attention.self.query"))
    #expect(ending.output == lines[30].dropFirst("{\"summary\":".count).dropLast() + "\n")

    let evaluation = try run("eval", "runs/tiny-1", "--model", "model", "--data", "dev.tsv")
    #expect(evaluation.status == 0)
    let metrics = try #require(
      try JSONSerialization.jsonObject(with: Data(evaluation.output.utf8)) as? [String: Double])
    #expect(Set(metrics.keys) == ["n", "loss", "accuracy", "matthews", "f1"])
    let last = try #require(rows[29]["eval"] as? [String: Double])
    #expect(metrics["n"] == 12 && metrics["accuracy"] == last["accuracy"])
  }

  @Test("--set and --seed reach the run; the same seed gives the same losses")
  func overrides() throws {
    func losses(_ name: String, _ arguments: String...) throws -> [Double] {
      let ending = try tiny.run(["train", "tiny.toml", "--trace", name] + arguments)
      #expect(ending.status == 0)
      return try tiny.trace(name).dropLast().compactMap { $0["loss"] as? Double }
    }
    let first = try losses("a", "--seed", "3", "--set", "adapter.beta1=0.5", "--set", "training.total_step=25")
    #expect(try tiny.trace("a").dropLast().allSatisfy { $0["beta1"] as? Double == 0.5 })
    #expect(first.count == 25)
    #expect(try losses("b", "--seed", "3", "--set", "adapter.beta1=0.5", "--set", "training.total_step=25") == first)
    #expect(try losses("c", "--seed", "4", "--set", "adapter.beta1=0.5", "--set", "training.total_step=25") != first)
  }

  @Test("a signal ends a headless run with an adapter", arguments: [SIGINT, SIGTERM, SIGHUP])
  func signal(number: Int32) throws {
    let child = try start("train", "tiny.toml", "--set", "training.total_step=1000000", "--trace", "trace.jsonl")
    try waitForSteps(child, 3)
    child.signal(number)
    let ending = try child.wait()
    #expect(ending.status == 128 + number)
    #expect(ending.error.contains("stopped after"))
    #expect(tiny.exists("runs/tiny-1/adapter/adapter_model.safetensors"))
    let rows = try tiny.trace()
    #expect(rows.last?["summary"] != nil)
    #expect(ending.output.contains("\"steps\":\(rows.count - 1)"))
  }

  @Test("a signal lets an evaluation end, so that its record is whole, and nothing after it")
  func signalWhileEvaluating() throws {
    // Seconds of evaluation after each step.
    let large = try TinyExperiment(steps: 100, evalEvery: 1, evalSize: 400_000)
    let child = try large.start(["train", "tiny.toml", "--trace", "trace.jsonl"])
    let log = large.folder.appendingPathComponent("runs/tiny-1/log.txt").path
    let deadline = Date(timeIntervalSinceNow: 60)
    while (try? String(contentsOfFile: log, encoding: .utf8))?.contains("started") != true, Date() < deadline {
      usleep(5_000)
    }
    usleep(200_000)  // so that the first step is over, on most machines
    child.signal(SIGINT)
    let ending = try child.wait()
    #expect(ending.status == 130)
    let steps = try large.trace().filter { $0["step"] != nil }
    #expect(steps.count < 100 && steps.allSatisfy { $0["eval"] != nil })
  }

  private struct Failure: Error { var description: String }

  private func waitForSteps(_ child: Child, _ count: Int) throws {
    let deadline = Date(timeIntervalSinceNow: 30)
    while (try? tiny.trace().count) ?? 0 < count {
      guard Date() < deadline else { throw Failure(description: "no steps; it said \(child.error)") }
      usleep(5_000)
    }
  }

  @Test("events for TensorBoard go into a folder of the run's name")
  func tensorBoard() throws {
    #expect(try run("train", "tiny.toml", "--headless", "--tensorboard", "events").status == 0)
    #expect(try run("demo", "--steps", "20", "--headless", "--tensorboard", "events").status == 0)
    for name in ["tiny-1", "demo"] {
      let folder = tiny.folder.appendingPathComponent("events/" + name).path
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(files.count == 1 && files[0].hasPrefix("events.out.tfevents."))
      let events = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + (files.first ?? "")))
      for tag in ["train/loss", "Scores/S", name == "demo" ? "Budget/total_rank" : "eval/accuracy"] {
        #expect(events.contains(Data(tag.utf8)), "\(name) \(tag)")
      }
    }
  }

  @Test("the demo prints planted against allocated ranks, a line a module", arguments: [("bert", 18), ("llama", 28)])
  func demo(family: String, modules: Int) throws {
    let ending = try run("demo", "--family", family, "--steps", "60", "--headless")
    #expect(ending.status == 0)
    #expect(
      ending.output.contains("module") && ending.output.contains("planted") && ending.output.contains("allocated"))
    // A heading above, and below how well they agree and how far they are off.
    #expect(ending.output.split(separator: "\n").count == modules + 3)
    #expect(ending.error.contains("step 60/60"))
  }

  // MARK: - Checks

  @Test("parity holds on the recorded cases and not on a changed one")
  func parity() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: TinyExperiment.fixtures.path) {
      let ending = try run("parity", TinyExperiment.fixtures.appendingPathComponent(name).path)
      #expect(ending.status == 0)
      #expect(ending.output.contains("\"pass\":true"), "\(name)")
    }
    let copy = tiny.folder.appendingPathComponent("changed")
    try FileManager.default.copyItem(at: TinyExperiment.fixtures.appendingPathComponent("bert-adalora"), to: copy)
    let trace = copy.appendingPathComponent("trace.json")
    let text = try String(contentsOf: trace, encoding: .utf8)
    // One budget of the recording, one triplet more.
    let budget = try #require(text.firstMatch(of: /"budget": *(\d+)/))
    let count = try #require(Int(budget.1))
    let changed = text.replacingCharacters(in: budget.1.startIndex..<budget.1.endIndex, with: "\(count + 1)")
    try changed.write(to: trace, atomically: true, encoding: .utf8)
    let ending = try run("parity", copy.path)
    #expect(ending.status == 1)
    #expect(ending.output.contains("\"budget_mismatches\":1") && ending.output.contains("\"pass\":false"))
  }

  @Test("bench takes a step of a random model apart, in text and in JSON")
  func bench() throws {
    let text = try run("bench", "--shape", "bert-tiny", "--batch", "2", "--length", "8", "--steps", "2")
    #expect(text.status == 0)
    #expect(text.output.contains("bert-tiny, 2×8 tokens, float32, dropout off, rank 12, 2 steps"))
    for part in ["frozenForward", "frozenBackward", "adapter", "attention", "update", "mask", "memory: peak"] {
      #expect(text.output.contains("\n" + part), "\(part)")
    }
    let ending = try run(
      "bench", "--shape", "bert-tiny", "--batch", "2", "--length", "8", "--steps", "2", "--threads", "2", "--json")
    let json = try #require(JSONSerialization.jsonObject(with: Data(ending.output.utf8)) as? [String: Any])
    func number(_ key: String) throws -> Double { try #require(json[key] as? Double) }
    #expect(try number("threads") == 2)
    #expect(try number("tokens") == 16)
    // Two layers of 4·128² + 2·128·512 weights, forward and backward.
    #expect(abs(try number("whole_gflop") - 4e-9 * 16 * 2 * (4 * 128 * 128 + 2 * 128 * 512)) < 1e-12)
    #expect(try number("frozen_gflop") < number("whole_gflop"))
    #expect(try number("step_ms") > 0)
    #expect(try number("machine_gflops") > 0)
    let shares = try number("frozen_share") * number("step_ms") * number("machine_gflops")
    #expect(abs(shares - 1e3 * (try number("frozen_gflop"))) < 1e-6 * shares)
  }

  @Test("bench times the allocator at the triplets that are asked for, and the tokenizer on the lines of a file")
  func benchParts() throws {
    let allocator = try run("bench", "--triplets", "24", "--triplets", "2400", "--steps", "1")
    #expect(allocator.status == 0)
    #expect(allocator.output.split(separator: "\n").suffix(2).map { $0.split(separator: " ")[0] } == ["24", "2400"])
    let tokens = try run("bench", "--model", "model", "--tokenize", "train.tsv", "--steps", "1", "--json")
    let json = try #require(JSONSerialization.jsonObject(with: Data(tokens.output.utf8)) as? [String: Any])
    let path = tiny.folder.appendingPathComponent("train.tsv")
    let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").count
    #expect(json["lines"] as? Int == lines)
    #expect(try #require(json["tokens"] as? Int) > 2 * lines)
  }

  @Test("doctor tells of the machine and finds its arithmetic right")
  func doctor() throws {
    let ending = try run("doctor")
    #expect(ending.status == 0)
    for row in ["cpu ", "memory ", "blas ", "blas check  right", "terminal ", "locale "] {
      #expect(ending.output.contains("\n" + row) || ending.output.hasPrefix(row), "\(row)")
    }
  }
}
