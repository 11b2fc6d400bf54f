// The person's own settings of the dashboard: $XDG_CONFIG_HOME/ranktop/config.toml.

import Foundation
import Models
import Training

/// Colours, glyphs and keys, where a person wants others.
///
/// ```toml
/// theme = "cividis"        # the colours of magnitude: viridis | cividis
/// glyphs = "blocks"        # braille | blocks | ascii
/// [keys]
/// pause = ["p", "space"]   # an action: one key, or several
/// ```
public struct Configuration: Sendable {
  public var theme = HeatTheme.viridis
  /// The richest glyphs to draw with; nil: what the terminal is known for.
  public var glyphs: GlyphLevel?
  /// `Bindings.table` with the keys of this person.
  public internal(set) var bindings = Bindings.table

  public init() {}

  /// Reads the person's file; the defaults where there is none.
  /// - Throws: naming the file, the line and the key, with what is allowed.
  public static func load(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(InputError) -> Configuration {
    // The specification of these folders: a relative path counts as none.
    let folder = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    guard let folder = folder ?? environment["HOME"].map({ $0 + "/.config" }) else { return Configuration() }
    let path = folder + "/ranktop/config.toml"
    let bytes: [UInt8]
    do {
      bytes = try FileBytes.read(path)
    } catch {
      if error.kind == .missing { return Configuration() }
      throw error
    }
    return try Configuration(bytes, file: path)
  }

  /// - Parameter file: the path, for errors.
  init(_ bytes: [UInt8], file: String) throws(InputError) {
    let document = try TOMLDocument(bytes, file: file)
    func fail(_ path: [String], _ message: String) -> InputError {
      let key = path.joined(separator: ".")
      return InputError(file: file, place: document.lines[path].map { "line \($0), \(key)" } ?? key, message)
    }
    func choice<Value>(_ path: [String], _ value: TOMLNode, _ values: [(String, Value)]) throws(InputError) -> Value {
      if case .string(let word) = value, let found = values.first(where: { $0.0 == word }) { return found.1 }
      throw fail(path, "\(value.shown), expected one of \(values.map { "\"\($0.0)\"" }.joined(separator: ", "))")
    }
    var isRebound: Set<Action> = []
    for (path, value) in document.entries.flatMap(Self.flattened).sorted(by: { line($0.0) < line($1.0) }) {
      switch (path.first, path.count) {
      case ("theme", 1): theme = try choice(path, value, HeatTheme.allCases.map { ($0.rawValue, $0) })
      case ("glyphs", 1):
        glyphs = try choice(path, value, [("braille", GlyphLevel.braille), ("blocks", .blocks), ("ascii", .ascii)])
      case ("keys", 2):
        guard let (_, action) = Self.actions.first(where: { $0.name == path[1] }) else {
          let names = Self.actions.map(\.name)
          let guess = Spelling.nearest(to: path[1], among: names).map { "; did you mean \($0)?" } ?? ""
          throw fail(path, "no such action\(guess) Expected one of \(names.joined(separator: ", "))")
        }
        var keys: [InputEvent.Key] = []
        let items: [TOMLNode] = if case .array(let items) = value { items } else { [value] }
        for item in items {
          guard case .string(let word) = item, let key = InputEvent.Key(named: word) else {
            throw fail(
              path,
              "\(item.shown), expected a key: one printable character, ctrl-a to ctrl-y, or "
                + InputEvent.Key.names.map(\.name).joined(separator: ", "))
          }
          keys.append(key)
        }
        guard !keys.isEmpty else { throw fail(path, "no key, expected at least one") }
        bindings = bindings.map { $0.action == action && $0.isOutsideModes ? $0.with(keys) : $0 }
        isRebound.insert(action)
      default: throw fail(path, "no such setting, expected theme, glyphs or a table [keys]")
      }
    }
    for binding in bindings where isRebound.contains(binding.action) && binding.isOutsideModes {
      guard let key = binding.keys.first(where: { key in bindings.contains { $0.takes(key, from: binding) } }),
        let other = bindings.first(where: { $0.takes(key, from: binding) })
      else { continue }
      let name = Self.actions.first { $0.action == binding.action }?.name ?? ""
      throw fail(["keys", name], "\(key.name) is taken: \(other.description)")
    }

    func line(_ path: [String]) -> Int { document.lines[path] ?? .max }
  }

  /// `[keys]` one by one, the rest as it is.
  private static func flattened(_ name: String, _ value: TOMLNode) -> [([String], TOMLNode)] {
    guard name == "keys", case .table(let entries) = value else { return [([name], value)] }
    return entries.map { ([name, $0], $1) }
  }

  /// What the actions are called in the file. Those that are not here keep their keys.
  static let actions: [(name: String, action: Action)] = [
    ("pause", .pauseOrResume), ("step", .stepOnce), ("previous-parameter", .choose(-1)), ("next-parameter", .choose(1)),
    ("raise", .change(up: true)), ("lower", .change(up: false)), ("undo", .undo), ("history-back", .scrub(-1)),
    ("history-forth", .scrub(1)), ("live", .live), ("zoom", .zoom), ("filter", .editFilter),
    ("ranks", .focus(.ranks)), ("importance", .focus(.importance)), ("budget", .focus(.budget)),
    ("training", .focus(.training)), ("triplet", .focus(.triplet)), ("events", .focus(.events)),
    ("next-panel", .focusNext), ("previous-panel", .focusPrevious), ("left", .move(dx: -1, dy: 0)),
    ("down", .move(dx: 0, dy: 1)), ("up", .move(dx: 0, dy: -1)), ("right", .move(dx: 1, dy: 0)),
    ("page-up", .page(-1)), ("page-down", .page(1)), ("first", .first), ("last", .last), ("command", .commandLine),
    ("back", .back), ("help", .help), ("quit", .quit), ("export", .export), ("checkpoint", .checkpoint),
    ("fork", .fork), ("rewind", .rewind), ("fold", .toggleFold), ("order", .toggleOrder), ("quantity", .nextQuantity),
    ("time", .toggleTime), ("log-y", .toggleLogarithm), ("next-shadow", .nextShadow),
  ]
}

extension Binding {
  fileprivate var isOutsideModes: Bool {
    switch context {
    case .anywhere, .panel: true
    case .help, .commandLine, .filter, .quitting, .halted: false
    }
  }

  fileprivate func with(_ keys: [InputEvent.Key]) -> Binding {
    Binding(context, keys, keys.map(\.name).joined(separator: " "), short, description, action, unless: reason)
  }

  /// Whether a key that `other` wants is this binding's where both could be meant.
  fileprivate func takes(_ key: InputEvent.Key, from other: Binding) -> Bool {
    guard isOutsideModes, action != other.action, keys.contains(key) else { return false }
    return context == other.context || context == .anywhere || other.context == .anywhere
  }
}

extension InputEvent.Key {
  /// Keys that are not a character of their own.
  static let names: [(name: String, key: InputEvent.Key)] = [
    ("space", " "), ("tab", .tab), ("shift-tab", .backTab), ("enter", .enter), ("esc", .escape), ("up", .up),
    ("down", .down), ("left", .left), ("right", .right), ("home", .home), ("end", .end), ("page-up", .pageUp),
    ("page-down", .pageDown), ("backspace", .backspace), ("delete", .delete),
  ]

  /// The key that a word means; nil where it means none.
  init?(named word: String) {
    let scalars = Array(word.unicodeScalars)
    if let found = Self.names.first(where: { $0.name == word }) {
      self = found.key
    } else if scalars.count == 1, scalars[0].value > 32, scalars[0].value != 127 {
      self = .character(scalars[0])
    } else if word.hasPrefix("ctrl-"), scalars.count == 6, ("a"..."y").contains(scalars[5]) {
      self = .control(scalars[5])
    } else {
      return nil
    }
  }

  /// How the file, the footer and the help write it.
  var name: String {
    if let found = Self.names.first(where: { $0.key == self }) { return found.name }
    return switch self {
    case .character(let scalar): String(Character(scalar))
    case .control(let scalar): "ctrl-" + String(Character(scalar))
    default: ""
    }
  }
}
