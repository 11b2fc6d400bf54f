// The one table of a run's dashboard's keys: it drives dispatch, the footer, the help and what is said of a key that cannot work now.

import Training

/// Where a key has its meaning.
public enum BindingContext: Sendable, Hashable {
  /// Every panel.
  case anywhere
  case panel(Panel)
  case help, commandLine, filter, quitting, halted
}

public typealias Binding = KeyBinding<DashboardState, BindingContext, Action>

public enum Bindings {
  public static let table: [Binding] = panels + training + looking + program + saving + modes

  // MARK: In one panel

  private static let panels: [Binding] = [
    Binding(
      .panel(.ranks), ["f"], "f", "fold", "fold layers that have no room into fewer rows of sums, and unfold them",
      .toggleFold, unless: { $0.reasonAgainstFolding }),
    Binding(
      .panel(.importance), ["o"], "o", "order", "triplets sorted by value, or in natural order", .toggleOrder,
      unless: { $0.hasFixedRank ? Reason.noAllocation : $0.isOverTime ? "only over triplets (t)" : nil }),
    Binding(
      .panel(.importance), ["v"], "v", "quantity", "next quantity: S, Ī, Ū, |λ|", .nextQuantity,
      unless: { $0.hasFixedRank ? Reason.noAllocation : nil }),
    Binding(
      .panel(.importance), ["t"], "t", "time", "module × triplet, or module × time", .toggleTime,
      unless: { $0.hasFixedRank ? Reason.noAllocation : nil }),
    Binding(.panel(.training), ["y"], "y", "log-y", "logarithmic or linear axis", .toggleLogarithm),
  ]

  // MARK: Hands on the run

  private static let training: [Binding] = [
    Binding(
      .anywhere, [" "], "space", "pause", "pause, or resume", .pauseOrResume,
      unless: { $0.reasonAgainstPauseOrResume }),
    Binding(
      .anywhere, ["n"], "n", "step", "one step while paused (:step 10 for more)", .stepOnce,
      unless: { $0.reasonAgainst(.step(count: 1)) }),
    Binding(.anywhere, ["["], "[", "", "choose the previous of β₁ β₂ γ η ΔT target", .choose(-1), unless: onlyRate),
    Binding(.anywhere, ["]"], "]", "pick", "choose the next of β₁ β₂ γ η ΔT target", .choose(1), unless: onlyRate),
    Binding(
      .anywhere, ["+", "="], "+", "up", "raise the chosen one", .change(up: true),
      unless: { changeReason($0, up: true) }),
    Binding(
      .anywhere, ["-", "_"], "-", "down", "lower the chosen one", .change(up: false),
      unless: { changeReason($0, up: false) }),
    Binding(
      .anywhere, ["u"], "u", "undo", "take back the last change, as a new one", .undo,
      unless: { $0.reasonAgainst(.undo) }),
  ]

  // MARK: Looking around

  private static let looking: [Binding] = [
    Binding(.anywhere, ["<", ","], "<", "history", "back through the recorded history", .scrub(-1), unless: noHistory),
    Binding(
      .anywhere, [">", "."], ">", "forth", "forth through the recorded history", .scrub(1),
      unless: { noHistory($0) ?? ($0.scrubbedStep == nil ? "this is the newest step" : nil) }),
    Binding(
      .anywhere, ["g"], "g", "live", "back to live", .live,
      unless: { $0.scrubbedStep == nil ? "this is live" : nil }),
    Binding(
      .anywhere, ["w"], "w", "what if", "beside it what the next of the :whatif rules would keep, and none",
      .nextShadow, unless: { $0.frame?.shadows.isEmpty ?? true ? Reason.noShadow : nil }),
    Binding(.anywhere, [.enter, "z"], "z", "zoom", "zoom the focused panel, and back (enter too)", .zoom),
    Binding(.anywhere, ["/"], "/", "filter", "filter modules (layer.3, query)", .editFilter),
    Binding(.anywhere, ["1"], "1", "", "focus Ranks", .focus(.ranks)),
    Binding(.anywhere, ["2"], "2", "", "focus Importance", .focus(.importance)),
    Binding(.anywhere, ["3"], "3", "", "focus Budget", .focus(.budget)),
    Binding(.anywhere, ["4"], "4", "", "focus Training", .focus(.training)),
    Binding(.anywhere, ["5"], "5", "", "focus Triplet", .focus(.triplet)),
    Binding(.anywhere, ["6"], "6", "", "focus Events", .focus(.events)),
    Binding(.anywhere, [.tab], "tab", "panel", "focus the next panel", .focusNext),
    Binding(.anywhere, [.backTab], "shift-tab", "", "focus the previous panel", .focusPrevious),
    Binding(
      .anywhere, [.left, "h"], "h ←", "", "selection left; in Budget and Training back in time",
      .move(dx: -1, dy: 0)),
    Binding(.anywhere, [.down, "j"], "j ↓", "", "selection down; in Events towards the newest", .move(dx: 0, dy: 1)),
    Binding(.anywhere, [.up, "k"], "k ↑", "", "selection up; in Events towards the oldest", .move(dx: 0, dy: -1)),
    Binding(
      .anywhere, [.right, "l"], "l →", "", "selection right; in Budget and Training forth in time",
      .move(dx: 1, dy: 0)),
    Binding(.anywhere, [.pageUp], "page up", "", "a page up", .page(-1)),
    Binding(.anywhere, [.pageDown], "page down", "", "a page down", .page(1)),
    Binding(.anywhere, [.home], "home", "", "to the first", .first),
    Binding(.anywhere, [.end], "end", "", "to the last", .last),
  ]

  // MARK: The program

  private static let program: [Binding] = [
    Binding(.anywhere, [":"], ":", "command", "command line, with completion (tab) and history", .commandLine),
    Binding(.anywhere, [.escape], "esc", "", "back out one level: zoom, history, filter", .back),
    Binding(.anywhere, ["?"], "?", "help", "explain the focused panel and list every key", .help),
    Binding(.anywhere, ["q"], "q", "quit", "quit, asked first while training", .quit),
    Binding(
      .anywhere, [.control("c")], "ctrl-c", "", "as q; a second one ends at once and keeps the adapter",
      .interrupt),
    Binding(.anywhere, [.control("z")], "ctrl-z", "", "suspend; fg comes back", .suspend),
  ]

  // MARK: Saving

  private static let saving: [Binding] = [
    Binding(
      .anywhere, ["e"], "e", "export", "export a snapshot; the message says the folder", .export,
      unless: { $0.reasonAgainst(.export(formats: [])) }),
    Binding(
      .anywhere, ["s"], "s", "checkpoint", "write a checkpoint", .checkpoint, unless: { $0.reasonAgainst(.checkpoint) }
    ),
    Binding(
      .anywhere, ["F"], "F", "fork", "fork a new run from the shown step", .fork,
      unless: { $0.reasonAgainst(.fork(step: $0.shownStepsDone)) }),
    Binding(
      .anywhere, ["U"], "U", "rewind", "rewind to before the last change", .rewind,
      unless: { $0.reasonAgainst(.rewind) }),
  ]

  // MARK: While something is open

  private static let modes: [Binding] = [
    Binding(.help, [.escape, "q", "?", .enter], "esc", "close", "close the help", .close),
    Binding(.help, [.down, "j"], "j ↓", "scroll", "scroll down", .scrollHelp(1)),
    Binding(.help, [.up, "k"], "k ↑", "", "scroll up", .scrollHelp(-1)),
    Binding(.help, [.pageDown, " "], "page down", "page", "a page down", .scrollHelp(10)),
    Binding(.help, [.pageUp], "page up", "", "a page up", .scrollHelp(-10)),
    Binding(.help, [.tab, .right, "l"], "tab", "next panel", "explain the next panel", .explain(1)),
    Binding(.help, [.backTab, .left, "h"], "shift-tab", "", "explain the previous panel", .explain(-1)),
    Binding(.help, [.control("c")], "ctrl-c", "", "as q", .interrupt),
    Binding(.commandLine, [.enter], "enter", "do it", "do it", .submit),
    Binding(.commandLine, [.tab], "tab", "complete", "complete the word; again: the next candidate", .complete(1)),
    Binding(.commandLine, [.backTab], "shift-tab", "", "the previous candidate", .complete(-1)),
    Binding(.commandLine, [.up], "↑", "earlier", "an earlier command", .recall(-1)),
    Binding(.commandLine, [.down], "↓", "", "a later command", .recall(1)),
    Binding(.commandLine, [.escape], "esc", "leave", "leave the command line", .close),
    Binding(.commandLine, [.control("c")], "ctrl-c", "", "leave the command line", .close),
    Binding(.filter, [.enter], "enter", "keep", "keep the filter", .submit),
    Binding(.filter, [.escape], "esc", "as before", "the filter as it was before", .close),
    Binding(.filter, [.control("c")], "ctrl-c", "", "the filter as it was before", .close),
    Binding(
      .quitting, ["b"], "b", "background", "finish in the background", .quitWith(.background),
      unless: { $0.reasonAgainstBackground }),
    Binding(.quitting, ["s", "y"], "s", "stop, keep", "stop and keep the adapter", .quitWith(.keep)),
    Binding(.quitting, ["d"], "d", "discard", "stop and discard the adapter", .quitWith(.discard)),
    Binding(.quitting, [.escape, "n", "c", "q"], "esc", "cancel", "go on training", .quitWith(.cancel)),
    Binding(.quitting, [.down, .right, .tab, "j", "l"], "↓", "", "the next answer", .moveChoice(1)),
    Binding(.quitting, [.up, .left, .backTab, "k", "h"], "↑", "", "the previous answer", .moveChoice(-1)),
    Binding(.quitting, [.enter], "enter", "choose", "take the marked answer", .confirm),
    Binding(.quitting, [.control("c")], "ctrl-c", "end now", "end at once and keep the adapter", .interrupt),
    Binding(
      .halted, ["y"], "y", "recover", "go on from the last checkpoint with half the learning rate", .haltWith(.recover),
      unless: { $0.reasonAgainst(.recover(learningRate: nil)) }),
    Binding(
      .halted, ["r", ":"], "r", "other rate", "go on with another learning rate", .haltWith(.otherRate),
      unless: { $0.reasonAgainst(.recover(learningRate: nil)) }),
    Binding(.halted, ["q"], "q", "quit, keep", "quit; the run stays as it is saved", .haltWith(.quit)),
    Binding(.halted, [.escape, "l"], "esc", "look", "look around; space asks again", .haltWith(.look)),
    Binding(.halted, [.down, .right, .tab, "j"], "↓", "", "the next answer", .moveChoice(1)),
    Binding(.halted, [.up, .left, .backTab, "k", "h"], "↑", "", "the previous answer", .moveChoice(-1)),
    Binding(.halted, [.enter], "enter", "choose", "take the marked answer", .confirm),
    Binding(.halted, [.control("c")], "ctrl-c", "end now", "end at once; the run stays as it is saved", .interrupt),
  ]

  // MARK: Look-ups

  /// The context that the keys have in a mode; in the normal mode the focused panel's own keys come first.
  static func contexts(_ state: DashboardState) -> [BindingContext] {
    switch state.mode {
    case .normal: [.panel(state.focus), .anywhere]
    case .help: [.help]
    case .command: [.commandLine]
    case .filter: [.filter]
    case .quitting: [.quitting]
    case .halted: [.halted]
    }
  }

  /// What a key is bound to now.
  static func binding(for key: InputEvent.Key, in state: DashboardState) -> Binding? {
    state.configuration.bindings.binding(for: key, in: contexts(state))
  }

  /// For a key that only another panel knows: where it works.
  static func elsewhere(_ key: InputEvent.Key, in state: DashboardState) -> String? {
    for binding in state.configuration.bindings where binding.keys.contains(key) {
      if case .panel(let panel) = binding.context {
        return "\(binding.label) works in \(panel.title) (\(panel.rawValue))"
      }
    }
    return nil
  }

  /// What works now, for the footer: the focused panel's own first.
  static func footer(_ state: DashboardState) -> [Binding] {
    state.configuration.bindings.footer(of: contexts(state), state)
  }

  // MARK: Reasons

  @Sendable private static func onlyRate(_ state: DashboardState) -> String? {
    Hyperparameter.allCases.contains { $0 != .learningRate && state.steers($0) }
      ? nil : "\(Reason.noAllocation); only η can change"
  }

  @Sendable private static func noHistory(_ state: DashboardState) -> String? {
    state.frame?.history.isEmpty ?? true ? "no history yet" : nil
  }

  private static func changeReason(_ state: DashboardState, up: Bool) -> String? {
    if let reason = state.reasonAgainstChanging(state.chosen) { return reason }
    guard let value = state.wantedValue(of: state.chosen) else { return Reason.noRun }
    if state.chosen.stepped(value, up: up, initialRank: state.initialRank) != nil { return nil }
    return "\(state.chosen.symbol) \(state.chosen.text(value)) cannot go \(up ? "higher" : "lower")"
  }
}
