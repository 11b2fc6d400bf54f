// What one worker brings to a step: memory, gradients, and the step's randomness.

/// Listens to the output of every linear module of a pass, and may add to its gradient. Modules go by their place in the
/// model's order.
public protocol ModuleTap: AnyObject {
  /// `output` is [rows, d₁ of the module].
  func didForward(_ module: Int, output: FloatPointer, rows: Int)
  /// Called before the module's backward; may add to `gradient`, the loss's gradient of its output.
  func willBackward(_ module: Int, gradient: MutableFloatPointer, rows: Int)
}

/// One worker's own memory. Never shared between threads within a step.
public final class Workspace: @unchecked Sendable {
  // Unchecked: owned by one worker; the trainer touches it between steps only.
  public let arena: Arena
  /// Laid out like the parameter block; workers add to it.
  public var gradients: MutableFloatPointer
  /// Whether dropout acts.
  public var isTraining = false
  public var seed: UInt64 = 0
  public var step = 0
  /// Which rows of the batch the layers are given: places their dropout masks.
  public var batchRows = BatchRows.run(from: 0)
  public var tap: (any ModuleTap)?
  /// Whether a pass keeps of each layer its input alone, and runs it again before its backward.
  public let recomputes: Bool
  /// Nil unless a measurement was asked for.
  public let clock: OperationClock?
  /// For products with frozen weights in bfloat16; empty where there are none.
  private(set) lazy var bfloat16 = BFloat16Scratch()
  /// For products with weights that are stored otherwise than in float32; empty where there are none.
  private(set) lazy var tile = WeightTile()
  /// One slot a low-rank layer for what its backward needs (x·Qᵀ).
  let saved: UnsafeMutablePointer<MutableFloatPointer?>
  private let slots: Int

  /// - Parameters:
  ///   - gradients: as long as the parameter block, kept alive by the caller.
  ///   - slots: the number of low-rank layers of the model.
  ///   - recomputes: whether memory is saved by computing a layer twice; nothing else differs.
  ///   - clock: told of every operation.
  public init(
    arena: Arena, gradients: MutableFloatPointer, slots: Int, recomputes: Bool = false, clock: OperationClock? = nil
  ) {
    BLAS.useOneThread()
    self.arena = arena
    self.gradients = gradients
    self.slots = slots
    self.recomputes = recomputes
    self.clock = clock
    saved = .allocate(capacity: max(slots, 1))
    saved.initialize(repeating: nil, count: max(slots, 1))
  }

  deinit { saved.deallocate() }

  /// Runs `body` while no tap listens.
  public func withoutTap<Result>(_ body: () -> Result) -> Result {
    let tap = tap
    self.tap = nil
    defer { self.tap = tap }
    return body()
  }

  /// The dropout of one site in this step; nothing is dropped outside training.
  public func dropout(_ probability: Float, site: Int) -> Dropout {
    Dropout(probability: isTraining ? probability : 0, key: Dropout.key(seed: seed, step: step, site: site))
  }
}

/// Room for one tile of a frozen weight as floats.
final class WeightTile {
  private let buffer = Buffer(count: FrozenMatrix.tileFloats)
  var base: MutableFloatPointer { buffer.base }
}
