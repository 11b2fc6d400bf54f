// Files written whole or not at all.

import Foundation
import Testing

@testable import Models

@Suite("AtomicFile")
struct AtomicFileTests {
  private func contents(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test("a file is written, replaced, and nothing else is left in the folder")
  func replaces() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.txt"
    try AtomicFile.write("one\n", to: path)
    #expect(try contents(path) == "one\n")
    try AtomicFile.write(Array("zwei é\n".utf8), to: path)
    #expect(try contents(path) == "zwei é\n")
    try AtomicFile.write("", to: path)
    #expect(try contents(path).isEmpty)
    #expect(folder.entries == ["a.txt"])
  }

  @Test("a failure while writing leaves the old file and no other")
  func keepsOld() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", "a.txt")
    #expect(
      failure { () throws(InputError) in
        try AtomicFile.write(to: path) { (output) throws(InputError) in
          try [UInt8](repeating: 7, count: 100).withUnsafeBufferPointer { (bytes) throws(InputError) in
            try output.write(UnsafeRawBufferPointer(bytes))
          }
          throw InputError(file: path, "stopped")
        }
      } == "a.txt: stopped")
    #expect(try contents(path) == "old")
    #expect(folder.entries == ["a.txt"])
  }

  @Test("an output that cannot be written names its path and the system's reason")
  func unwritable() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/none/a.txt"
    do throws(InputError) {
      try AtomicFile.write("x", to: path)
      Issue.record("written into a folder that is not there")
    } catch {
      #expect(error == InputError(.unwritable, file: path, "cannot be written: No such file or directory"))
      #expect(error.kind.rawValue == 73)
    }
    try FileManager.default.createDirectory(atPath: folder.path + "/d", withIntermediateDirectories: false)
    #expect(
      failure { () throws(InputError) in try AtomicFile.write("x", to: folder.path + "/d") }
        == "d: cannot be written: Is a directory")
    #expect(folder.entries == ["d"])
  }
}
