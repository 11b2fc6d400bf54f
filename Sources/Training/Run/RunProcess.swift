// A run that is trained by a process of its own: this program again, without a terminal.

import Foundation
import Models

public enum RunProcess {
  /// POSIX_SPAWN_SETSID, which Swift does not import: the child leaves the terminal's session, so that neither its keys
  /// nor its end reach it.
  private static let newSession: Int32 = 0x80

  /// Starts `ranktop resume` on a run's folder; it outlives this process. A process with threads must not be forked, so
  /// the program is started anew.
  /// - Parameter output: name of the file in the folder to which all it says is appended.
  @discardableResult
  public static func start(_ folder: RunFolder, output: String) throws(InputError) -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(newSession | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, folder.path + "/" + output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    let words = ["ranktop", "resume", folder.path, "--headless"]
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &arguments, environ)
    guard code == 0 else {
      throw InputError(
        .unwritable, file: folder.path, "cannot be trained by a process of its own: \(String(cString: strerror(code)))")
    }
    return process
  }

  /// How a child that has ended did so: its exit status, or the signal that ended it. nil while it goes on.
  enum Ending: Equatable {
    case status(Int32)
    case signal(Int32)
  }

  static func ending(of process: pid_t) -> Ending? {
    var status: Int32 = 0
    let found = waitpid(process, &status, WNOHANG)
    if found == 0 || found < 0 && errno == EINTR { return nil }
    // A child that is not ours to wait for any more ended in a way that nobody can tell.
    guard found == process else { return .signal(0) }
    let signal = status & 0x7F
    return signal == 0 ? .status(status >> 8 & 0xFF) : .signal(signal)
  }
}
