// What a model family offers to a training loop, and what it asks of it.

import Kernels

/// A linear module of a model, before it exists.
public struct LinearModule: Sendable, Equatable {
  /// As HuggingFace names it, such as `bert.encoder.layer.0.attention.self.query`.
  public let name: String
  /// d₁.
  public let outputSize: Int
  /// d₂.
  public let inputSize: Int
  /// The number of its layer, nil outside the stack.
  public let layer: Int?
  public let hasBias: Bool
  /// Whether the file holds its weight as [d₂, d₁], as `Conv1D` does: PEFT's `fan_in_fan_out`.
  public let isTransposed: Bool

  public init(
    name: String, outputSize: Int, inputSize: Int, layer: Int?, hasBias: Bool = true, isTransposed: Bool = false
  ) {
    self.name = name
    self.outputSize = outputSize
    self.inputSize = inputSize
    self.layer = layer
    self.hasBias = hasBias
    self.isTransposed = isTransposed
  }
}

/// Decides what each linear module becomes: the caller's way to put adapters into a model that knows of none.
public protocol LinearFactory {
  /// - Parameter base: the frozen layer as loaded.
  func linear(_ module: LinearModule, base: FrozenLinear) -> any LinearLayer
  /// A linear module of the task head.
  /// - Parameter pretrained: the model's own, where its file has one of the right shape.
  func head(_ module: LinearModule, pretrained: FrozenLinear?) -> any LinearLayer
}

/// Named tensors, from a folder or made on the spot.
public protocol WeightSource: AnyObject {
  /// The file or folder, for errors.
  var path: String { get }
  var names: [String] { get }
  /// - Parameter shape: what the tensor must have; nil takes any.
  /// - Throws: where it is missing or of another shape or type; the message names file and tensor.
  func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor
}

extension WeightSource {
  /// - Throws: where a tensor was asked for in another shape than it has.
  func check(_ shape: [Int], of name: String, asked: [Int]?) throws(InputError) {
    guard let asked, asked != shape else { return }
    throw InputError(file: path, place: "tensor \(name.excerpt)", "shape \(shape), expected \(asked)")
  }

  /// A tensor's values as float32, copied only where they are stored otherwise. Throws as `stored`.
  public func floats(_ name: String, shape: [Int]? = nil) throws(InputError) -> TensorData {
    try stored(name, shape: shape).floats
  }

  /// A matrix for products and for looking up rows, used as it is stored.
  /// - Parameters:
  ///   - isTransposed: whether its transpose is stored.
  ///   - precision: of the products.
  /// - Throws: as `stored`.
  func matrix(
    _ name: String, outputSize: Int, inputSize: Int, isTransposed: Bool = false, _ precision: Precision
  ) throws(InputError) -> FrozenMatrix {
    let (rows, columns) = isTransposed ? (inputSize, outputSize) : (outputSize, inputSize)
    let tensor = try stored(name, shape: [rows, columns])
    return FrozenMatrix(
      tensor.matrix(rows, columns), isTransposed: isTransposed, owner: tensor.owner, precision: precision)
  }

  /// A module as the file has it.
  /// - Parameter name: the file's for the module.
  /// - Throws: as `stored`.
  func linear(_ module: LinearModule, name: String, _ precision: Precision) throws(InputError) -> FrozenLinear {
    FrozenLinear(
      name: module.name,
      weight: try matrix(
        name + ".weight", outputSize: module.outputSize, inputSize: module.inputSize,
        isTransposed: module.isTransposed, precision),
      bias: module.hasBias ? SharedBuffer(try floats(name + ".bias", shape: [module.outputSize]).values) : nil)
  }
}

/// A transformer with one vector of logits a sequence, or one state a token that its `tokenHead` makes logits of. Shared
/// by workers; each has its own `ForwardPass`.
public protocol SequenceModel: AnyObject, Sendable {
  /// All linear modules in the model's order; taps go by it.
  var modules: [LinearModule] { get }
  var labelCount: Int { get }
  /// Of a language model: what makes logits over the vocabulary of the states that its passes return. Nil where the
  /// model classifies.
  var tokenHead: TokenHead? { get }
  /// The longest sequence the model can take.
  var maximumLength: Int { get }
  var vocabularySize: Int { get }
  /// What the arena must hold for a shard, forward and backward, in floats.
  /// - Parameter recomputes: whether layers are computed again in backward.
  func arenaFloats(tokens: Int, squaredLengths: Int, sequences: Int, recomputes: Bool) -> Int
  /// What one worker needs to run the model. Allocates; made once a worker.
  func makePass(_ workspace: Workspace) -> any ForwardPass
}

extension SequenceModel {
  public var tokenHead: TokenHead? { nil }

  /// The rows and columns of what a pass makes of a shard: logits, or states that `tokenHead` is applied to.
  public func outputShape(_ batch: PackedBatch, _ shard: Range<Int>) -> (rows: Int, columns: Int) {
    tokenHead.map { (batch.rows(shard), $0.weight.inputSize) } ?? (shard.count, labelCount)
  }

  /// Makes room in a worker's arena for its shard of the batch; allocates only where none was as large before.
  public func reserve(_ workspace: Workspace, for batch: PackedBatch, _ shard: Range<Int>) {
    workspace.arena.reserve(
      arenaFloats(
        tokens: batch.rows(shard), squaredLengths: batch.squaredLengths(shard), sequences: shard.count,
        recomputes: workspace.recomputes))
  }
}

/// One worker's run of a model over its share of a batch. Allocates nothing.
public protocol ForwardPass: AnyObject {
  /// The logits of `sequences`, [sequences.count, labelCount], or a language model's states, [tokens, hidden size]; in
  /// the workspace's arena.
  func forward(_ batch: PackedBatch, _ sequences: Range<Int>) -> MutableFloatPointer
  /// Adds the trainable parameters' gradients to the workspace. Uses what the last `forward` left.
  /// - Parameter outputGradient: of what `forward` returned; nil where the loss does not see it (taps only).
  func backward(_ outputGradient: FloatPointer?)
}
