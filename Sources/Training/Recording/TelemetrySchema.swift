// The tables of a run's database, and how SQLite's complaints are worded.

import Foundation
import GRDB
import Models

/// The schema of `telemetry.sqlite`. What each column holds is told in the README; version 1 is the first.
enum TelemetrySchema {
  /// "RKTP".
  static let database = DatabaseSchema(
    owner: "a run's", applicationID: 0x524B_5450,
    tables: [
      "meta", "module", "step", "rank", "triplets", "schedule", "evaluation", "intervention", "event", "live",
    ], steps: steps)

  private static let steps = [
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE module (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, layer INTEGER, type TEXT NOT NULL, output_size INTEGER NOT NULL,
      input_size INTEGER NOT NULL, planted_rank INTEGER) STRICT;
    CREATE TABLE step (
      step INTEGER PRIMARY KEY, loss REAL, task_loss REAL, orth REAL, grad_norm REAL, lr REAL, beta1 REAL, beta2 REAL,
      orth_reg_weight REAL, deltaT INTEGER, target_r REAL, budget INTEGER, kept INTEGER, nonzero INTEGER,
      threshold REAL, tokens INTEGER, step_ms REAL, learning_rate REAL) STRICT;
    CREATE TABLE rank (
      step INTEGER, module INTEGER, kept INTEGER NOT NULL, nonzero INTEGER NOT NULL, PRIMARY KEY (step, module)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE triplets (
      step INTEGER PRIMARY KEY, kept BLOB, score BLOB NOT NULL, lambda BLOB, lambda_part BLOB, p_part BLOB, q_part BLOB,
      sensitivity BLOB, smoothed BLOB, uncertainty BLOB, orth BLOB, masked INTEGER NOT NULL) STRICT;
    CREATE TABLE schedule (
      step INTEGER PRIMARY KEY, initial_budget INTEGER, target_budget INTEGER, tinit INTEGER, tfinal INTEGER,
      deltaT INTEGER, total_step INTEGER, anchors TEXT) STRICT;
    CREATE TABLE evaluation (
      step INTEGER, split TEXT, loss REAL, accuracy REAL, matthews REAL, f1 REAL, PRIMARY KEY (step, split)) STRICT;
    CREATE TABLE intervention (
      id INTEGER PRIMARY KEY, step INTEGER NOT NULL, parameter TEXT NOT NULL, old REAL, new REAL,
      is_undo INTEGER NOT NULL, time REAL) STRICT;
    CREATE TABLE event (
      id INTEGER PRIMARY KEY, step INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, time REAL) STRICT;
    CREATE TABLE live (
      id INTEGER PRIMARY KEY CHECK (id = 0), state TEXT NOT NULL, reason TEXT, steps_done INTEGER, pid INTEGER,
      updated REAL, tokens_per_s REAL, eta REAL, beta1 REAL, beta2 REAL, orth_reg_weight REAL, learning_rate REAL,
      target_r REAL, deltaT INTEGER, triplets BLOB) STRICT;
    """
  ]

  /// The tables whose rows belong to a step.
  static let tablesByStep = ["step", "rank", "triplets", "schedule", "evaluation", "intervention", "event"]
}

extension InputError {
  /// What SQLite says of a database, in one sentence.
  init(_ error: any Error, database path: String, writing: Bool) {
    if let error = error as? InputError {
      self = error
    } else {
      let code = (error as? DatabaseError)?.resultCode
      let isDamage = code == .SQLITE_NOTADB || code == .SQLITE_CORRUPT
      self.init(
        writing && !isDamage ? .unwritable : .malformed, file: path,
        (writing && !isDamage ? "cannot be written: " : "cannot be read: ") + Self.reason(error))
    }
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DatabaseError else { return String(describing: error) }
    return switch error.resultCode {
    case .SQLITE_FULL: "the disk is full"
    case .SQLITE_IOERR: "the disk does not answer as it should (\(error.extendedResultCode.rawValue))"
    case .SQLITE_CANTOPEN: "the file or one beside it cannot be opened"
    case .SQLITE_BUSY, .SQLITE_LOCKED: "another program holds a lock on it"
    case .SQLITE_READONLY: "it may only be read"
    case .SQLITE_PERM: "there is no permission"
    case .SQLITE_NOTADB: "not an SQLite database"
    case .SQLITE_CORRUPT: "the database is damaged"
    case .SQLITE_TOOBIG: "a value is too large"
    case .SQLITE_NOMEM: "there is not enough memory"
    default: error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    }
  }
}
