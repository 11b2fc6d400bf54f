// GGUF files as llama.cpp writes them, read as if they were a model's folder: a configuration and tensors under
// HuggingFace's names.

import Kernels

/// An open GGUF file of a decoder. Its header is validated in full when it is opened; tensors stay where they are,
/// quantised as they are.
final class GGUFFile: WeightSource, Sendable {
  let path: String
  /// As HuggingFace names them, in the file's order.
  let names: [String]
  let metadata: JSON
  /// What `config.json` would say.
  let config: JSON
  private let tensors: [ExactKey: (tensor: GGUFHeader.Tensor, interleavedHead: Int?)]
  private let file: MappedFile

  /// - Throws: for what `GGUFHeader` refuses, and for an architecture that is not supported.
  init(path: String) throws(InputError) {
    self.path = path
    file = try MappedFile(path: path)
    let header = try GGUFHeader(file)
    let model = try GGUFModel(header, path)
    metadata = .object(header.metadata)
    config = model.config
    var tensors: [ExactKey: (GGUFHeader.Tensor, Int?)] = [:]
    var names: [String] = []
    for tensor in header.tensors {
      let name = GGUFModel.name(tensor.name)
      guard tensors.updateValue((tensor, try model.interleavedHead(tensor)), forKey: ExactKey(name)) == nil else {
        throw InputError(file: path, place: "tensor \(tensor.name.excerpt)", "occurs twice")
      }
      names.append(name)
    }
    self.names = names
    self.tensors = tensors
  }

  func stored(_ name: String, shape: [Int]?) throws(InputError) -> StoredTensor {
    guard let (tensor, head) = tensors[ExactKey(name)] else {
      throw InputError(
        file: path, place: "tensor \(name.excerpt)", "missing" + (shape.map { "; expected one of shape \($0)" } ?? ""))
    }
    try check(tensor.shape, of: tensor.name, asked: shape)
    guard let base = file.bytes.baseAddress else { preconditionFailure("a header in an empty file") }
    return StoredTensor(
      base + tensor.bytes.lowerBound, tensor.format, shape: tensor.shape, interleavedHead: head, owner: file)
  }
}
