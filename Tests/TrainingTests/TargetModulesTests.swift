// target_modules against what PEFT itself answers.

import Testing

@testable import Training

@Suite struct TargetModulesTests {
  static let names = [
    "bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.0.attention.self.key",
    "bert.encoder.layer.1.attention.self.value", "bert.encoder.layer.1.attention.output.dense",
    "bert.encoder.layer.1.intermediate.dense", "bert.encoder.layer.10.output.dense", "bert.pooler.dense", "classifier",
    "model.classifier.dense", "bert.encoder.layer.2.score", "query", "dense", "subquery", "bert.query_proj",
    "bert.scorer.dense", "bert.encoder.layer.0.attention.self.QUERY",
  ]

  /// `check_target_module_exists` of PEFT 0.21 for each name, with modules_to_save classifier and score.
  static let recorded: [(targets: TargetModules, matches: String)] = [
    (.list(["query"]), "1000000000100000"),
    (.list(["query", "value"]), "1010000000100000"),
    (.list(["dense"]), "0001111000010010"),
    (.list(["output.dense"]), "0001010000000000"),
    (.list(["attention.output.dense"]), "0001000000000000"),
    (.list(["put.dense"]), "0000000000000000"),
    (.list(["layer.1"]), "0000000000000000"),
    (.list(["classifier"]), "0000000000000000"),
    (.list(["bert.pooler.dense"]), "0000001000000000"),
    (.list(["bert.encoder.layer.0.attention.self.query"]), "1000000000000000"),
    (.list(["self.query", "intermediate.dense"]), "1000100000000000"),
    (.list(["uery"]), "0000000000000000"),
    (.list([".query"]), "0000000000000000"),
    (.list(["query."]), "0000000000000000"),
    (.list(["*"]), "0000000000000000"),
    (.list(["score"]), "0000000000000000"),
    (.list(["Query"]), "0000000000000000"),
    (.pattern(#"query"#), "0000000000100000"),
    (.pattern(#".*query"#), "1000000000101000"),
    (.pattern(#".*\.query"#), "1000000000000000"),
    (.pattern(#".*query|.*value"#), "1010000000101000"),
    (.pattern(#"(query|value)"#), "0000000000100000"),
    (.pattern(#".*\.(query|value)"#), "1010000000000000"),
    (.pattern(#"a|query"#), "0000000000100000"),
    (.pattern(#"quer|query"#), "0000000000100000"),
    (.pattern(#"bert\.encoder\.layer\.\d+\.attention\.self\.(query|key)"#), "1100000000000000"),
    (.pattern(#"bert\.encoder\.layer\.(0|1)\..*"#), "1111100000000001"),
    (.pattern(#"bert\.encoder\.layer\.1\..*dense"#), "0001100000000000"),
    (.pattern(#".*layer\.[02].*"#), "1100000000000001"),
    (.pattern(#"(?i).*query"#), "1000000000101001"),
    (.pattern(#".*"#), "1111111000111111"),
    (.pattern(#".+\.dense$"#), "0001111000000010"),
    (.pattern(#"^bert.*dense"#), "0001111000000010"),
    (.pattern(#".*classifier.*"#), "0000000000000000"),
    (.pattern(#"[a-z]+"#), "0000000000111000"),
    (.pattern(#"\w+"#), "0000000000111000"),
    (.pattern(#"(?!bert).*"#), "0000000000111000"),
    (.pattern(#".*(?<!output\.)dense"#), "0000101000010010"),
    (.pattern(#"(?P<first>[a-z]+)\..*"#), "1111111000000111"),
    (.pattern(#".*?\.query"#), "1000000000000000"),
    (.pattern(#"bert\.(encoder\.)?(layer\.\d{2}\.)?.*dense"#), "0001111000000010"),
    (.pattern(#"(?:bert\.|)query.*"#), "0000000000100100"),
    (.pattern(#"(\w+\.)*dense"#), "0001111000010010"),
    (.pattern(#".*\bdense"#), "0001111000010010"),
    (.pattern(#".*\Bquery"#), "0000000000001000"),
    (.pattern(#"d.n.e"#), "0000000000010000"),
  ]

  @Test("lists and patterns match as PEFT's check_target_module_exists", arguments: recorded.indices)
  func likePEFT(_ index: Int) {
    let (targets, expected) = Self.recorded[index]
    #expect(Self.names.map { targets.matches($0) ? "1" : "0" }.joined() == expected, "\(targets)")
  }

  @Test("all-linear is every module but the task head")
  func allLinear() {
    let matched = Self.names.filter { TargetModules.allLinear.matches($0) }
    #expect(
      Self.names.filter { !matched.contains($0) } == [
        "classifier", "model.classifier.dense", "bert.encoder.layer.2.score",
      ])
  }

  @Test("the defaults are PEFT's mapping by model type")
  func defaults() {
    #expect(TargetModules.defaults(modelType: "bert", method: .adalora) == .list(["query", "value"]))
    #expect(TargetModules.defaults(modelType: "bert", method: .lora) == .list(["query", "value"]))
    #expect(TargetModules.defaults(modelType: "roberta", method: .lora) == .list(["query", "value"]))
    #expect(
      TargetModules.defaults(modelType: "roberta", method: .adalora) == .list(["query", "key", "value", "dense"]))
    #expect(TargetModules.defaults(modelType: "electra", method: .lora) == .list(["query", "value"]))
    #expect(TargetModules.defaults(modelType: "electra", method: .adalora) == nil)
    #expect(TargetModules.defaults(modelType: "distilbert", method: .lora) == nil)
    #expect(
      TargetModules.defaults(modelType: "deberta-v2", method: .adalora)
        == .list(["query_proj", "key_proj", "value_proj", "dense"]))
    #expect(TargetModules.defaults(modelType: "deberta-v2", method: .lora) == .list(["query_proj", "value_proj"]))
  }

  @Test("a broken pattern matches nothing and is not valid", arguments: ["(query", "[", "*", "a)(b", "\\"])
  func broken(_ pattern: String) {
    #expect(!TargetModules.isValid(pattern))
    #expect(!TargetModules.pattern(pattern).matches("query"))
    #expect(!TargetModules.pattern(pattern).matches(pattern))
  }
}
