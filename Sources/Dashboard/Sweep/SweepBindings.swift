// The one table of keys of a sweep's table.

import Training

public enum SweepContext: Sendable, Hashable {
  case table, help, filter, quitting, comparing
}

public enum SweepAction: Sendable, Hashable {
  /// So many runs down, or up.
  case move(Int)
  /// A screen of runs down (+1) or up (−1).
  case page(Int)
  case first, last
  /// By the next (+1) or previous (−1) column.
  case order(Int)
  case reverse
  case mark, markAll
  case editFilter
  case open, compare
  case back
  case help, quit, interrupt, suspend

  // While something is open.
  case close, submit
  case scrollHelp(Int)
  case stop
}

typealias SweepBinding = KeyBinding<SweepState, SweepContext, SweepAction>

enum SweepBindings {
  static let table: [SweepBinding] = [
    SweepBinding(.table, [.enter], "enter", "open", "open the run's dashboard; q comes back", .open, unless: notOpened),
    SweepBinding(.table, ["s"], "s", "sort", "sort by the next column; after the last, as they are run", .order(1)),
    SweepBinding(.table, ["S"], "S", "", "sort by the previous column", .order(-1)),
    SweepBinding(.table, ["r"], "r", "reverse", "the other way round", .reverse),
    SweepBinding(.table, ["/"], "/", "filter", "runs with these words: names, settings, seed=1, states", .editFilter),
    SweepBinding(.table, [" "], "space", "mark", "mark the run, or not, and go on to the next", .mark, unless: noRun),
    SweepBinding(.table, ["c"], "c", "compare", "how to compare the marked runs, or the whole sweep", .compare),
    SweepBinding(.table, ["a"], "a", "all", "mark all that are shown; again: none", .markAll, unless: noRun),
    SweepBinding(.table, [.down, "j"], "j ↓", "", "the next run", .move(1)),
    SweepBinding(.table, [.up, "k"], "k ↑", "", "the run before", .move(-1)),
    SweepBinding(.table, [.pageDown], "page down", "", "a page down", .page(1)),
    SweepBinding(.table, [.pageUp], "page up", "", "a page up", .page(-1)),
    SweepBinding(.table, [.home, "g"], "home", "", "to the first", .first),
    SweepBinding(.table, [.end, "G"], "end", "", "to the last", .last),
    SweepBinding(.table, [.escape], "esc", "", "back out one level: filter, marks", .back),
    SweepBinding(.table, ["?"], "?", "help", "every key", .help),
    SweepBinding(.table, ["q"], "q", "quit", "quit, asked first while runs are under way", .quit),
    SweepBinding(.table, [.control("c")], "ctrl-c", "", "as q; a second one stops the runs", .interrupt),
    SweepBinding(.table, [.control("z")], "ctrl-z", "", "suspend; fg comes back, and the runs go on", .suspend),

    SweepBinding(.help, [.escape, "q", "?", .enter], "esc", "close", "close the help", .close),
    SweepBinding(.help, [.down, "j"], "j ↓", "scroll", "scroll down", .scrollHelp(1)),
    SweepBinding(.help, [.up, "k"], "k ↑", "", "scroll up", .scrollHelp(-1)),
    SweepBinding(.help, [.control("c")], "ctrl-c", "", "close the help", .close),
    SweepBinding(.filter, [.enter], "enter", "keep", "keep the filter", .submit),
    SweepBinding(.filter, [.escape], "esc", "as before", "the filter as it was before", .close),
    SweepBinding(.filter, [.control("c")], "ctrl-c", "", "the filter as it was before", .close),
    SweepBinding(.quitting, ["s", "y"], "s", "stop", "stop the runs, each with a checkpoint, and quit", .stop),
    SweepBinding(.quitting, [.escape, "n", "q"], "esc", "go on", "go on with the sweep", .close),
    SweepBinding(.quitting, [.control("c")], "ctrl-c", "", "stop the runs and quit", .stop),
    SweepBinding(.comparing, [.escape, .enter, "q", "c"], "esc", "close", "back to the table", .close),
    SweepBinding(.comparing, [.control("c")], "ctrl-c", "", "back to the table", .close),
  ]

  /// What the groups of the table are called in the help.
  static let sections: [(title: String, context: SweepContext)] = [
    ("Keys", .table), ("In the filter", .filter), ("In the question before the end", .quitting),
    ("Where a command is shown", .comparing), ("In this help", .help),
  ]

  static func context(_ state: SweepState) -> SweepContext {
    switch state.mode {
    case .normal: .table
    case .help: .help
    case .filter: .filter
    case .quitting: .quitting
    case .comparing: .comparing
    }
  }

  @Sendable private static func noRun(_ state: SweepState) -> String? {
    state.selected == nil ? "no run is shown" : nil
  }

  @Sendable private static func notOpened(_ state: SweepState) -> String? {
    guard let run = state.selectedRun else { return "no run is shown" }
    return run.folder == nil ? "the run has not begun" : nil
  }
}
