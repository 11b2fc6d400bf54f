// All that is trained, in one flat store: every adapter's P, λ, Q, and a task head's dense tensors.

import Kernels

/// Weights, gradients, Adam's moments and the sensitivities of all adapters, flat and in the order of their addition.
///
/// Use: add adapters (most easily through `SVDLinear`) and dense tensors, call `markTrainable(seed:)` once, then train.
/// Not safe for concurrent mutation; workers read the weights during a step.
public final class AdapterStore: @unchecked Sendable {
  // Unchecked: mutated by the training thread between parallel phases only.

  /// One module's adapter.
  public struct Adapter: Sendable {
    public let name: String
    /// d₁.
    public let outputSize: Int
    /// d₂.
    public let inputSize: Int
    public let layout: LowRankLayout
    /// s.
    public let scale: Float
    let parameterization: any Parameterization
    let live: LiveTriplets

    /// Trainable numbers: r·(d₁ + d₂) and r more with λ.
    public var parameterCount: Int {
      layout.rank * (outputSize + inputSize + (layout.lambdaOffset == nil ? 0 : 1))
    }
  }

  /// A trainable tensor without structure, such as a head's weight.
  public struct Dense: Sendable {
    public let name: String
    public let shape: [Int]
    public let offset: Int
    /// Of the normal distribution it starts from; 0 starts at 0.
    public let initialDeviation: Float
    public var count: Int { shape.reduce(1, *) }
  }

  public let block = ParameterBlock()
  public private(set) var adapters: [Adapter] = []
  public private(set) var dense: [Dense] = []
  private var state: State?
  private lazy var pass = UpdatePass(self)

  private final class State {
    let firstMoment, secondMoment: Buffer
    let memory: SensitivityMemory
    init(count: Int) {
      firstMoment = Buffer(count: count)
      secondMoment = Buffer(count: count)
      memory = SensitivityMemory(count: count)
    }
  }

  public init() { BLAS.useOneThread() }

  // MARK: Laying out

  /// Adds an adapter for a module of d₁ outputs and d₂ inputs and returns its number.
  /// - Parameter scaleRank: the rank that fixes the scale where it is not `rank`: r₀ of an adapter that has been pruned.
  /// - Precondition: rank ≥ 1, alpha > 0, and the store is not marked trainable yet.
  public func addAdapter(
    name: String, outputSize: Int, inputSize: Int, rank: Int, scaleRank: Int? = nil, alpha: Double,
    parameterization: any Parameterization = SVDParameterization()
  ) -> Int {
    precondition(rank >= 1 && alpha > 0, "\(name): rank \(rank) must be at least 1, alpha \(alpha) above 0")
    let lambdaOffset = parameterization.hasLambda ? block.reserve(rank) : nil
    let layout = LowRankLayout(
      rank: rank, pOffset: block.reserve(rank * outputSize), qOffset: block.reserve(rank * inputSize),
      lambdaOffset: lambdaOffset)
    adapters.append(
      Adapter(
        name: name, outputSize: outputSize, inputSize: inputSize, layout: layout,
        scale: Float(parameterization.scale(alpha: alpha, rank: scaleRank ?? rank)),
        parameterization: parameterization, live: LiveTriplets(rank: rank)))
    return adapters.count - 1
  }

  /// Adds a dense trainable tensor and returns its offset in the block.
  public func addDense(name: String, shape: [Int], initialDeviation: Float = 0) -> Int {
    let tensor = Dense(
      name: name, shape: shape, offset: block.reserve(shape.reduce(1, *)), initialDeviation: initialDeviation)
    dense.append(tensor)
    return tensor.offset
  }

  /// Ends the laying out: allocates the store and draws the starting values. Everything added is trainable, nothing
  /// else is.
  public func markTrainable(seed: UInt64 = 0) {
    block.seal()
    state = State(count: block.count)
    var random = RandomSource(seed: seed, purpose: 1)
    for adapter in adapters {
      adapter.parameterization.initialize(
        p: block.weights + adapter.layout.pOffset, q: block.weights + adapter.layout.qOffset,
        rank: adapter.layout.rank, outputSize: adapter.outputSize, inputSize: adapter.inputSize, random: &random)
    }
    for tensor in dense where tensor.initialDeviation > 0 {
      random.fillNormal(block.weights + tensor.offset, count: tensor.count, deviation: tensor.initialDeviation)
    }
  }

  /// The low-rank layer of adapter `index` over a frozen one.
  public func linear(_ index: Int, over base: FrozenLinear, dropout: Float = 0) -> LowRankLinear {
    let adapter = adapters[index]
    precondition(
      base.outputSize == adapter.outputSize && base.inputSize == adapter.inputSize,
      "\(adapter.name): adapter \(adapter.outputSize)×\(adapter.inputSize) over \(base.outputSize)×\(base.inputSize)")
    return LowRankLinear(
      base: base, block: block, layout: adapter.layout, scale: adapter.scale, dropout: dropout, slot: index,
      live: adapter.live)
  }

  // MARK: What a loop does with it

  /// Trainable numbers, padding not counted.
  public var parameterCount: Int {
    adapters.reduce(0) { $0 + $1.parameterCount } + dense.reduce(0) { $0 + $1.count }
  }

  /// λ of adapter `index`, r values. - Precondition: it has a λ.
  public func lambda(_ index: Int) -> MutableFloatPointer {
    guard let offset = adapters[index].layout.lambdaOffset else {
      preconditionFailure("\(adapters[index].name) has no λ")
    }
    return block.weights + offset
  }

  public func zeroGradients() { block.gradients.update(repeating: 0, count: block.count) }

  /// One AdamW step over everything trainable; with an allocator, which scores but does not mask yet, its Ī, Ū and
  /// scores are updated in the same pass over memory.
  /// - Parameters:
  ///   - count: updates so far, this one included (from 1): step t + 1.
  ///   - gradientScale: what gradients count for in this update (clipping); they stay as they are.
  ///   - shadows: of the allocator; those that smooth differently take a pass of their own.
  ///   - pool: shares the work; nil does it on this thread, to the same bits.
  public func update(
    _ optimizer: AdamW, count: Int, gradientScale: Float = 1, allocator: RankAllocator? = nil,
    shadows: [ShadowAllocator] = [], on pool: WorkerPool? = nil
  ) {
    precondition(allocator.map { $0.store === self } ?? true, "the allocator is of another store")
    func senseShadows() {
      for shadow in shadows { shadow.sense(step: count - 1, gradientScale: gradientScale, on: pool) }
    }
    if allocator?.dialect == .paper { senseShadows() }
    let dense = ParameterUpdate(optimizer, count: count, gradientScale: gradientScale)
    let sensitivity = allocator?.sensitivity(step: count - 1)
    pass.adapterUpdate =
      sensitivity.map { ParameterUpdate(optimizer, count: count, gradientScale: gradientScale, sensitivity: $0) }
      ?? dense
    pass.denseUpdate = dense
    pass.scores = sensitivity == nil ? nil : allocator?.scores
    run(on: pool)
    if allocator?.dialect != .paper { senseShadows() }
  }

  /// Ī, Ū and the scores from the weights and gradients as they are.
  /// - Parameter memory: where Ī and Ū are; nil: in the store.
  func sense(
    _ sensitivity: Sensitivity, gradientScale: Float = 1, into scores: TripletScores,
    memory: SensitivityMemory? = nil, on pool: WorkerPool? = nil
  ) {
    pass.adapterUpdate = ParameterUpdate(nil, gradientScale: gradientScale, sensitivity: sensitivity)
    pass.denseUpdate = ParameterUpdate(nil)
    pass.scores = scores
    pass.memory = memory
    run(on: pool)
    pass.memory = nil
  }

  private func run(on pool: WorkerPool?) {
    pass.workers = pool?.count ?? 1
    if let pool { pool.run(pass) } else { pass.run(worker: 0) }
  }

  /// Sets which triplets, module-major, take part in products. λ of the others, which must be 0, get no gradient; P and
  /// Q, whose task gradient is then 0, stay under the regulariser.
  func setLive(_ isLive: (Int) -> Bool) {
    var first = 0
    for adapter in adapters {
      adapter.live.choose { isLive(first + $0) }
      first += adapter.layout.rank
    }
  }

  /// Adam's moments, laid out like the weights.
  public var moments: (first: MutableFloatPointer, second: MutableFloatPointer) {
    (sealed.firstMoment.base, sealed.secondMoment.base)
  }

  /// Ī, laid out like the weights; unused outside adapters.
  public var smoothedSensitivity: MutableFloatPointer { memory.smoothed.base }

  /// Ū, likewise.
  public var uncertainty: MutableFloatPointer { memory.uncertainty.base }

  var memory: SensitivityMemory { sealed.memory }

  private var sealed: State {
    guard let state else { preconditionFailure("markTrainable(seed:) has not been called") }
    return state
  }
}
