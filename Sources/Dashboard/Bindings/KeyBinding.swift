// A key with its meaning: one table of them drives a screen's dispatch, footer and help.

public struct KeyBinding<State, Context: Hashable & Sendable, Action: Sendable>: Sendable {
  /// Where it has this meaning.
  public let context: Context
  public let keys: [InputEvent.Key]
  /// The keys as the help and the footer write them.
  public let label: String
  /// A word or two for the footer; empty where the help alone tells it.
  public let short: String
  public let description: String
  public let action: Action
  /// Why it cannot work now, or nil.
  public let reason: @Sendable (State) -> String?

  init(
    _ context: Context, _ keys: [InputEvent.Key], _ label: String, _ short: String, _ description: String,
    _ action: Action, unless reason: @escaping @Sendable (State) -> String? = { _ in nil }
  ) {
    self.context = context
    self.keys = keys
    self.label = label
    self.short = short
    self.description = description
    self.action = action
    self.reason = reason
  }
}

extension Array {
  /// What a key means in the first of the contexts in which it means anything.
  func binding<State, Context, Action>(for key: InputEvent.Key, in contexts: [Context]) -> Element?
  where Element == KeyBinding<State, Context, Action> {
    for context in contexts {
      if let found = first(where: { $0.context == context && $0.keys.contains(key) }) { return found }
    }
    return nil
  }

  /// What works now, for the footer, the first context's own first.
  func footer<State, Context, Action>(of contexts: [Context], _ state: State) -> [Element]
  where Element == KeyBinding<State, Context, Action> {
    contexts.flatMap { context in
      filter { $0.context == context && !$0.short.isEmpty && $0.reason(state) == nil }
    }
  }
}

extension InputEvent.Key: ExpressibleByUnicodeScalarLiteral {
  /// A printable character.
  public init(unicodeScalarLiteral value: Unicode.Scalar) { self = .character(value) }
}
