// What a key can do.

public enum Action: Sendable, Hashable {
  case focus(Panel)
  case focusNext, focusPrevious
  case move(dx: Int, dy: Int)
  /// A page down (+1) or up (−1).
  case page(Int)
  case first, last
  case zoom
  case pauseOrResume, stepOnce
  /// To the next (+1) or previous (−1) hyper-parameter, and its value up or down.
  case choose(Int)
  case change(up: Bool)
  case undo
  case editFilter
  /// Through the recorded history, back (−1) or forth (+1).
  case scrub(Int)
  case live
  /// To the next shadow, and after the last to none.
  case nextShadow
  case checkpoint, export, fork, rewind
  case toggleFold, toggleOrder, nextQuantity, toggleTime, toggleLogarithm
  case back
  case commandLine
  case help
  case quit, interrupt, suspend

  // In the help, the command line, the filter and the question.
  case close
  case scrollHelp(Int)
  case explain(Int)
  case submit
  case complete(Int)
  case recall(Int)
  case quitWith(QuitChoice)
  case moveChoice(Int)
  case confirm
  /// An answer to how a halted run goes on.
  case haltWith(HaltChoice)
}
