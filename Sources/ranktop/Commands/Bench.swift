// `ranktop bench`.

import ArgumentParser
import Foundation
import Kernels
import Models
import Training

extension ModelShape: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take a training step apart: milliseconds by operation, against this machine's own rate.",
    discussion: """
      Needs no files: without --model, weights are random. Token ids always are. Send its output with a report about
      speed.

      Example:
        ranktop bench --shape minilm --batch 32 --length 64 --precision bfloat16
        ranktop bench --triplets 1000 --triplets 1000000
      """)

  @Option(help: ArgumentHelp("A pretrained model's folder or GGUF file.", valueName: "path"))
  var model: String?

  @Option(help: ArgumentHelp("A model's shape, with random weights.", valueName: "name"))
  var shape = ModelShape.minilm

  @Option(help: ArgumentHelp("Sequences a batch.", valueName: "n"))
  var batch = 32

  @Option(help: ArgumentHelp("Tokens a sequence.", valueName: "n"))
  var length = 64

  @Option(help: ArgumentHelp("Initial rank of every adapter.", valueName: "n"))
  var rank = 12

  @Option(help: ArgumentHelp("What frozen weights are multiplied in.", valueName: "kind"))
  var precision = Precision.float32

  @Option(help: ArgumentHelp("Worker threads; 0 = one per core.", valueName: "n"))
  var threads = 0

  @Option(help: ArgumentHelp("Steps to measure.", valueName: "n"))
  var steps = 20

  @Flag(help: "With the model's own dropout.")
  var dropout = false

  @Flag(help: "Compute activations again in backward instead of keeping them.")
  var recompute = false

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Time the allocator alone at so many triplets; repeatable.", valueName: "n"))
  var triplets: [Int] = []

  @Option(help: ArgumentHelp("Time the tokenizer of --model on the lines of a file.", valueName: "file"))
  var tokenize: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    let numbers = [
      ("batch", batch, 1 << 20), ("length", length, 1 << 20), ("rank", rank, 1024), ("steps", steps, 1 << 20),
    ]
    for (name, value, most) in numbers where value < 1 || value > most {
      throw ValidationError("--\(name) \(value): expected 1 to \(most)")
    }
    guard threads >= 0, threads <= 1024 else { throw ValidationError("--threads \(threads): expected 0 to 1024") }
    for count in triplets where count < rank || count > 100_000_000 {
      throw ValidationError("--triplets \(count): expected \(rank) to 100000000")
    }
    if tokenize != nil && model == nil { throw ValidationError("--tokenize: needs --model, whose tokenizer it times") }
  }

  func run() throws {
    let threads = Machine.threads(threads)
    if let tokenize, let model {
      return print(
        try TokenizerBenchmark.run(model: model, file: tokenize, threads: threads, repetitions: steps).sheet, threads)
    }
    var update = UpdateBenchmark()
    update.rank = rank
    update.threads = threads
    update.repetitions = steps
    if !triplets.isEmpty {
      let times = triplets.map { update.mask(triplets: $0) }
      return print(BenchSheet(allocator: times), threads)
    }
    if model == nil && shape.blueprint == nil { return print(update.run(shape.modules).sheet, threads) }
    print(try runStep(threads).sheet, threads)
  }

  private func runStep(_ threads: Int) throws -> StepBenchmark.Report {
    var benchmark = StepBenchmark()
    benchmark.batch = batch
    benchmark.length = length
    benchmark.rank = rank
    benchmark.threads = threads
    benchmark.steps = steps
    benchmark.precision = Machine.precision(precision)
    benchmark.hasDropout = dropout
    benchmark.recomputes = recompute
    let folder = try model.map { path throws(InputError) in try ModelFolder(path: path) }
    let blueprint: any ModelBlueprint
    let weights: any WeightSource
    if let folder {
      (blueprint, weights) = (try folder.blueprint(), folder)
    } else {
      guard let known = shape.blueprint else { preconditionFailure("\(shape.rawValue) has no model to run") }
      (blueprint, weights) = (known, RandomWeights(deviation: known.initializerRange, seed: 0))
    }
    guard length <= blueprint.maximumLength else {
      throw ValidationError("--length \(length): expected at most the model's \(blueprint.maximumLength) positions")
    }
    return try benchmark.run(blueprint, weights: weights)
  }

  /// What was asked, on which machine, and what came out.
  private func print(_ sheet: BenchSheet, _ threads: Int) {
    let used = Machine.precision(precision)
    let machine: [(String, JSON)] = [
      ("version", .string(Ranktop.configuration.version)), ("cpu", .string(Machine.cpuName)),
      ("cores", .integer(Machine.cores)), ("threads", .integer(threads)), ("blas", .string(BLAS.configuration)),
      ("blas_core", .string(BLAS.coreName)), ("precision", .string(used.rawValue)),
      ("model", .string(model ?? shape.rawValue)), ("batch", .integer(batch)), ("length", .integer(length)),
      ("rank", .integer(rank)),
    ]
    if json { return Console.result(JSON.object(JSONObject(machine + sheet.json)).serialized(pretty: false)) }
    var lines = [
      "ranktop \(Ranktop.configuration.version), \(Machine.cpuName), \(threads) of \(Machine.cores) cores, "
        + Machine.vectorExtensions.joined(separator: " "), "\(BLAS.configuration) (core \(BLAS.coreName))",
    ]
    if used != precision { lines.append("this CPU has no units for \(precision.rawValue): measured in float32") }
    if tokenize == nil && triplets.isEmpty {
      let size = sheet.isStep ? ", \(batch)×\(length) tokens, \(used.rawValue), dropout \(dropout ? "on" : "off")" : ""
      lines.append("\(model ?? shape.rawValue)\(size), rank \(rank), \(steps) steps")
    }
    Console.result((lines + [""] + sheet.text).joined(separator: "\n"))
  }
}
