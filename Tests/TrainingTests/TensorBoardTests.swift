import AdaLoRA
import Foundation
import Models
import Testing

@testable import Training

@Suite("TensorBoard's event files")
struct TensorBoardTests {
  // MARK: Frames

  @Test("a file opens with its version, then the start of a session, framed with masked checksums")
  func goldenBytes() throws {
    let folder = try TemporaryFolder()
    let log = try TensorBoardLog(folder: folder.path + "/a/b", now: { 1.5 })
    log.scalar("x", 0.5, step: 300)
    try log.flush()
    let name = try #require(log.path.split(separator: "/").last)
    #expect(name.hasPrefix("events.out.tfevents.0000000001.") && name.hasSuffix(".\(getpid()).0.ranktop"))
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: log.path)))
    let version: [UInt8] =
      [24, 0, 0, 0, 0, 0, 0, 0, 0xA3, 0x7F, 0x4B, 0x22]
      + [0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0x1A, 0x0D] + Array("brain.Event:2".utf8)
    #expect(Array(bytes.prefix(version.count)) == version)
    let scalar: [UInt8] =
      [0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0x10, 0xAC, 0x02, 0x2A, 0x0A]
      + [0x0A, 0x08, 0x0A, 0x01, 0x78, 0x15, 0, 0, 0, 0x3F]
    #expect(Array(bytes.suffix(4 + scalar.count).dropLast(4)) == scalar)
    let events = try EventFile.read(log.path)
    #expect(events.map(\.version) == ["brain.Event:2", nil, nil])
    #expect(events.map(\.startsSession) == [false, true, false])
    #expect(events.last == .init(wallTime: 1.5, step: 300, tag: "x", scalar: 0.5))
  }

  @Test("two logs of one second are two files, and what is flushed is in them at once")
  func files() throws {
    let folder = try TemporaryFolder()
    let first = try TensorBoardLog(folder: folder.path, now: { 7 })
    let second = try TensorBoardLog(folder: folder.path, from: 12, now: { 7 })
    #expect(first.path < second.path)
    first.scalar("a", 1, step: 0)
    #expect(try EventFile.read(first.path).count == 2)
    try first.flush()
    #expect(try EventFile.read(first.path).count == 3)
    #expect(try EventFile.read(second.path).map(\.step) == [0, 12])
  }

  @Test("a folder that cannot be made and a full disk are errors, the second told once")
  func failures() throws {
    let folder = try TemporaryFolder()
    try Data().write(to: URL(fileURLWithPath: folder.path + "/file"))
    #expect {
      _ = try TensorBoardLog(folder: folder.path + "/file/x")
    } throws: {
      ($0 as? InputError)?.kind == .unwritable
    }
    // A file size limit would end the process, so the file is exchanged for the device that is always full.
    let log = try TensorBoardLog(folder: folder.path)
    let full = open("/dev/full", O_WRONLY)
    #expect(full >= 0 && dup2(full, log.descriptor) == log.descriptor)
    close(full)
    log.scalar("a", 1, step: 0)
    #expect {
      try log.flush()
    } throws: {
      ($0 as? InputError) == InputError(.unwritable, file: log.path, "cannot be written: No space left on device")
    }
    log.scalar("a", 1, step: 1)
    try log.flush()
  }

  // MARK: Histograms

  @Test("a histogram's buckets hold every number between their limits")
  func buckets() {
    var random = SystemRandomNumberGenerator()
    let signs: [Float] = [-1, 1]
    let values = (0..<500).map { i -> Float in
      i % 50 == 0
        ? 0 : signs[i % 2] * Float(pow(10, Double.random(in: -37...30, using: &random)))
    }
    let histogram = ExponentialHistogram(values)
    #expect(histogram.count == 500)
    #expect(histogram.buckets.reduce(0) { $0 + $1.count } == 500)
    #expect(histogram.minimum == values.map(Double.init).min() && histogram.maximum == values.map(Double.init).max())
    let sum = values.reduce(0) { $0 + Double($1) }
    #expect(abs(histogram.sum - sum) <= 1e-12 * histogram.sumOfSquares.squareRoot() * 500)
    var low = -Double.infinity
    for bucket in histogram.buckets {
      #expect(values.count { Double($0) >= low && Double($0) < bucket.limit } == bucket.count, "\(values)")
      #expect(bucket.limit > low)
      low = bucket.limit
    }
    #expect(histogram.buckets.first?.count ?? 0 > 0 && histogram.buckets.last?.count ?? 0 > 0)
  }

  @Test("limits grow by a tenth from 1e-12 to 1e20, mirrored at 0, and go on below")
  func limits() throws {
    let limits = ExponentialHistogram.limits
    #expect(limits == limits.sorted() && limits == limits.reversed().map { -$0 })
    let start = try #require(limits.firstIndex(of: 1e-12))
    #expect(limits[start + 1] == 1e-12 * 1.1 && limits[start + 2] == 1e-12 * 1.1 * 1.1)
    #expect(limits[limits.count - 2] < 1e20 && limits[limits.count - 2] * 1.1 >= 1e20)
    #expect(limits.last == .greatestFiniteMagnitude)
    let zero = try #require(limits.firstIndex(of: 0))
    #expect(limits[zero + 1] > 1e-40 && limits[zero + 1] < 1.1001e-40)
    for i in zero + 1..<limits.count - 2 { #expect(abs(limits[i + 1] / limits[i] - 1.1) < 1e-12) }
  }

  @Test("equal numbers fill one bucket, empty ones between two are one, infinities and NaN none")
  func fewBuckets() {
    let same = ExponentialHistogram([2, 2, 2])
    #expect(same.buckets.count == 1 && same.buckets[0].count == 3)
    #expect(same.buckets[0].limit > 2 && same.buckets[0].limit <= 2.2)
    #expect(same.sum == 6 && same.sumOfSquares == 12)
    let far = ExponentialHistogram([1e-9, 1])
    #expect(far.buckets.map(\.count) == [1, 0, 1])
    #expect(far.buckets[1].limit <= 1 && far.buckets[2].limit > 1)
    #expect(ExponentialHistogram([.nan, .infinity, -.infinity]).buckets.isEmpty)
    #expect(ExponentialHistogram([.nan, 1]).count == 1)
    #expect(ExponentialHistogram([.greatestFiniteMagnitude]).buckets.map(\.limit) == [Double.greatestFiniteMagnitude])
  }

  // MARK: A run

  /// Trains the planted experiment for a while and returns what it wrote and what the trace would say.
  private func train(steps: Int = 40) throws -> (session: Session, records: [StepRecord], events: [EventFile.Event]) {
    let folder = try TemporaryFolder()
    var experiment = PlantedExperiment()
    experiment.steps = steps
    let session = try experiment.makeSession(threads: 1)
    let run = try TensorBoardRun(folder: folder.path, description: session.description)
    var records: [StepRecord] = []
    var failure: InputError?
    session.onStep = { record in
      records.append(record)
      do throws(InputError) { try run.write(record, of: session) } catch { failure = error }
    }
    #expect(session.run() == .finished)
    #expect(failure == nil)
    return (session, records, try EventFile.read(run.path))
  }

  @Test("a run's scalars are its trace's numbers, at its steps; ranks and norms those of the end")
  func run() throws {
    let (session, records, events) = try train()
    func series(_ tag: String) -> [Int: Float] {
      Dictionary(events.compactMap { e in e.tag == tag ? e.scalar.map { (e.step, $0) } : nil }) { $1 }
    }
    for (tag, value) in [
      ("train/loss", \StepRecord.loss), ("train/task_loss", \.taskLoss), ("train/orth", \.orth),
      ("train/grad_norm", \.gradNorm), ("train/lr", \.lr), ("train/beta1", \.beta1), ("train/beta2", \.beta2),
      ("train/orth_reg_weight", \.orthRegWeight), ("train/target_r", \.targetR), ("train/step_ms", \.stepMs),
    ] {
      #expect(series(tag) == Dictionary(uniqueKeysWithValues: records.map { ($0.step, Float($0[keyPath: value])) }))
    }
    #expect(series("Budget/total_rank").count == 40 && series("Budget/total_rank")[39] == 36)
    #expect(series("Budget/budget")[0] == 108)
    let masked = records.filter { $0.threshold != nil }
    #expect(series("Budget/mask_threshold").keys.sorted() == masked.map(\.step))
    let modules = session.description.modules
    let ranks = try #require(session.trainer.allocator?.ranks)
    #expect(modules.map { series("Ranknum/\($0.name).lora_E")[39] } == ranks.map(Float.init))
    let parameters = zip(modules, ranks).reduce(0) { $0 + $1.1 * ($1.0.outputSize + $1.0.inputSize) }
    #expect(series("Budget/sum_param")[39] == Float(parameters))
    let norms = OrthogonalityRegularizer.norms(session.trainer.store)
    #expect(modules.map { series("Orth_regu_loss/\($0.name).lora_B")[39] } == (0..<18).map { norms[2 * $0] })
    #expect(modules.map { series("Orth_regu_loss/\($0.name).lora_A")[39] } == (0..<18).map { norms[2 * $0 + 1] })
    #expect(series("train/orth_regu_loss").count == 40)
    #expect(series("eval/loss").isEmpty)
  }

  @Test("a run's histograms count its triplets' scores, all and by module")
  func scores() throws {
    let (session, _, events) = try train()
    let last = session.tripletFrame().scores[.smoothed] ?? []
    let all = try #require(events.last { $0.tag == "Scores/S" }?.histogram)
    #expect(all.count == 108 && all.buckets.reduce(0, +) == 108 && all.limits.count == all.buckets.count)
    #expect(all.minimum == last.map(Double.init).min() && all.maximum == last.map(Double.init).max())
    for (k, module) in session.description.modules.enumerated() {
      let own = try #require(events.last { $0.tag == "Importance/\(module.name)" })
      #expect(own.step == 39 && own.histogram?.count == 6)
      #expect(own.histogram?.maximum == last[k * 6..<k * 6 + 6].map(Double.init).max())
    }
  }

  @Test("a run that goes on from an earlier step voids what follows it, and tells its ranks again")
  func restart() throws {
    let folder = try TemporaryFolder()
    var experiment = PlantedExperiment()
    experiment.steps = 20
    let session = try experiment.makeSession(threads: 1)
    let run = try TensorBoardRun(folder: folder.path, description: session.description)
    let ranks = Array(repeating: 6, count: 18)
    func write(_ step: Int) throws {
      var record = try session.trainer.step()
      record.step = step
      try run.write(record: record, ranks: ranks)
    }
    for step in 0..<4 { try write(step) }
    run.restart(from: 2)
    for step in 2..<4 { try write(step) }
    let events = try EventFile.read(run.path)
    #expect(events.filter { $0.tag == "train/loss" }.map(\.step) == [0, 1, 2, 3, 2, 3])
    let starts = events.indices.filter { events[$0].startsSession }
    #expect(starts.map { events[$0].step } == [0, 2])
    #expect(events[starts[1] - 1].step == 3 && events[starts[1] + 1].step == 2)
    let name = "Ranknum/\(session.description.modules[0].name).lora_E"
    #expect(events.filter { $0.tag == name }.map(\.step) == [0, 2])
  }

  @Test("evaluations are written where there is one; LoRA has neither budgets nor ranks")
  func lora() throws {
    let folder = try TemporaryFolder()
    let experiment = PlantedExperiment()
    var description = try experiment.makeSession(threads: 1).description
    description.method = "LORA"
    let run = try TensorBoardRun(folder: folder.path, description: description)
    var record = StepRecord(
      step: 4, loss: 1, taskLoss: 1, orth: 0, gradNorm: 2, lr: 0.1, beta1: 0, beta2: 0, orthRegWeight: 0, deltaT: 0,
      targetR: 6, budget: 108, kept: 108, nonzero: 108, threshold: nil, tokens: 9, stepMs: 1, eval: nil)
    record.eval = Evaluation(loss: 0.5, accuracy: 0.25, matthews: -0.5, f1: 0.75)
    try run.write(record: record, ranks: [])
    let events = try EventFile.read(run.path).filter { $0.tag != nil }
    #expect(
      events.map(\.tag) == [
        "train/loss", "train/task_loss", "train/grad_norm", "train/lr", "train/tokens", "train/step_ms", "eval/loss",
        "eval/accuracy", "eval/matthews", "eval/f1",
      ])
    #expect(events.suffix(4).map(\.scalar) == [0.5, 0.25, -0.5, 0.75])
    #expect(events.allSatisfy { $0.step == 4 })
  }
}
