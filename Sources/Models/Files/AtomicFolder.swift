// Folders that are there whole or not at all.

import Foundation

/// Fills a folder under a temporary name beside its place and renames it when it is complete.
public enum AtomicFolder {
  /// What happens where the name is taken already.
  public enum Collision: Sendable {
    /// `-2`, `-3`, … is appended.
    case next
    /// An error; an empty folder counts as free.
    case refuse
  }

  /// - Parameters:
  ///   - path: the folder's place; folders above it are made if need be.
  ///   - body: fills the folder that it is given.
  /// - Returns: the folder's path as it is now.
  /// - Throws: of kind `unwritable`, or what `body` throws; nothing is left behind then.
  public static func write(
    to path: String, whenTaken collision: Collision = .next, _ body: (String) throws(InputError) -> Void
  ) throws(InputError) -> String {
    let (parent, name) = split(path)
    if collision == .refuse, !isFree(path, emptyCounts: true) { throw taken(path) }
    makeFolders(parent)
    let temporary = "\(parent)/.\(name).\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 16)).tmp"
    guard mkdir(temporary, 0o777) == 0 else { throw failure(path, errno) }
    do throws(InputError) {
      try body(temporary)
      let final = try place(temporary, path, collision)
      sync(parent)
      return final
    } catch {
      try? FileManager.default.removeItem(atPath: temporary)
      throw error
    }
  }

  /// Copies a folder and all below it, by the same rules.
  public static func copy(
    _ source: String, to path: String, whenTaken collision: Collision
  ) throws(InputError) -> String {
    try write(to: path, whenTaken: collision) { (folder) throws(InputError) in
      do {
        for entry in try FileManager.default.contentsOfDirectory(atPath: source) {
          try FileManager.default.copyItem(atPath: source + "/" + entry, toPath: folder + "/" + entry)
        }
      } catch {
        throw InputError(.unwritable, file: path, "cannot be written: \(error.localizedDescription)")
      }
    }
  }

  private static func place(
    _ temporary: String, _ path: String, _ collision: Collision
  ) throws(InputError) -> String {
    var number = 1
    while true {
      let candidate = number == 1 ? path : "\(path)-\(number)"
      if isFree(candidate, emptyCounts: collision == .refuse) {
        if rename(temporary, candidate) == 0 { return candidate }
        // Another process may have taken the name since.
        guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else { throw failure(path, errno) }
      }
      if collision == .refuse { throw taken(path) }
      number += 1
    }
  }

  private static func isFree(_ path: String, emptyCounts: Bool) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else { return true }
    guard emptyCounts, let entries = try? FileManager.default.contentsOfDirectory(atPath: path) else { return false }
    return entries.isEmpty
  }

  /// Makes a folder and those above it. What cannot be made shows when something is put there.
  private static func makeFolders(_ path: String) {
    guard mkdir(path, 0o777) != 0, errno == ENOENT else { return }
    let parent = split(path).parent
    guard parent != path else { return }
    makeFolders(parent)
    mkdir(path, 0o777)
  }

  /// The folder that holds a path, and the path's last name.
  private static func split(_ path: String) -> (parent: String, name: String) {
    var path = path[...]
    while path.count > 1, path.last == "/" { path.removeLast() }
    guard let slash = path.lastIndex(of: "/") else { return (".", String(path)) }
    return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
  }

  /// Makes the new name durable. Some file systems cannot, which is no reason to fail.
  private static func sync(_ folder: String) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private static func taken(_ path: String) -> InputError {
    InputError(.unwritable, file: path, "is there already; expected a new or an empty folder")
  }

  private static func failure(_ path: String, _ code: Int32) -> InputError {
    InputError(.unwritable, file: path, "cannot be written: \(String(cString: strerror(code)))")
  }
}
