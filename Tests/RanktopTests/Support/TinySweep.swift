// A sweep small enough for a test.

import Foundation
import TerminalSupport
import Testing

@testable import Training

/// A tiny experiment with a sweep over it, run by processes; removed with this value.
final class TinySweep {
  let tiny: TinyExperiment
  var folder: String { tiny.runs + "/s" }

  /// Two variants of two seeds each.
  static let variants = """
    seeds = [0, 1]
    jobs = 2
    [[variant]]
    name = "plain"
    [[variant]]
    name = "magnitude"
    set = { "adapter.score" = "magnitude" }

    """

  /// - Parameter rest: of the sweep's file, after its name and experiment.
  init(steps: Int = 30, _ rest: String) throws {
    tiny = try TinyExperiment(steps: steps, evalEvery: steps / 3)
    try write(rest)
  }

  func write(_ rest: String) throws {
    try "name = \"s\"\nexperiment = \"tiny.toml\"\n\(rest)".write(
      toFile: tiny.folder.path + "/sweep.toml", atomically: true, encoding: .utf8)
  }

  func start(_ arguments: String...) throws -> Child { try start(arguments) }

  func run(_ arguments: String...) throws -> Child.Ending { try start(arguments).wait() }

  private func start(_ arguments: [String]) throws -> Child { try tiny.start(["sweep", "sweep.toml"] + arguments) }

  /// What a run's row in the database says, by the run's variant.
  func rows() throws -> [String: SweepRun] {
    let runs = try SweepReader(folder: folder).frame().runs
    return Dictionary(uniqueKeysWithValues: runs.map { ("\($0.variant) \($0.seed)", $0) })
  }

  func adapter(_ run: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder + "/\(run)/adapter/adapter_model.safetensors"))
  }

  /// Waits until a run has a checkpoint, and returns the process that trains it.
  func process(of run: String) throws -> pid_t {
    let deadline = Date(timeIntervalSinceNow: 30)
    while Date() < deadline {
      let saved = try? FileManager.default.contentsOfDirectory(atPath: folder + "/\(run)/checkpoints")
      if saved?.contains(where: { $0.hasSuffix(".ckpt") }) == true,
        let live = try? TelemetryReader(path: folder + "/\(run)/telemetry.sqlite").live(), let pid = live.pid
      {
        return pid_t(pid)
      }
      usleep(2_000)
    }
    struct NoCheckpoint: Error { var run: String }
    throw NoCheckpoint(run: run)
  }
}
