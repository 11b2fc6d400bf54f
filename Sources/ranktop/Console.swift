// What goes to standard error: errors, progress, notes. Results go to standard output and nowhere else.

import Foundation
import Training

enum Console {
  static func error(_ text: String) { errorText("ranktop: \(text)\n") }
  static func note(_ text: String) { errorText(text + "\n") }
  static func result(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

  /// A result on a terminal, where a bar of progress may stand.
  static func line(_ text: String) { result(errorIsTerminal ? "\r\u{1B}[K" + text : text) }

  /// Text to standard error as it is.
  static func errorText(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// Progress of a headless run: a bar that redraws itself on a terminal, else a greppable line every few seconds.
final class Progress {
  private let total: Int
  private let isTerminal = Console.errorIsTerminal
  private var last = ContinuousClock.now - .seconds(60)
  private var hasBar = false

  init(total: Int) { self.total = total }

  func show(_ record: StepRecord, _ session: Session) {
    let now = ContinuousClock.now
    let isLast = record.step + 1 == total
    guard isLast || record.eval != nil || now - last >= .milliseconds(isTerminal ? 100 : 5000) else { return }
    last = now
    let done = record.step + 1
    var text = String(
      format: "step %d/%d loss %.4f R %.4f norm %.3g kept %d/%d", done, total, record.taskLoss, record.orth,
      record.gradNorm, record.kept, record.budget)
    text += String(format: " %.0f tok/s", session.tokensPerSecond)
    if let eta = session.eta { text += " ETA \(Self.duration(eta))" }
    if let eval = record.eval {
      clear()
      let metrics = eval.metrics.map { String(format: "\($0.name) %.4f", $0.value) }.joined(separator: " ")
      Console.note("step \(done) eval \(metrics)")
    }
    if isTerminal {
      let filled = total > 0 ? 20 * done / total : 20
      let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
      Console.errorText("\r\u{1B}[K[\(bar)] \(text)")
      hasBar = true
      if isLast { finish() }
    } else {
      Console.note(text)
    }
  }

  private func clear() {
    if hasBar { Console.errorText("\r\u{1B}[K") }
  }

  /// Ends the bar's line.
  func finish() {
    if hasBar { Console.errorText("\n") }
    hasBar = false
  }

  static func duration(_ seconds: Double) -> String {
    let s = Int(seconds.rounded())
    return s >= 3600
      ? String(format: "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60) : String(format: "%d:%02d", s / 60, s % 60)
  }
}
