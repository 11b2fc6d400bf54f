import Foundation
import Testing

@testable import Models

@Suite("A folder that is written whole")
struct AtomicFolderTests {
  private func write(_ path: String, _ collision: AtomicFolder.Collision = .next) throws -> String {
    try AtomicFolder.write(to: path, whenTaken: collision) { (folder) throws(InputError) in
      try AtomicFile.write("x", to: folder + "/file")
    }
  }

  @Test("folders above it are made, and a trailing slash means nothing")
  func parents() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    #expect(try write(top + "/a/b/c/") == top + "/a/b/c/")
    #expect(try FileManager.default.contentsOfDirectory(atPath: top + "/a/b") == ["c"])
  }

  @Test("a taken name, be it a folder's, an empty folder's or a file's, gets the next number")
  func next() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    try FileManager.default.createDirectory(atPath: top + "/a", withIntermediateDirectories: true)
    try AtomicFile.write("y", to: top + "/a-2")
    #expect(try write(top + "/a") == top + "/a-3")
  }

  @Test("where a name must be free an empty folder is, a full one and a file are not")
  func refuse() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    try FileManager.default.createDirectory(atPath: top + "/a", withIntermediateDirectories: true)
    #expect(try write(top + "/a", .refuse) == top + "/a")
    let error = #expect(throws: InputError.self) { try write(top + "/a", .refuse) }
    #expect(error?.kind == .unwritable)
    try AtomicFile.write("y", to: top + "/file")
    #expect(throws: InputError.self) { try write(top + "/file", .refuse) }
    #expect(throws: InputError.self) { try write(top + "/file/below") }
  }

  @Test("a copy has everything below the source")
  func copy() throws {
    let folder = try TemporaryFolder()
    let top = folder.path
    try FileManager.default.createDirectory(atPath: top + "/a/inner", withIntermediateDirectories: true)
    try AtomicFile.write("1", to: top + "/a/one")
    try AtomicFile.write("2", to: top + "/a/inner/two")
    #expect(try AtomicFolder.copy(top + "/a", to: top + "/b", whenTaken: .refuse) == top + "/b")
    #expect(try String(contentsOfFile: top + "/b/inner/two", encoding: .utf8) == "2")
    #expect(try String(contentsOfFile: top + "/b/one", encoding: .utf8) == "1")
    #expect(try FileManager.default.contentsOfDirectory(atPath: top).sorted() == ["a", "b"])
  }
}
