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

  public init(name: String, outputSize: Int, inputSize: Int, layer: Int?, hasBias: Bool = true) {
    self.name = name
    self.outputSize = outputSize
    self.inputSize = inputSize
    self.layer = layer
    self.hasBias = hasBias
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
  /// - Parameter shape: what the tensor must have.
  /// - Throws: where it is missing or of another shape or type; the message names file and tensor.
  func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor
}

extension WeightSource {
  /// A tensor's values as float32, copied only where they are stored otherwise. Throws as `stored`.
  public func floats(_ name: String, shape: [Int]? = nil) throws(InputError) -> TensorData {
    try stored(name, shape: shape).floats
  }

  /// A matrix for products and for looking up rows, used as it is stored.
  /// - Parameter precision: of the products.
  /// - Throws: as `stored`.
  public func matrix(
    _ name: String, rows: Int, columns: Int, _ precision: Precision
  ) throws(InputError) -> FrozenMatrix {
    let tensor = try stored(name, shape: [rows, columns])
    return FrozenMatrix(tensor.matrix(rows, columns), owner: tensor.owner, precision: precision)
  }
}

/// A transformer with one vector of logits a sequence. Shared by workers; each has its own `ForwardPass`.
public protocol SequenceModel: AnyObject, Sendable {
  /// All linear modules in the model's order; taps go by it.
  var modules: [LinearModule] { get }
  var labelCount: Int { get }
  /// The longest sequence the model can take.
  var maximumLength: Int { get }
  var vocabularySize: Int { get }
  /// What the arena must hold for a shard, forward and backward, in floats.
  func arenaFloats(tokens: Int, squaredLengths: Int, sequences: Int) -> Int
  /// What one worker needs to run the model. Allocates; made once a worker.
  func makePass(_ workspace: Workspace) -> any ForwardPass
}

extension SequenceModel {
  /// Makes room in a worker's arena for its shard of the batch; allocates only where none was as large before.
  public func reserve(_ arena: Arena, for batch: PackedBatch, _ shard: Range<Int>) {
    arena.reserve(
      arenaFloats(tokens: batch.rows(shard), squaredLengths: batch.squaredLengths(shard), sequences: shard.count))
  }
}

/// One worker's run of a model over its share of a batch. Allocates nothing.
public protocol ForwardPass: AnyObject {
  /// The logits of `sequences`, [sequences.count, labelCount], in the workspace's arena.
  func forward(_ batch: PackedBatch, _ sequences: Range<Int>) -> MutableFloatPointer
  /// Adds the trainable parameters' gradients to the workspace. Uses what the last `forward` left.
  /// - Parameter logitsGradient: [sequences.count, labelCount]; nil where the loss does not see the logits (taps only).
  func backward(_ logitsGradient: FloatPointer?)
}
