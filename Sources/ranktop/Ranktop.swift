// The command line: one file a command in Commands/.

import ArgumentParser
import Foundation
import Models
import Training

@main
struct Ranktop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ranktop",
    abstract: "Fine-tunes transformers with AdaLoRA and shows where rank goes.",
    version: "0.2.0",
    subcommands: [
      Demo.self, Train.self, Sweep.self, Resume.self, Watch.self, Replay.self, WhatIf.self, Fork.self, Runs.self,
      Eval.self, Export.self, Compare.self, Parity.self, Bench.self, Doctor.self,
    ],
    defaultSubcommand: Demo.self)

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as InputError {
      Console.error(error.description)
      Foundation.exit(error.kind.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}

/// Ways to end with a status of our own.
enum ExitStatus {
  static let failed = ExitCode(1)
}
