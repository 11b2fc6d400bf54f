// Another source's weights but for a few.

/// A source in which some tensors have other values, in the shape that they had.
public final class ReplacedWeights: WeightSource {
  private let base: any WeightSource
  private let changed: [String: TensorData]

  /// - Parameter changed: by name; a tensor that is asked for in another shape than its values' is an error, as in a file.
  public init(_ base: any WeightSource, _ changed: [String: TensorData]) {
    self.base = base
    self.changed = changed
  }

  public var path: String { base.path }
  public var names: [String] { base.names }

  public func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let tensor = changed[name] else { return try base.stored(name, shape: shape) }
    try check(tensor.shape, of: name, asked: shape)
    return StoredTensor(tensor)
  }
}
