// `ranktop export`.

import ArgumentParser
import Foundation
import Models
import Training

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write what a run has saved as files: a snapshot, its PEFT adapter, or a plain LoRA adapter.",
    discussion: """
      Prints the folder that was written.

      snapshot  tables, pictures, the screen and the adapter of the newest snapshot
      peft      the adapter, as `PeftModel.from_pretrained` loads it
      lora      the same as plain LoRA, for engines that know only that: E and the scale are folded into B

      Example:
        ranktop export sst2-adalora-1 --format lora --to sst2-lora
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case snapshot, peft, lora
  }

  @Argument(help: ArgumentHelp("A run's name or folder; the newest where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Of the snapshot after so many steps.", valueName: "n"))
  var step: Int?

  @Option(help: ArgumentHelp("A new or empty folder; a new one here where left out.", valueName: "dir"))
  var to: String?

  @Option(help: "What to write.")
  var format = Format.snapshot

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  func run() throws {
    let saved = try SavedRun.find(source, runs: runs)
    switch format {
    case .snapshot:
      let snapshot = try saved.snapshot(at: step)
      try write(saved.name + "-step-\(snapshot.step)") { (path, collision) throws(InputError) in
        try AtomicFolder.copy(snapshot.path, to: path, whenTaken: collision)
      }
    case .peft:
      let adapter = try saved.adapter(at: step)
      try write(name(saved, "adapter")) { (path, collision) throws(InputError) in
        try AtomicFolder.copy(adapter, to: path, whenTaken: collision)
      }
    case .lora:
      let adapter = try PEFTAdapter(folder: saved.adapter(at: step))
      try write(name(saved, "lora")) { (path, collision) throws(InputError) in
        try AtomicFolder.write(to: path, whenTaken: collision) { (folder) throws(InputError) in
          try LoRAExport.write(adapter, to: folder)
        }
      }
    }
  }

  private func name(_ saved: SavedRun, _ what: String) -> String {
    saved.name + "-" + what + (step.map { "-step-\($0)" } ?? "")
  }

  /// Into the folder that was asked for, or into the next free one of a name.
  private func write(
    _ name: String, _ body: (String, AtomicFolder.Collision) throws(InputError) -> String
  ) throws(InputError) {
    let path: String
    if let to { path = try body(to, .refuse) } else { path = try body(name, .next) }
    Console.result(path)
  }
}
