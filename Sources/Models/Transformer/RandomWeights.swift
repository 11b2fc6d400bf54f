// Weights made on the spot, of whatever shape is asked for.

import Kernels

/// N(0, σ²) for matrices and tables, near 1 for the gains of norms (any other vector is a bias, and near 0). A tensor
/// depends on its name and the seed alone.
public final class RandomWeights: WeightSource {
  public let path = "random weights"
  public let names: [String]
  private let deviation: Double
  private let seed: UInt64

  /// - Parameter names: what the source claims to have, for a model that looks before it asks; any other tensor is
  ///   made as well.
  public init(deviation: Double, seed: UInt64, names: [String] = []) {
    self.names = names
    self.deviation = deviation
    self.seed = seed
  }

  public func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let shape else { throw InputError(file: path, place: "tensor \(name)", "expected a shape to be asked for") }
    var hash = seed
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var random = RandomSource(seed: hash)
    let center: Float = shape.count == 1 && name.hasSuffix(".weight") ? 1 : 0
    let values = TensorData(shape: shape) { base in
      let count = shape.reduce(1, *)
      random.fillNormal(base, count: count, deviation: Float(self.deviation))
      for i in 0..<count { base[i] += center }
    }
    return StoredTensor(values)
  }
}
