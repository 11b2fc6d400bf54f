// Where a training writes what it does, beside its run's folder.

import ArgumentParser
import Foundation
import Models
import Training

/// What every command that trains can be told to write.
struct OutputArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Write one JSON object a step.", valueName: "file"))
  var trace: String?

  @Option(
    help: ArgumentHelp("Write events for TensorBoard into a folder of the run's name in here.", valueName: "dir"))
  var tensorboard: String?

  func validate() throws {
    if tensorboard == "" { throw ValidationError("--tensorboard: expected a folder") }
  }

  /// What writes `session`'s events; nil where none are asked for.
  func tensorBoard(_ session: Session) throws(InputError) -> TensorBoardRun? {
    guard let tensorboard else { return nil }
    let run = session.description
    let board = try TensorBoardRun(
      folder: tensorboard + "/" + run.run, description: run, from: session.trainer.stepsDone)
    session.onGoBack = { board.restart(from: $0) }
    return board
  }
}
