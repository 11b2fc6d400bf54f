// Linear layers: frozen, frozen with a low-rank adapter, and trainable.

/// y = x·Wᵀ + b and whatever a layer adds to it. Called by several workers at once, each with its own workspace.
public protocol LinearLayer: AnyObject, Sendable {
  /// The full module name, such as `bert.encoder.layer.0.attention.self.query`.
  var name: String { get }
  var outputSize: Int { get }
  var inputSize: Int { get }
  /// Whether backward adds to the workspace's gradients.
  var isTrainable: Bool { get }
  /// x is [rows, inputSize], y is [rows, outputSize].
  func forward(_ x: FloatPointer, into y: MutableFloatPointer, rows: Int, _ workspace: Workspace)
  /// Adds the parameters' gradients to the workspace and, where wanted, writes (or adds) the input's to `dx`.
  /// `x` is what forward was given.
  func backward(
    _ dy: FloatPointer, input x: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool, rows: Int,
    _ workspace: Workspace)
}

/// y = x·Wᵀ + b with nothing to train.
public final class FrozenLinear: LinearLayer {
  public let name: String
  public let weight: FrozenMatrix
  public let bias: SharedBuffer?

  public init(name: String, weight: FrozenMatrix, bias: SharedBuffer?) {
    self.name = name
    self.weight = weight
    self.bias = bias
  }

  public var outputSize: Int { weight.outputSize }
  public var inputSize: Int { weight.inputSize }
  public var isTrainable: Bool { false }

  public func forward(_ x: FloatPointer, into y: MutableFloatPointer, rows: Int, _ workspace: Workspace) {
    workspace.clock?.begin(.frozenForward)
    if let bias { Elementwise.fillRows(y, with: bias.base, rows: rows, columns: outputSize) }
    weight.apply(x, into: y, rows: rows, accumulate: bias != nil, workspace)
  }

  public func backward(
    _ dy: FloatPointer, input x: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool, rows: Int,
    _ workspace: Workspace
  ) {
    if let dx { weight.applyTransposed(dy, into: dx, rows: rows, accumulate: accumulate, workspace) }
  }
}

/// y = x·Wᵀ + b, or without b, all of it trainable: a task head. W and b are segments of a parameter block.
public final class TrainableLinear: LinearLayer {
  public let name: String
  public let outputSize: Int
  public let inputSize: Int
  private let block: ParameterBlock
  private let weightOffset: Int
  private let biasOffset: Int?

  public init(
    name: String, outputSize: Int, inputSize: Int, block: ParameterBlock, weightOffset: Int, biasOffset: Int?
  ) {
    self.name = name
    self.outputSize = outputSize
    self.inputSize = inputSize
    self.block = block
    self.weightOffset = weightOffset
    self.biasOffset = biasOffset
  }

  public var isTrainable: Bool { true }

  public func forward(_ x: FloatPointer, into y: MutableFloatPointer, rows: Int, _ workspace: Workspace) {
    workspace.clock?.begin(.head, flops: 2 * rows * outputSize * inputSize)
    if let biasOffset {
      Elementwise.fillRows(y, with: block.weights + biasOffset, rows: rows, columns: outputSize)
    }
    BLAS.multiply(
      rows, outputSize, inputSize, x, .no, lda: inputSize, block.weights + weightOffset, .yes, ldb: inputSize,
      beta: biasOffset == nil ? 0 : 1, y, ldc: outputSize)
  }

  public func backward(
    _ dy: FloatPointer, input x: FloatPointer, into dx: MutableFloatPointer?, accumulate: Bool, rows: Int,
    _ workspace: Workspace
  ) {
    workspace.clock?.begin(.head, flops: (dx == nil ? 2 : 4) * rows * outputSize * inputSize)
    BLAS.multiply(
      outputSize, inputSize, rows, dy, .yes, lda: outputSize, x, .no, ldb: inputSize, beta: 1,
      workspace.gradients + weightOffset, ldc: inputSize)
    if let biasOffset {
      Elementwise.addColumnSums(workspace.gradients + biasOffset, dy, rows: rows, columns: outputSize)
    }
    guard let dx else { return }
    BLAS.multiply(
      rows, inputSize, outputSize, dy, .no, lda: outputSize, block.weights + weightOffset, .no, ldb: inputSize,
      beta: accumulate ? 1 : 0, dx, ldc: inputSize)
  }
}
