// A run of another process that is followed, and its dashboard.

import Dashboard
import Models
import Training

struct FollowedRun {
  let frames = Mailbox<Frame> { EndRequest.wakeUp() }
  let follower: RunFollower
  private let commands: CommandFile?

  init(_ run: WatchedRun) throws(InputError) {
    commands = try run.commandFile()
    follower = try run.follow(into: frames)
  }

  /// - Parameter folder: of a run.
  init(in folder: String) throws(InputError) { try self.init(WatchedRun.find(folder, runs: ".")) }

  /// Shows it until it is left; the terminal is the caller's to restore.
  /// - Parameters:
  ///   - runs: where other runs to be shown beside it are.
  ///   - beside: frames of such a run, from the start.
  func show(
    on terminal: CursesTerminal, _ configuration: Configuration, runs: String, beside: Mailbox<Frame>? = nil
  ) -> QuitMode {
    follower.start()
    return DashboardLoop(
      terminal: terminal, mailbox: frames, beside: beside,
      openBeside: { name throws(InputError) in try WatchedRun.beside(name, runs: runs) },
      configuration: configuration,
      send: { (command) throws(InputError) in try commands?.append(command) }, suspend: { terminal.suspend() }
    ).run()
  }
}
