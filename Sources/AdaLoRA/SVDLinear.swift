// A linear layer wrapped for a training loop of one's own.

import Kernels

/// y = x·Wᵀ + b + s·P(Λ(Q·x)) with frozen W and b, for loops that hold their activations in arrays.
///
/// There is no autograd: `forward` takes x, `backward` takes ∂L/∂y, adds the gradients of P, λ and Q to the store and
/// returns ∂L/∂x. The loralib layer of the same name is the model.
public final class SVDLinear {
  public let outputSize: Int
  public let inputSize: Int
  private let adapters: AdapterStore
  private let index: Int
  private let base: FrozenLinear
  private var layer: LowRankLinear?
  private var workspace: Workspace?
  private var input: [Float] = []
  private var rows = 0

  /// Wraps a layer and registers its adapter.
  /// - Parameters:
  ///   - weight: W, [d₁, d₂] row-major.
  ///   - bias: b, [d₁].
  ///   - rank: r₀. - alpha: α, of the scale α/(r₀ + 1e-5).
  ///   - adapters: not marked trainable yet.
  public init(
    weight: [Float], bias: [Float]? = nil, outputSize: Int, inputSize: Int, rank: Int, alpha: Double = 16,
    in adapters: AdapterStore, name: String = "linear"
  ) {
    self.outputSize = outputSize
    self.inputSize = inputSize
    self.adapters = adapters
    base = FrozenLinear(
      name: name, weight: FrozenMatrix(weight, outputSize: outputSize, inputSize: inputSize),
      bias: bias.map { SharedBuffer($0) })
    index = adapters.addAdapter(name: name, outputSize: outputSize, inputSize: inputSize, rank: rank, alpha: alpha)
  }

  /// x is [rows, d₂] row-major; returns y, [rows, d₁].
  /// - Precondition: the store is marked trainable.
  public func forward(_ x: [Float]) -> [Float] {
    precondition(x.count % inputSize == 0, "\(x.count) values are not rows of \(inputSize)")
    let (layer, workspace) = prepared(rows: x.count / inputSize)
    input = x
    return run(rows * outputSize) { y in
      x.withUnsafeBufferPointer { x in
        guard let x = x.baseAddress else { return }
        layer.forward(x, into: y, rows: rows, workspace)
      }
    }
  }

  /// ∂L/∂y of the last forward, [rows, d₁]; returns ∂L/∂x, [rows, d₂].
  @discardableResult
  public func backward(_ outputGradient: [Float]) -> [Float] {
    guard let layer, let workspace else { preconditionFailure("backward before forward") }
    precondition(
      outputGradient.count == rows * outputSize, "\(outputGradient.count) values, expected \(rows)×\(outputSize)")
    return run(rows * inputSize) { dx in
      outputGradient.withUnsafeBufferPointer { dy in
        input.withUnsafeBufferPointer { x in
          guard let dy = dy.baseAddress, let x = x.baseAddress else { return }
          layer.backward(dy, input: x, into: dx, accumulate: false, rows: rows, workspace)
        }
      }
    }
  }

  private func prepared(rows: Int) -> (LowRankLinear, Workspace) {
    let layer = self.layer ?? adapters.linear(index, over: base)
    let workspace =
      self.workspace
      ?? Workspace(
        arena: Arena(capacity: 0), gradients: adapters.block.gradients, slots: adapters.adapters.count)
    workspace.arena.reserve(layer.savedFloats(rows: rows) + layer.scratchFloats(rows: rows))
    self.layer = layer
    self.workspace = workspace
    self.rows = rows
    return (layer, workspace)
  }

  private func run(_ count: Int, _ body: (MutableFloatPointer) -> Void) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { body(base) }
      initialized = count
    }
  }
}
