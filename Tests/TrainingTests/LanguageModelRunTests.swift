// Whole runs of language models: trained, gone on with, evaluated, exported.

import AdaLoRA
import Foundation
import Models
import Testing

@testable import Training

extension TinyRun {
  /// A recorded decoder on a text of made sentences.
  static func languageModel(_ fixture: String) throws -> TinyRun {
    let tiny = try TinyRun()
    let manager = FileManager.default
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(fixture)/model").path
    for name in ["config.json", "model.safetensors"] {
      try manager.removeItem(atPath: tiny.path + "/model/" + name)
      try manager.copyItem(atPath: source + "/" + name, toPath: tiny.path + "/model/" + name)
    }
    func write(_ text: String, _ name: String) throws {
      try text.write(toFile: tiny.path + "/" + name, atomically: true, encoding: .utf8)
    }
    try write(#"{"eos_token": "[SEP]"}"#, "model/tokenizer_config.json")
    let words = ["the", "good", "film", "so", "bright", "the", "bad", "end", "very", "dull"]
    for (name, count) in [("train", 600), ("dev", 90)] {
      try write((0..<count).map { words[($0 + $0 / 7) % words.count] }.joined(separator: " "), name + ".txt")
    }
    try write(
      """
      name = "tiny"
      [model]
      path = "model"
      task = "CAUSAL_LM"
      [data]
      train = "train.txt"
      eval = "dev.txt"
      format = "text"
      max_length = 16
      [adapter]
      target_modules = "all-linear"
      init_r = 3
      target_r = 1
      tinit = 4
      tfinal = 10
      deltaT = 2
      [training]
      total_step = 24
      batch_size = 4
      learning_rate = 2e-2
      eval_every = 8
      checkpoint_every = 5
      threads = 2
      """, "tiny.toml")
    return tiny
  }
}

@Suite("A language model's run")
struct LanguageModelRunTests {
  @Test(
    "is trained, measured by its perplexity, and saved as PEFT has it",
    arguments: [("llama3-adalora", false), ("gpt2-adalora", true)])
  func whole(fixture: String, isTransposed: Bool) throws {
    let tiny = try TinyRun.languageModel(fixture)
    let run = try tiny.new()
    #expect(run.session.description.metric == "perplexity")
    var evaluations: [Evaluation] = []
    try run.go { record in if let eval = record.eval { evaluations.append(eval) } }
    let last = try #require(evaluations.last)
    #expect(evaluations.count == 3 && last.loss < evaluations[0].loss, "\(evaluations.map(\.loss))")
    #expect(last.perplexity == exp(last.loss) && last.accuracy == nil)
    #expect(last.json == .object(JSONObject([("loss", .number(last.loss)), ("perplexity", .number(exp(last.loss)))])))
    // The database has it again.
    let recorded = try TelemetryReader(path: run.folder.telemetry).records().compactMap(\.eval)
    #expect(recorded == evaluations)

    let adapter = run.folder.adapter
    let config = try JSON.read(path: adapter + "/adapter_config.json")
    #expect(config["task_type"] == .string("CAUSAL_LM") && config["fan_in_fan_out"] == .bool(isTransposed))
    #expect(config["modules_to_save"] == .null)
    #expect(!FileManager.default.fileExists(atPath: adapter + "/labels.json"))
    let name = run.session.description.modules[0].name
    let file = try SafetensorsFile(path: adapter + "/adapter_model.safetensors")
    #expect(file.names.contains("base_model.model.\(name).lora_A"))

    // Read again and exported as plain LoRA, both have the run's own loss.
    let plain = try AtomicFolder.write(to: tiny.path + "/plain") { (folder) throws(InputError) in
      try LoRAExport.write(try PEFTAdapter(folder: adapter), to: folder)
    }
    for folder in [adapter, plain] {
      let evaluation = try AdapterEvaluation(runOrAdapter: folder, model: tiny.path + "/model", threads: 1)
      #expect(evaluation.task == .causalLanguageModel)
      let outcome = try evaluation.evaluate(path: tiny.path + "/dev.txt", nil, maxLength: 16, keepsLogits: false)
      #expect(outcome.count == 6)
      #expect(abs(outcome.evaluation.loss - last.loss) < 1e-5)
    }
    withExtendedLifetime(tiny) {}
  }

  @Test("stopped and gone on with, it ends with the same bits")
  func resumed() throws {
    let tiny = try TinyRun.languageModel("qwen3-adalora")
    let whole = try tiny.new()
    try whole.go()
    let stopped = try tiny.new()
    try stopped.go(to: 13)
    stopped.release()
    let resumed = try tiny.existing(stopped.folder)
    try resumed.go()
    #expect(try RunOutcome(resumed.folder) == RunOutcome(whole.folder))
    withExtendedLifetime(tiny) {}
  }

  @Test("an encoder is no language model")
  func encoder() throws {
    let tiny = try TinyRun.languageModel("bert-adalora")
    #expect(throws: InputError.self) { try tiny.new() }
    withExtendedLifetime(tiny) {}
  }
}
