// The tables of a database of ours, their version, and how an older one becomes today's.

import Foundation
import GRDB
import Models

struct DatabaseSchema: Sendable {
  /// Whose databases these are, as errors say it: "a run's".
  let owner: String
  /// At byte 68 of the file.
  let applicationID: Int
  let tables: [String]
  /// Step i brings a database of version i to version i + 1. A step that has been released never changes.
  let steps: [String]

  var version: Int { steps.count }

  /// The file's version; nil where it is new and empty.
  /// - Throws: `InputError` where it is another application's or a newer version's.
  func version(of database: Database, path: String) throws -> Int? {
    let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    if application == 0, found == 0, try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") == 0 {
      return nil
    }
    guard application == applicationID else {
      throw InputError(file: path, "an SQLite database, but not \(owner): its application id is \(application)")
    }
    guard found >= 1, found <= version else {
      throw InputError(
        file: path,
        "written with version \(found) of the schema, expected \(version == 1 ? "" : "1 to ")\(version)"
          + (found > version ? "; a newer ranktop wrote it" : ""))
    }
    return found
  }

  /// Whether a database that is to be read is one of these.
  /// - Throws: `InputError` where it is empty, another application's or a newer version's, or lacks a table.
  func check(_ database: Database, path: String) throws {
    guard try version(of: database, path: path) != nil else {
      throw InputError(file: path, "an empty database, expected \(owner)")
    }
    try ForeignDatabase.check(tables, of: database, path: path)
  }

  /// Makes a database ready to be written: with a WAL, and with today's tables.
  /// - Returns: whether it is new.
  func prepare(_ database: Database, path: String) throws -> Bool {
    // Whose file it is comes before any change to it.
    let isNew = try version(of: database, path: path) == nil
    try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    try migrate(database, path: path)
    return isNew
  }

  /// Makes the tables, or brings an older version's to today's, all in one transaction.
  private func migrate(_ database: Database, path: String) throws {
    try database.inTransaction(.immediate) {
      let found = try version(of: database, path: path) ?? 0
      guard found < version else { return .rollback }
      if found == 0 { try database.execute(sql: "PRAGMA application_id = \(applicationID)") }
      for step in steps[found...] { try database.execute(sql: step) }
      try database.execute(sql: "PRAGMA user_version = \(version)")
      return .commit
    }
  }
}
