// What libraries print must not appear over the screen.

import Glibc

/// Descriptors 1 and 2, pointed to a file for a time.
struct RedirectedOutputs {
  private let saved: [(descriptor: Int32, copy: Int32)]

  /// Appends what is printed from now on to the file `path`; it is lost when that cannot be opened.
  init(to path: String) {
    fflush(nil)
    var file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    if file < 0 { file = open("/dev/null", O_WRONLY | O_CLOEXEC) }
    saved = [STDOUT_FILENO, STDERR_FILENO].map { descriptor in
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 10)
      dup2(file, descriptor)
      return (descriptor, copy)
    }
    close(file)
  }

  /// Points them back; once.
  func restore() {
    fflush(nil)
    for (descriptor, copy) in saved {
      dup2(copy, descriptor)
      close(copy)
    }
  }
}
