// What a step costs in counts, which no other process can change: allocations, arithmetic, passes over the parameters.

import AdaLoRA
import AllocationCounter
import Kernels
import Models
import Testing

@testable import Training

/// Turns the count of allocations on or off for every thread of a pool.
private final class WatchPhase: ParallelPhase, @unchecked Sendable {
  // Unchecked: set between runs.
  var isWatching = false
  func run(worker: Int) { counter_watch_this_thread(isWatching ? 1 : 0) }
}

@Suite("The cost of a step")
struct StepCostTests {
  private static let layers = 3
  private static let (d, f, rank, labels) = (32, 64, 4, 2)
  private static let (sequences, length) = (6, 10)

  private func trainer(
    _ pool: WorkerPool, _ decoder: DecoderKind? = nil, dropout: Float = 0, length: (Int) -> Int = { _ in 10 },
    targets: (LinearModule) -> Bool = { $0.layer != nil }
  ) throws -> Trainer {
    let encoder = EncoderConfig(
      vocabularySize: 50, hiddenSize: Self.d, hiddenLayers: Self.layers, attentionHeads: 4, intermediateSize: Self.f,
      maxPositionEmbeddings: 64, hiddenDropout: dropout, attentionDropout: dropout)
    let config: any ModelBlueprint = decoder.map { $0.config(dropout: dropout) } ?? encoder
    let plan = AdapterPlan(
      entries: config.modules.filter(targets).map {
        AdapterPlan.Entry(module: $0, rank: Self.rank, alpha: 4)
      },
      parameterization: SVDParameterization(), dropout: dropout, trainsHead: true)
    let (model, store) = try config.build(
      RandomWeights(deviation: 0.02, seed: 2), plan,
      task: decoder == nil ? .sequenceClassification(labels: Self.labels) : .causalLanguageModel, seed: 1)
    var random = RandomSource(seed: 4)
    var dataset = TokenizedDataset()
    for i in 0..<15 {
      let ids = (0..<length(i)).map { _ in Int32(random.index(below: config.vocabularySize)) }
      if decoder == nil {
        dataset.append(ids: ids, types: Array(repeating: 0, count: ids.count), label: Int32(i % Self.labels))
      } else {
        dataset.append(ids: ids, counted: Array(repeating: true, count: ids.count))
      }
    }
    let allocator = RankAllocator(
      store, initialRank: Self.rank, targetRank: 2, initialWarmup: 4, finalWarmup: 10, maskInterval: 2,
      totalSteps: 60)
    return Trainer(
      model: model, store: store, allocator: allocator,
      source: ShuffledBatches(dataset, batchSize: Self.sequences, seed: 5, workers: pool.count),
      objective: model.objective, pool: pool,
      options: TrainerOptions(totalSteps: 60, learningRate: 1e-3, maxGradNorm: 1, orthRegWeight: 0.1))
  }

  /// What `body` allocates on the threads of the pool, the caller's among them.
  private func allocations(_ pool: WorkerPool, _ body: () throws -> Void) rethrows -> (count: Int, bytes: Int) {
    let watch = WatchPhase()
    watch.isWatching = true
    pool.run(watch)
    let before = (counter_allocations(), counter_bytes())
    try body()
    watch.isWatching = false
    let after = (counter_allocations(), counter_bytes())
    pool.run(watch)
    return (after.0 - before.0, after.1 - before.1)
  }

  // The counter is one for the process.
  @Suite(.serialized) struct Allocations {
    private let tests = StepCostTests()

    @Test("an allocation is counted on the caller's thread and on a worker's")
    func counter() {
      final class Allocating: ParallelPhase, @unchecked Sendable {
        func run(worker: Int) { UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 64).deallocate() }
      }
      let pool = WorkerPool(count: 2)
      let phase = Allocating()
      let found = tests.allocations(pool) { pool.run(phase) }
      #expect(found.count == 2)
      #expect(found.bytes == 8192)
    }

    // In bfloat16 oneDNN allocates whenever it multiplies; nothing of ours does.
    @Test(
      "trainer and workers allocate nothing in a step, through epochs, masks and the final phase",
      arguments: [(nil, Float(0), 1), (nil, 0, 2), (nil, 0.1, 2), (.qwen3, 0.1, 2), (.gpt2, 0.1, 2)]
        as [(DecoderKind?, Float, Int)])
    func nothing(decoder: DecoderKind?, dropout: Float, threads: Int) throws {
      let pool = WorkerPool(count: threads)
      // Equal lengths: the arena has grown to its size after the first step.
      let trainer = try tests.trainer(pool, decoder, dropout: dropout)
      for _ in 0..<2 { _ = try trainer.step() }
      let found = try tests.allocations(pool) {
        for _ in 2..<60 { _ = try trainer.step() }
      }
      #expect(trainer.stepsDone == 60)
      #expect(trainer.allocator?.isFrozen == true)
      #expect(found.count == 0, "\(found.bytes) bytes")
    }

    @Test("nor do shadows of it, whatever they smooth")
    func shadows() throws {
      let pool = WorkerPool(count: 2)
      let trainer = try tests.trainer(pool)
      for _ in 0..<2 { _ = try trainer.step() }
      let allocator = try #require(trainer.allocator)
      for words in [["score", "magnitude"], ["beta1", "0.5", "score", "uniform"], ["target", "1", "tfinal", "20"]] {
        trainer.shadows.append(ShadowAllocator(try ShadowSettings(words: words), beside: allocator, from: 2))
      }
      // The first choice parts a shadow's pattern from the run's.
      for _ in 2..<8 { _ = try trainer.step() }
      let found = try tests.allocations(pool) {
        for _ in 8..<60 { _ = try trainer.step() }
      }
      #expect(trainer.shadows.map(\.allocator.keptCount) == [36, 36, 18])
      #expect(found.count == 0, "\(found.bytes) bytes")
    }

    @Test("only a batch larger than any before makes the arenas grow")
    func growth() throws {
      let pool = WorkerPool(count: 2)
      let trainer = try tests.trainer(pool, length: { 3 + $0 % 5 })
      for _ in 0..<30 { _ = try trainer.step() }
      let found = try tests.allocations(pool) {
        for _ in 30..<60 { _ = try trainer.step() }
      }
      // An arena a worker at the most for each size that is larger than all before.
      #expect(found.count <= 6)
    }
  }

  // MARK: Arithmetic

  /// FLOP of one step by operation, all workers together.
  private func flops(_ trainer: Trainer, _ pool: WorkerPool) throws -> [OperationClock.Operation: Int] {
    for clock in pool.clocks { clock.reset() }
    _ = try trainer.step()
    var sums: [OperationClock.Operation: Int] = [:]
    for operation in OperationClock.Operation.allCases {
      let sum = pool.clocks.reduce(0) { $0 + $1.flops(operation) }
      if sum > 0 { sums[operation] = sum }
    }
    return sums
  }

  @Test("a step multiplies what it must and no more, on one worker as on three", arguments: [1, 3])
  func arithmetic(workers: Int) throws {
    let pool = WorkerPool(count: workers, isTimed: true)
    let trainer = try trainer(pool)
    let (d, f, r, s, n) = (Self.d, Self.f, Self.rank, Self.sequences, Self.sequences * Self.length)
    let found = try flops(trainer, pool)
    // Per row: query, attention's output and the feed-forward block, and key and value beside them.
    let most = 2 * (2 * d * d + 2 * d * f)
    let keys = 2 * 2 * d * d
    // The last layer and the pooler compute first tokens but for keys and values.
    let pooler = 2 * s * d * d
    let forward = (Self.layers - 1) * n * (most + keys) + n * keys + s * most + pooler
    #expect(found[.frozenForward] == forward)
    // Nothing below the lowest layer's projections.
    let lowest = 2 * n * 3 * d * d
    #expect(found[.frozenBackward] == forward - lowest)
    // Of a low-rank path x·Qᵀ and ·P forward; M, g, dQ and, where the input's gradient is wanted, its share of that.
    #expect(found[.adapter] == 3 * pathFlops(n, s) - 2 * n * r * 3 * d)
    // Q·Kᵀ and P·V forward, four products backward.
    let attention = 2 * 6 * d * s * ((Self.layers - 1) * Self.length * Self.length + Self.length)
    #expect(found[.attention] == attention)
    #expect(found[.head] == 3 * 2 * s * d * Self.labels)
  }

  /// x·Qᵀ and h·P of every adapter, forward.
  private func pathFlops(_ n: Int, _ s: Int) -> Int {
    let (d, f, r) = (Self.d, Self.f, Self.rank)
    let key = 2 * r * 2 * d
    let feedForward = 2 * 2 * r * (d + f)
    let whole = 4 * key + feedForward
    return (Self.layers - 1) * n * whole + n * 2 * key + s * (2 * key + feedForward)
  }

  @Test("below the lowest adapter nothing is propagated")
  func lowest() throws {
    let pool = WorkerPool(count: 1, isTimed: true)
    let trainer = try trainer(pool, targets: { $0.layer == Self.layers - 1 && $0.name.hasSuffix("output.dense") })
    let (d, f, s) = (Self.d, Self.f, Self.sequences)
    // Back through pooler and the feed-forward block, to attention's output, which is an adapter's: of first tokens.
    #expect(try flops(trainer, pool)[.frozenBackward] == 2 * s * (d * d + 2 * d * f))
  }

  @Test("a step goes over the parameters three times: to clear, to reduce, and to update, score and sense")
  func passes() throws {
    let pool = WorkerPool(count: 2, isTimed: true)
    let trainer = try trainer(pool)
    _ = try trainer.step()
    for clock in pool.clocks { clock.reset() }
    for _ in 0..<5 { _ = try trainer.step() }
    for clock in pool.clocks {
      #expect(clock.count(.clearGradients) == 5)
      #expect(clock.count(.reduceGradients) == 5)
      #expect(clock.count(.update) == 5)
    }
    #expect(pool.clocks[0].count(.mask) == 5)
    #expect(pool.clocks[1].count(.mask) == 0)
  }

  @Test("a pool that is not timed has no clocks")
  func untimed() {
    #expect(WorkerPool(count: 2).clocks.isEmpty)
  }
}
