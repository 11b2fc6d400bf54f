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
  /// - Parameter modelType: `model_type` in a model's `config.json`, of the BERT family.
  /// Source: `peft/utils/constants.py`.
  public static func defaults(modelType: String, method: Experiment.PEFTType) -> TargetModules {
    if modelType == "roberta" && method == .adalora { return .list(["query", "key", "value", "dense"]) }
    return .list(["query", "value"])
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
