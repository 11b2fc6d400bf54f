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
      tensorboard  event files of the whole run, under loralib's tags

      --step takes the adapter of a snapshot or a checkpoint of that step.

      Example:
        ranktop export sst2-adalora-1 --format lora --to sst2-lora
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case snapshot, peft, lora, tensorboard
  }

  @Argument(help: ArgumentHelp("A run's name or folder; the newest where left out.", valueName: "run"))
  var source: String?

  @Option(help: ArgumentHelp("Of the snapshot after so many steps.", valueName: "n"))
  var step: Int?

  @Flag(help: "Leave out what the last mask pruned, also where its λ has grown again since (peft, lora).")
  var masked = false

  @Option(help: ArgumentHelp("A new or empty folder; a new one here where left out.", valueName: "dir"))
  var to: String?

  @Option(help: "What to write.")
  var format = Format.snapshot

  @Option(help: ArgumentHelp("Folder of runs.", valueName: "dir"))
  var runs = "runs"

  func validate() throws {
    if masked, format == .snapshot || format == .tensorboard {
      throw ValidationError("--masked: only with --format peft or lora")
    }
  }

  func run() throws {
    let saved = try SavedRun.find(source, runs: runs)
    switch format {
    case .snapshot:
      let snapshot = try saved.snapshot(at: step)
      try write(saved.name + "-step-\(snapshot.step)") { (path, collision) throws(InputError) in
        try AtomicFolder.copy(snapshot.path, to: path, whenTaken: collision)
      }
    case .peft:
      try write(name(saved, "adapter")) { (path, collision) throws(InputError) in
        try adapter(of: saved, to: path, collision)
      }
    case .lora:
      try write(name(saved, "lora")) { (path, collision) throws(InputError) in
        try AtomicFolder.write(to: path, whenTaken: collision) { (folder) throws(InputError) in
          let place = try adapter(of: saved, to: folder + "/adapter", .refuse)
          try LoRAExport.write(try PEFTAdapter(folder: place), to: folder)
          try? FileManager.default.removeItem(atPath: place)
        }
      }
    case .tensorboard:
      try write(name(saved, "tensorboard")) { (path, collision) throws(InputError) in
        try AtomicFolder.write(to: path, whenTaken: collision) { (folder) throws(InputError) in
          try TensorBoardRun.export(saved, to: folder)
        }
      }
    }
  }

  /// The adapter at the end, of a snapshot or of a checkpoint, in this order.
  private func adapter(
    of saved: SavedRun, to path: String, _ collision: AtomicFolder.Collision
  ) throws(InputError) -> String {
    if !masked, let source = try? saved.adapter(at: step) {
      return try AtomicFolder.copy(source, to: path, whenTaken: collision)
    }
    return try AtomicFolder.write(to: path, whenTaken: collision) { (folder) throws(InputError) in
      try CheckpointExport.write(saved, step: step, masked: masked, to: folder)
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
