// What a bad experiment file, or a bad --set, is answered.

import Foundation
import Models
import Testing

@testable import Training

@Suite struct ExperimentErrorTests {
  private static func complaint(_ text: String, set overrides: [String] = []) -> (text: String, kind: InputError.Kind)?
  {
    do {
      _ = try Experiment.parse(Array(text.utf8), path: "exp.toml", overrides: overrides)
      return nil
    } catch {
      return (error.description, error.kind)
    }
  }

  /// `leastExperiment` with lines after it that stand in `[training]`: line 10 is the first of them.
  private static func training(_ lines: String) -> String { leastExperiment + lines }

  /// … in `[adapter]`: line 11 is the first of them.
  private static func adapter(_ lines: String) -> String { leastExperiment + "[adapter]\n" + lines }

  @Test(
    "a value that does not fit names line, key, value and what was expected",
    arguments: [
      ("beta1 = 1.5", "beta1: 1.5, expected a number above 0 and below 1"),
      ("beta1 = 0", "beta1: 0, expected a number above 0 and below 1"),
      ("beta2 = 1", "beta2: 1, expected a number above 0 and below 1"),
      ("beta2 = nan", "beta2: nan, expected a number above 0 and below 1"),
      ("beta1 = \"high\"", "beta1: \"high\", expected a number above 0 and below 1"),
      ("deltaT = 0", "deltaT: 0, expected an integer, 1 to 1000000000"),
      ("deltaT = 1.0", "deltaT: 1.0, expected an integer, 1 to 1000000000"),
      ("tinit = -1", "tinit: -1, expected an integer, 0 to 1000000000"),
      ("tfinal = true", "tfinal: true, expected an integer, 0 to 1000000000"),
      ("init_r = 0", "init_r: 0, expected an integer, 1 to 65536"),
      ("r = 0", "r: 0, expected an integer, 1 to 65536"),
      ("lora_alpha = 0", "lora_alpha: 0, expected a number above 0"),
      ("lora_alpha = -0.5", "lora_alpha: -0.5, expected a number above 0"),
      ("lora_alpha = inf", "lora_alpha: inf, expected a number above 0"),
      ("lora_dropout = 1", "lora_dropout: 1, expected a number of at least 0 and below 1"),
      ("orth_reg_weight = -1", "orth_reg_weight: -1, expected a number of at least 0"),
      ("peft_type = \"lora\"", "peft_type: \"lora\", expected ADALORA or LORA"),
      ("method = \"pissa\"", "method: \"pissa\", expected adalora, svd-lora, lora, pruned-lora, increlora or elalora"),
      ("effective_scale = 0", "effective_scale: 0, expected a number above 0"),
      ("budget = \"bytes\"", "budget: \"bytes\", expected rank or parameters"),
      ("score = \"smooth\"", "score: \"smooth\", expected smoothed, sensitivity, magnitude, random or uniform"),
      (
        "target_modules = 3",
        "target_modules: 3, expected a list of names, a regular expression or \"all-linear\""
      ),
      (
        "target_modules = [\n\"query\", 2, [true], {a = 1}]",
        "target_modules: [\"query\", 2, [true], a table], expected a list of names, a regular expression or \"all-linear\""
      ),
      ("target_modules = []", "target_modules: [], expected a list of names, a regular expression or \"all-linear\""),
      (
        "target_modules = \"\"",
        "target_modules: \"\", expected a list of names, a regular expression or \"all-linear\""
      ),
      ("target_modules = \"(query\"", "target_modules: \"(query\", expected a valid regular expression"),
      ("r = { a = 1 }", "r: a table, expected an integer, 1 to 65536"),
    ])
  func adapterValues(_ lines: String, _ expected: String) {
    let complaint = Self.complaint(Self.adapter(lines))
    #expect(complaint?.text == "exp.toml: line 11: adapter." + expected)
    #expect(complaint?.kind == .malformed)
  }

  @Test(
    "so does one of the training section",
    arguments: [
      ("warmup_ratio = 1.01", "warmup_ratio: 1.01, expected a number from 0 to 1"),
      ("warmup_ratio = -0.1", "warmup_ratio: -0.1, expected a number from 0 to 1"),
      ("learning_rate = 0.0", "learning_rate: 0.0, expected a number above 0"),
      ("learning_rate = \"1e-3\"", "learning_rate: \"1e-3\", expected a number above 0"),
      ("weight_decay = -1", "weight_decay: -1, expected a number of at least 0"),
      ("max_grad_norm = -1", "max_grad_norm: -1, expected a number of at least 0 (0 = off)"),
      ("batch_size = 0", "batch_size: 0, expected an integer, 1 to 1000000"),
      ("eval_every = -1", "eval_every: -1, expected an integer, 0 to 1000000000"),
      ("gradient_accumulation_steps = 0", "gradient_accumulation_steps: 0, expected an integer, 1 to 1000000"),
      ("threads = 1025", "threads: 1025, expected an integer, 0 to 1024"),
      ("base_dropout = 1", "base_dropout: 1, expected true or false"),
      ("schedule = \"step\"", "schedule: \"step\", expected linear, cosine or constant"),
      ("precision = \"fp16\"", "precision: \"fp16\", expected float32 or bfloat16"),
    ])
  func trainingValues(_ line: String, _ expected: String) {
    #expect(Self.complaint(Self.training(line))?.text == "exp.toml: line 10: training." + expected)
  }

  @Test("and of the others")
  func otherValues() {
    func first(_ line: String) -> String? { Self.complaint(line + "\n" + leastExperiment)?.text }
    #expect(first("name = \"a/b\"") == "exp.toml: line 1: name: \"a/b\", expected a name that a folder can have")
    #expect(first("name = \"\"") == "exp.toml: line 1: name: \"\", expected a name that a folder can have")
    #expect(first("seed = -1") == "exp.toml: line 1: seed: -1, expected an integer, 0 or more")
    func inSection(_ section: String, _ line: String) -> String? {
      Self.complaint(leastExperiment.replacing("[\(section)]", with: "[\(section)]\n\(line)"))?.text
    }
    #expect(
      inSection("data", "header = \"no\"") == "exp.toml: line 4: data.header: \"no\", expected true or false")
    #expect(
      inSection("data", "text_pair = -1")
        == "exp.toml: line 4: data.text_pair: -1, expected a column's name or 0-based index")
    #expect(
      inSection("data", "format = \"xml\"")
        == "exp.toml: line 4: data.format: \"xml\", expected tsv, csv, jsonl or text")
    #expect(
      inSection("data", "max_length = 2")
        == "exp.toml: line 4: data.max_length: 2, expected an integer, 3 to 1000000")
    #expect(
      inSection("model", "task = \"CAUSAL_LM\"")
        == "exp.toml: line 7: data.text: has no meaning for model.task CAUSAL_LM, only for SEQ_CLS")
    #expect(
      inSection("data", "prompt = \"question\"")
        == "exp.toml: line 4: data.prompt: has no meaning for model.task SEQ_CLS, only for CAUSAL_LM")
    #expect(
      inSection("data", "format = \"text\"")
        == "exp.toml: line 4: data.format: \"text\", expected tsv, csv or jsonl for model.task SEQ_CLS")
    #expect(
      Self.complaint(leastExperiment + "[telemetry]\nscores_every = -1\n")?.text
        == "exp.toml: line 11: telemetry.scores_every: -1, expected an integer, 0 to 1000000000")
    #expect(first("adapter = 3") == "exp.toml: line 1: adapter: 3, expected a table, [adapter]")
  }

  @Test("a language model's data are text, prompts with completions, or messages")
  func languageModelData() throws {
    func experiment(_ data: String, set overrides: [String] = []) -> String? {
      let text = """
        [model]
        path = "model"
        task = "CAUSAL_LM"
        [data]
        train = "train"
        eval = "dev"
        \(data)
        [training]
        total_step = 100
        """
      return Self.complaint(text, set: overrides)?.text
    }
    #expect(experiment("format = \"text\"") == nil)
    #expect(experiment("format = \"jsonl\"\nprompt = \"q\"\ncompletion = \"a\"") == nil)
    #expect(experiment("format = \"jsonl\"\nmessages = \"m\"") == nil)
    #expect(
      experiment("") == "exp.toml: line 3: data.format: \"tsv\" (its default), expected text or jsonl for model.task "
        + "CAUSAL_LM")
    #expect(
      experiment("format = \"text\"\nprompt = \"q\"")
        == "exp.toml: line 8: data.prompt, data.completion, data.messages: a text has no columns")
    let both = "expected prompt and completion, or messages alone, for data.format jsonl"
    #expect(
      experiment("format = \"jsonl\"\nprompt = \"q\"")
        == "exp.toml: line 8: data.prompt, data.completion, data.messages: \(both)")
    #expect(
      experiment("format = \"jsonl\"", set: ["data.prompt=q", "data.completion=a", "data.messages=m"])
        == "--set data.prompt=q: data.prompt, data.completion, data.messages: \(both)")
    #expect(
      experiment("format = \"jsonl\"")
        == "exp.toml: line 7: data.prompt, data.completion, data.messages: \(both)")
  }

  @Test(
    "an unknown key suggests the nearest, the same one elsewhere, or lists what there is",
    arguments: [
      ("beta3 = 1", "adapter.beta3: unknown key; did you mean beta1?"),
      ("lora_aplha = 1", "adapter.lora_aplha: unknown key; did you mean lora_alpha?"),
      ("delta_t = 1", "adapter.delta_t: unknown key; did you mean deltaT?"),
      ("total_step = 1", "adapter.total_step: unknown key; did you mean training.total_step?"),
      (
        "inference_mode = true",
        "adapter.inference_mode: unknown key, expected peft_type, method, target_modules, r, init_r, target_r, tinit, tfinal, "
          + "deltaT, beta1, beta2, orth_reg_weight, lora_alpha, effective_scale, lora_dropout, score, budget or dialect"
      ),
      ("\"a\\u001bb.c\" = 1", "adapter.a\\u001bb.c: unknown key, expected peft_type"),
    ])
  func unknownKeys(_ line: String, _ expected: String) {
    let text = Self.complaint(Self.adapter("# comment\n" + line))?.text ?? ""
    let place = line.contains("\\") ? "exp.toml: " : "exp.toml: line 12: "
    #expect(text.hasPrefix(place + expected))
  }

  @Test("so does an unknown section or a key outside of any")
  func unknownSections() {
    #expect(
      Self.complaint(leastExperiment + "[adaptor]\nbeta1 = 1")?.text
        == "exp.toml: line 10: adaptor: unknown section; did you mean adapter?")
    #expect(
      Self.complaint(leastExperiment + "[x]\n")?.text
        == "exp.toml: line 10: x: unknown section, expected model, data, adapter, training or telemetry")
    #expect(
      Self.complaint("sed = 1\n" + leastExperiment)?.text == "exp.toml: line 1: sed: unknown key; did you mean seed?")
    #expect(
      Self.complaint("zzzz = 1\n" + leastExperiment)?.text
        == "exp.toml: line 1: zzzz: unknown key, expected name or seed, or a section: model, data, adapter, training or telemetry"
    )
    #expect(
      Self.complaint("\"adapter.beta1\" = 0.5\n" + leastExperiment)?.text
        == "exp.toml: line 1: adapter.beta1: unknown key, expected name or seed, or a section: model, data, adapter, training or telemetry"
    )
    #expect(
      Self.complaint("beta1 = 1\n" + leastExperiment)?.text
        == "exp.toml: line 1: beta1: unknown key; did you mean adapter.beta1?")
  }

  @Test("of several mistakes the first line's is reported")
  func firstMistake() {
    let text = Self.adapter("tinit = \"a\"\nbeta1 = \"b\"\n")
    #expect(Self.complaint(text)?.text.hasPrefix("exp.toml: line 11: adapter.tinit:") == true)
  }

  @Test("missing keys are named")
  func missing() {
    #expect(
      Self.complaint("")?.text
        == "exp.toml: model.path, data.train, data.text, data.label, training.total_step: missing, all of them are required"
    )
    #expect(
      Self.complaint(leastExperiment.replacing("path = \"model\"\n", with: ""))?.text
        == "exp.toml: model.path: missing, expected a path")
    #expect(
      Self.complaint(leastExperiment.replacing("total_step = 100\n", with: ""))?.text
        == "exp.toml: training.total_step: missing, expected an integer, 1 to 1000000000")
    let noEval = leastExperiment.replacing("eval = \"dev.tsv\"\n", with: "")
    let expected = "exp.toml: data.eval: missing, expected a file, or data.split with the column that says train or dev"
    #expect(Self.complaint(noEval)?.text == expected)
    #expect(Self.complaint(leastExperiment.replacing("\"dev.tsv\"", with: "\"\""))?.text == expected)
    #expect(Self.complaint(noEval, set: ["data.split=part"]) == nil)
  }

  @Test("values that do not go together name both and the bound")
  func together() {
    #expect(
      Self.complaint(Self.adapter("tinit = 40\ntfinal = 60\n"))?.text
        == "exp.toml: line 11: adapter.tinit + adapter.tfinal: 40 + 60 = 100, expected less than training.total_step, 100"
    )
    #expect(Self.complaint(Self.adapter("tinit = 40\ntfinal = 59\n")) == nil)
    #expect(
      Self.complaint(Self.adapter("\ntarget_r = 14\n"))?.text
        == "exp.toml: line 12: adapter.target_r: 14, expected at most adapter.init_r, 12 (its default)")
    #expect(
      Self.complaint(Self.adapter("init_r = 6\n"))?.text
        == "exp.toml: line 11: adapter.target_r: 8 (its default), expected at most adapter.init_r, 6")
    #expect(Self.complaint(Self.adapter("init_r = 8\n")) == nil)
    #expect(
      Self.complaint(Self.adapter("method = \"lora\"\npeft_type = \"ADALORA\"\n"))?.text
        == "exp.toml: line 12: adapter.peft_type: ADALORA, but adapter.method lora is saved as LORA")
    #expect(
      Self.complaint(Self.adapter("method = \"svd-lora\"\ntarget_r = 0\n"))?.text
        == "exp.toml: line 12: adapter.target_r: 0, expected at least 1 for svd-lora")
    #expect(
      Self.complaint(Self.adapter("method = \"increlora\"\ntarget_r = 0\n"))?.text
        == "exp.toml: line 12: adapter.target_r: 0, expected at least 1 for increlora")
    #expect(
      Self.complaint(Self.adapter("lora_alpha = 8\neffective_scale = 2\n"))?.text
        == "exp.toml: line 12: adapter.effective_scale: adapter.lora_alpha is set as well, expected one of the two")
    #expect(
      Self.complaint(leastExperiment.replacing("text =", with: "split = \"part\"\ntext ="))?.text
        == "exp.toml: line 6: data.split: data.eval is set as well, expected one of the two")
  }

  @Test(
    "a wrong --set names itself and is wrong usage",
    arguments: [
      ("adapter.beta1=x", "\"x\", expected a number above 0 and below 1"),
      ("adapter.beta3=1", "unknown key; did you mean beta1?"),
      ("adapter.beta1", "no value, expected section.key=value"),
      ("beta1=0.5", "unknown key; did you mean adapter.beta1?"),
      ("adaptor.beta1=0.5", "unknown key; did you mean adapter.beta1?"),
      ("adaptor.beta9=0.5", "unknown section; did you mean adapter?"),
      ("=1", "unknown key, expected name or seed, or a section: model, data, adapter, training or telemetry"),
      ("adapter=1", "unknown key, expected name or seed, or a section: model, data, adapter, training or telemetry"),
      ("adapter.target_modules=[query]", "not a TOML value, expected one, or bare words"),
      ("seed=1\nname = 'x'", "\"1\\nname = 'x'\", expected an integer, 0 or more"),
      ("name=1", "1, expected a name that a folder can have"),
      ("model.path=", "\"\", expected a path"),
      (
        "adapter.tinit=100",
        "adapter.tinit + adapter.tfinal: 100 + 0 = 100, expected less than training.total_step, 100"
      ),
      ("adapter.init_r=3", "adapter.target_r: 8 (its default), expected at most adapter.init_r, 3"),
    ])
  func overrides(_ override: String, _ expected: String) {
    let complaint = Self.complaint(leastExperiment, set: [override])
    #expect(complaint?.text == "--set \(override.replacing("\n", with: " ")): " + expected)
    #expect(complaint?.kind == .usage)
  }

  @Test("a bad --seed or --threads is wrong usage")
  func seedAndThreads() {
    let bytes = Array(leastExperiment.utf8)
    #expect(throws: InputError(.usage, file: "", place: "--seed -1", "-1, expected an integer, 0 or more")) {
      try Experiment.parse(bytes, path: "e", seed: -1)
    }
    #expect(throws: InputError(.usage, file: "", place: "--threads 2000", "2000, expected an integer, 0 to 1024")) {
      try Experiment.parse(bytes, path: "e", threads: 2000)
    }
  }

  @Test("text that is not TOML names the line")
  func syntax() {
    for (text, line) in [
      ("seed = 1\nname = \n", 2), ("[model\n", 1), ("seed = 1\nseed = 2\n", 2), ("a = \"\n\n", 1), ("seed = 01\n", 1),
      ("[&", 1), ("seed = 1\n\n[[[model]]]\n", 3), ("a = \n[&\n", 1),
    ] {
      let text = Self.complaint(text)?.text ?? ""
      #expect(text.hasPrefix("exp.toml: line \(line): not TOML: "), "\(text)")
    }
  }

  @Test("a string without quotes is told to have them")
  func unquoted() {
    for (line, value) in [("score = random", "random"), ("tinit = 1979-05-27", "1979-05-27"), ("beta1 = .5", ".5")] {
      #expect(
        Self.complaint(Self.adapter(line))?.text
          == "exp.toml: line 11: not TOML: expected a number, true, false or a string in quotes, not \"\(value)\"")
    }
  }

  @Test("text that is not UTF-8, or holds a NUL, names the line")
  func encoding() {
    func complaint(_ bytes: [UInt8]) -> String? {
      do {
        _ = try Experiment.parse(bytes, path: "exp.toml")
        return nil
      } catch { return error.description }
    }
    #expect(
      complaint(Array("seed = 1\nname = \"".utf8) + [0xFF, 0x22])
        == "exp.toml: line 2, byte 17: not UTF-8, expected UTF-8 text")
    #expect(complaint(Array("seed = 1\n#".utf8) + [0]) == "exp.toml: line 2: a NUL character, expected text")
    #expect(
      complaint(Array("seed = 1\r\n\"a\\u0000b\" = 1".utf8)) == "exp.toml: line 2: a NUL character, expected text")
  }

  @Test("a file that is not there is missing, a folder is no file")
  func files() throws {
    let folder = try TemporaryFolder()
    #expect(throws: InputError(.missing, file: folder.path + "/no.toml", "no such file")) {
      try Experiment.load(path: folder.path + "/no.toml")
    }
    #expect(throws: InputError(file: folder.path, "a folder, expected a file")) {
      try Experiment.load(path: folder.path)
    }
  }

  @Test("an error is one line without control characters, whatever the value")
  func oneLine() {
    let complaint = Self.complaint(Self.adapter("score = \"a\\nb\\u001b[31m\\u007f\\u0085\""))?.text
    #expect(
      complaint?.hasPrefix("exp.toml: line 11: adapter.score: \"a\\nb\\u001b[31m\\u007f\\u0085\", expected") == true)
  }
}
