// Files as memory: the one place that opens and maps them.

import Glibc

/// A file's bytes, mapped read-only for as long as this lives. A file that is replaced by renaming keeps its old bytes
/// here.
package final class MappedFile: @unchecked Sendable {
  // Unchecked: the memory is never written.
  package let path: String
  package let bytes: UnsafeRawBufferPointer

  /// - Throws: where there is no such file, or it cannot be read or is no regular file.
  package init(path: String) throws(InputError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      throw InputError(
        .missing, file: path, code == ENOENT ? "no such file" : "cannot be read: \(String(cString: strerror(code)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw InputError(.missing, file: path, "\(isFolder ? "a folder" : "not a regular file"), expected a file")
    }
    // An empty file cannot be mapped.
    guard status.st_size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw InputError(.missing, file: path, "cannot be mapped: \(String(cString: strerror(errno)))")
    }
    bytes = UnsafeRawBufferPointer(start: base, count: status.st_size)
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }

  /// Whether something, file or folder, is at `path`.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
