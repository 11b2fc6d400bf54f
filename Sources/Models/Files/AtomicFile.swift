// Files that are there whole or not at all.

import Glibc

/// Writes a file under a temporary name in the same folder, syncs it to disk and renames it: a reader, or a crash, finds
/// the old contents or the new.
public enum AtomicFile {
  /// - Throws: of kind `unwritable`, with the system's reason; nothing is left behind then.
  public static func write(_ text: String, to path: String) throws(InputError) {
    try write(Array(text.utf8), to: path)
  }

  public static func write(_ bytes: [UInt8], to path: String) throws(InputError) {
    try write(to: path) { (output) throws(InputError) in
      try bytes.withUnsafeBufferPointer { (buffer) throws(InputError) in
        try output.write(UnsafeRawBufferPointer(buffer))
      }
    }
  }

  /// Where the contents of a file go while it is written.
  public struct Output {
    private let descriptor: Int32
    private let path: String

    /// - Parameter path: of what `descriptor` is open on, for errors.
    package init(descriptor: Int32, path: String) {
      self.descriptor = descriptor
      self.path = path
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count >= 0 {
          rest = rest.dropFirst(count)
        } else if errno != EINTR {
          throw AtomicFile.failure(path)
        }
      }
    }
  }

  /// Writes piece by piece.
  public static func write(to path: String, _ body: (Output) throws(InputError) -> Void) throws(InputError) {
    let (descriptor, temporary) = try create(beside: path)
    var isOpen = true
    do throws(InputError) {
      try body(Output(descriptor: descriptor, path: path))
      guard fsync(descriptor) == 0 else { throw failure(path) }
      isOpen = false
      guard close(descriptor) == 0, rename(temporary, path) == 0 else { throw failure(path) }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    syncFolder(of: path)
  }

  /// Copies a file's bytes as they are now.
  public static func copy(_ source: String, to path: String) throws(InputError) {
    let file = try MappedFile(path: source)
    try write(to: path) { (output) throws(InputError) in try output.write(file.bytes) }
  }

  private static func create(beside path: String) throws(InputError) -> (descriptor: Int32, name: String) {
    while true {
      let name = "\(path).\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 16)).tmp"
      let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, name) }
      guard errno == EEXIST || errno == EINTR else { throw failure(path) }
    }
  }

  /// Makes the new name itself durable. Some file systems cannot, which is no reason to fail.
  package static func syncFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// Why `path` cannot be written, by `errno`.
  package static func failure(_ path: String) -> InputError {
    InputError(.unwritable, file: path, "cannot be written: \(String(cString: strerror(errno)))")
  }
}
