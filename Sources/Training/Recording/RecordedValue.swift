// Values out of a database that anybody may have written: whatever they are, reading them ends in a value or an error.

import Foundation
import GRDB
import Models

/// One row, with what its columns must be.
struct RecordedRow {
  let row: Row
  /// For errors: the file and the table.
  let path: String
  let table: String

  private func value(_ column: String) throws(InputError) -> DatabaseValue {
    guard row.hasColumn(column) else { throw wrong(column, "missing") }
    return row[column] as DatabaseValue
  }

  private func wrong(_ column: String, _ message: String) -> InputError {
    InputError(file: path, place: "\(table).\(column)", message)
  }

  /// Of a column that may be NULL.
  func optionalInteger(_ column: String, in range: ClosedRange<Int>) throws(InputError) -> Int? {
    switch try value(column).storage {
    case .null: return nil
    case .int64(let integer):
      guard let integer = Int(exactly: integer), range.contains(integer) else {
        throw wrong(column, "\(integer), expected \(range.lowerBound) to \(range.upperBound)")
      }
      return integer
    default: throw wrong(column, "expected an integer")
    }
  }

  func integer(_ column: String, in range: ClosedRange<Int>) throws(InputError) -> Int {
    guard let integer = try optionalInteger(column, in: range) else { throw wrong(column, "expected an integer") }
    return integer
  }

  /// Of a column that may be NULL.
  func optionalNumber(_ column: String) throws(InputError) -> Double? {
    switch try value(column).storage {
    case .null: return nil
    case .int64(let integer): return Double(integer)
    case .double(let number): return number
    default: throw wrong(column, "expected a number")
    }
  }

  /// NaN where it is NULL, as the numbers are written that are not finite.
  func number(_ column: String) throws(InputError) -> Double { try optionalNumber(column) ?? .nan }

  func optionalText(_ column: String) throws(InputError) -> String? {
    switch try value(column).storage {
    case .null: return nil
    case .string(let text): return text
    default: throw wrong(column, "expected text")
    }
  }

  func text(_ column: String) throws(InputError) -> String {
    guard let text = try optionalText(column) else { throw wrong(column, "expected text") }
    return text
  }

  func blob(_ column: String) throws(InputError) -> Data? {
    switch try value(column).storage {
    case .null: return nil
    case .blob(let data): return data
    default: throw wrong(column, "expected a BLOB")
    }
  }
}

extension StepRecord {
  static let columns = """
    s.step, s.loss, s.task_loss, s.orth, s.grad_norm, s.lr, s.beta1, s.beta2, s.orth_reg_weight, s.deltaT, s.target_r,
    s.budget, s.kept, s.nonzero, s.threshold, s.tokens, s.step_ms, e.step AS eval_step, e.loss AS eval_loss,
    e.accuracy AS eval_accuracy, e.matthews AS eval_matthews, e.f1 AS eval_f1
    """
  /// Steps with their evaluations; to be followed by a condition on `s.step`.
  static let selection =
    "SELECT \(columns) FROM step s LEFT JOIN evaluation e ON e.step = s.step AND e.split = 'eval' WHERE "

  init(_ row: RecordedRow) throws(InputError) {
    func count(_ column: String) throws(InputError) -> Int {
      try row.optionalInteger(column, in: 0...RecordedLimits.number) ?? 0
    }
    self.init(
      step: try row.integer("step", in: 0...RecordedLimits.step), loss: try row.number("loss"),
      taskLoss: try row.number("task_loss"), orth: try row.number("orth"), gradNorm: try row.number("grad_norm"),
      lr: try row.number("lr"), beta1: try row.number("beta1"), beta2: try row.number("beta2"),
      orthRegWeight: try row.number("orth_reg_weight"), deltaT: try count("deltaT"),
      targetR: try row.number("target_r"), budget: try count("budget"), kept: try count("kept"),
      nonzero: try count("nonzero"), threshold: try row.optionalNumber("threshold"), tokens: try count("tokens"),
      stepMs: try row.number("step_ms"), eval: nil)
    if try row.optionalInteger("eval_step", in: 0...RecordedLimits.step) != nil {
      eval = Evaluation(
        loss: try row.number("eval_loss"), accuracy: try row.optionalNumber("eval_accuracy"),
        matthews: try row.optionalNumber("eval_matthews"), f1: try row.optionalNumber("eval_f1"))
    }
  }
}

/// What a database may ask of memory and time.
enum RecordedLimits {
  /// Steps, and counts of tokens or triplets.
  static let step = 1 << 40
  static let number = 1 << 40
  static let modules = 65_536
  static let rank = 65_536
  static let triplets = 1 << 20
  /// Bytes of the longest value.
  static let value = 32 << 20
  /// Characters of a text that is shown.
  static let text = 4096
  static let events = 400
  static let interventions = 10_000
  static let schedules = 10_000
  /// Points of the history on its grid, and evaluations besides.
  static let points = 1024
  /// Bytes of all triplets in the history.
  static let history = 96 << 20
}
