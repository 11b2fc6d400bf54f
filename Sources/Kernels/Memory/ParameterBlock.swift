// Trainable parameters in one flat block, so that an optimizer or a reduction is one loop.

/// One flat block of trainable weights with their gradients. Segments are reserved one after another, then the block is
/// sealed, which allocates it; from then on the pointers never move.
public final class ParameterBlock: @unchecked Sendable {
  // Unchecked: workers only read weights during a step; writes happen between steps on the trainer's thread.

  /// In floats, with the padding between segments (whose weights and gradients stay 0).
  public private(set) var count = 0
  private var storage: Storage?

  private final class Storage {
    let weights: Buffer
    let gradients: Buffer
    init(count: Int) {
      weights = Buffer(count: count)
      gradients = Buffer(count: count)
    }
  }

  public init() {}

  public var isSealed: Bool { storage != nil }

  /// Reserves `size` floats and returns their offset, a multiple of 16.
  /// - Precondition: not sealed.
  public func reserve(_ size: Int) -> Int {
    precondition(storage == nil, "a sealed parameter block was asked for \(size) floats more")
    defer { count += (size + 15) & ~15 }
    return count
  }

  /// Allocates the block, all zero.
  public func seal() {
    precondition(storage == nil, "a parameter block is sealed once")
    storage = Storage(count: count)
  }

  /// [count]. - Precondition: sealed.
  public var weights: MutableFloatPointer { sealed.weights.base }

  /// [count], the reduced gradient. - Precondition: sealed.
  public var gradients: MutableFloatPointer { sealed.gradients.base }

  private var sealed: Storage {
    guard let storage else { preconditionFailure("the parameter block is not sealed yet") }
    return storage
  }
}
