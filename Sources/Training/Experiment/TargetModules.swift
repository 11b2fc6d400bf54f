// Which linear modules get an adapter, by PEFT's rules.

import Foundation

/// PEFT's `target_modules`.
public enum TargetModules: Sendable, Equatable {
  /// Names that equal the module's or end it, after a dot.
  case list([String])
  /// A regular expression that matches the whole name, as Python's `re.fullmatch`.
  case pattern(String)
  /// Every linear module but the task head.
  case allLinear

  /// Whether the module of that name gets an adapter. The task head (`classifier`, `score`) never does: it is trained
  /// whole. Source: `check_target_module_exists` in `peft/tuners/tuners_utils.py`, with `modules_to_save` as PEFT sets
  /// it for sequence classification.
  ///
  /// A pattern that is no regular expression matches nothing; `Experiment.load` refuses it.
  public func matches(_ moduleName: String) -> Bool {
    if moduleName.split(separator: ".").contains(where: { $0 == "classifier" || $0 == "score" }) { return false }
    switch self {
    case .allLinear: return true
    case .list(let names): return names.contains { moduleName == $0 || moduleName.hasSuffix("." + $0) }
    case .pattern(let pattern):
      let whole = NSRange(moduleName.startIndex..., in: moduleName)
      return Self.regex(pattern)?.firstMatch(in: moduleName, options: .anchored, range: whole) != nil
    }
  }

  /// What PEFT targets where an adapter's configuration does not say.
  /// - Parameter modelType: `model_type` in a model's `config.json`.
  /// - Returns: nil where PEFT has no default.
  /// Source: `peft/utils/constants.py`.
  public static func defaults(modelType: String, method: Experiment.PEFTType) -> TargetModules? {
    switch (modelType, method) {
    case ("bert", _), ("roberta", .lora), ("xlm-roberta", .lora), ("electra", .lora): .list(["query", "value"])
    case ("roberta", .adalora): .list(["query", "key", "value", "dense"])
    case ("deberta-v2", .adalora): .list(["query_proj", "key_proj", "value_proj", "dense"])
    case ("deberta-v2", .lora): .list(["query_proj", "value_proj"])
    case ("llama", _), ("qwen2", _), ("qwen3", _), ("mistral", .lora): .list(["q_proj", "v_proj"])
    case ("gpt2", _): .list(["c_attn"])
    default: nil
    }
  }

  /// Whether a pattern is a regular expression that can be used.
  static func isValid(_ pattern: String) -> Bool { regex(pattern) != nil }

  /// Foundation's syntax (ICU's) is Python's but for the names of groups, which a match of the whole does not need.
  private static func regex(_ pattern: String) -> NSRegularExpression? {
    let unnamed = pattern.replacing(/\(\?P<\w+>/, with: "(")
    // By itself first: the parentheses around it could complete a broken one.
    guard (try? NSRegularExpression(pattern: unnamed)) != nil else { return nil }
    return try? NSRegularExpression(pattern: "(?:\(unnamed))\\z")
  }
}
