// Databases that another process writes, or that came from anywhere, opened so that reading them does no harm.

import Foundation
import GRDB
import GRDBSQLite
import Models

enum ForeignDatabase {
  /// Opens read-only. Where even the files beside a WAL database cannot be made, in a folder that may only be read, it is
  /// taken as one that nobody writes, provided that no WAL is left to be read.
  /// - Throws: an `InputError` of kind `missing` where there is no file, and where it is no regular one; else what SQLite
  ///   says.
  static func open(_ path: String) throws -> DatabaseQueue {
    let absolute = AbsolutePath.of(path, from: ".")
    var status = stat()
    guard lstat(absolute, &status) == 0 else {
      throw InputError(.missing, file: path, String(cString: strerror(errno)))
    }
    // SQLite makes files beside a database, wherever a link leads.
    guard status.st_mode & S_IFMT == S_IFREG else { throw InputError(file: path, "not a regular file") }
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(2)
    configuration.prepareDatabase { database in
      sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_LENGTH, Int32(RecordedLimits.value))
      sqlite3_limit(database.sqliteConnection, SQLITE_LIMIT_ATTACHED, 0)
      try database.execute(sql: "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
    }
    do {
      let queue = try DatabaseQueue(path: absolute, configuration: configuration)
      _ = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") }
      return queue
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
      guard stat(absolute + "-wal", &status) != 0 || status.st_size == 0,
        let name = absolute.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed)
      else { throw error }
      return try DatabaseQueue(path: "file:\(name)?immutable=1", configuration: configuration)
    }
  }

  /// Every table must be one: a view, a virtual table or a computed column could do anything while it is read.
  static func check(_ tables: [String], of database: Database, path: String) throws {
    for table in tables {
      guard
        try Int.fetchOne(
          database,
          sql: """
            SELECT count(*) FROM sqlite_schema
            WHERE name = ? AND type = 'table' AND rootpage > 0 AND upper(sql) NOT LIKE 'CREATE VIRTUAL%'
            """, arguments: [table]) == 1
      else { throw InputError(file: path, place: table, "no such table") }
      guard
        try Int.fetchOne(
          database, sql: "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden <> 0", arguments: [table]) == 0
      else { throw InputError(file: path, place: table, "has a computed column") }
    }
  }

  /// The rows of a table `meta`, of at most 1 MB each.
  static func facts(_ database: Database, path: String) throws -> [String: String] {
    var facts: [String: String] = [:]
    let rows = try Row.fetchAll(
      database, sql: "SELECT key, value FROM meta WHERE length(key) < 200 AND length(value) <= 1000000 LIMIT 200")
    for row in rows {
      let row = RecordedRow(row: row, path: path, table: "meta")
      if let key = try row.optionalText("key") { facts[key] = try row.text("value") }
    }
    return facts
  }
}
