// Finds an encoder's tensors under either way of naming them.

import Kernels

struct EncoderReader {
  let config: EncoderConfig
  let weights: any WeightSource
  /// Whether the file's names of the encoder begin with the family's prefix.
  private let isPrefixed: Bool
  private let names: Set<String>

  init(_ config: EncoderConfig, _ weights: any WeightSource) {
    self.config = config
    self.weights = weights
    names = Set(weights.names)
    isPrefixed = names.contains { $0.hasPrefix(config.family.prefix) }
  }

  /// The file's name for one of ours, which begins with the family's prefix where it is the encoder's.
  func fileName(_ name: String) -> String {
    isPrefixed || !name.hasPrefix(config.family.prefix) ? name : String(name.dropFirst(config.family.prefix.count))
  }

  private func tensor(_ name: String, _ shape: [Int]) throws(InputError) -> TensorData {
    try weights.floats(fileName(name), shape: shape)
  }

  func norm(_ name: String, size: Int? = nil) throws(InputError) -> EncoderModel.Norm {
    // Checkpoints converted from TensorFlow call them gamma and beta.
    let isOld = names.contains(fileName(name) + ".gamma")
    let shape = [size ?? config.hiddenSize]
    return EncoderModel.Norm(
      gain: try tensor(name + (isOld ? ".gamma" : ".weight"), shape),
      bias: try tensor(name + (isOld ? ".beta" : ".bias"), shape))
  }

  private var tables: String { config.family.prefix + "embeddings." }

  func embeddings() throws(InputError) -> EncoderModel.Embeddings {
    let width = config.embeddingSize
    let types = config.typeVocabularySize
    return EncoderModel.Embeddings(
      word: try tensor(tables + "word_embeddings.weight", [config.vocabularySize, width]),
      position: config.hasPositionTable
        ? try tensor(tables + "position_embeddings.weight", [config.maxPositionEmbeddings, width]) : nil,
      tokenType: types > 0 ? try tensor(tables + "token_type_embeddings.weight", [types, width]) : nil,
      norm: try norm(
        tables + "LayerNorm", size: config.projection?.precedesNorm == false ? width : config.hiddenSize))
  }

  private var encoder: String { config.family.prefix + "encoder." }

  /// DeBERTa's relative embeddings, normalised where it has them so.
  func relativeTable() throws(InputError) -> TensorData? {
    guard let relative = config.relative, relative.hasPositionKeys || relative.hasPositionQueries else { return nil }
    let d = config.hiddenSize
    let rows = 2 * relative.positions.span
    let table = try tensor(encoder + "rel_embeddings.weight", [rows, d])
    guard relative.isNormalized else { return table }
    let norm = try norm(encoder + "LayerNorm")
    return TensorData(shape: [rows, d]) { values in
      var normalized = [Float](repeating: 0, count: rows * d)
      var deviation = [Float](repeating: 0, count: rows)
      LayerNorm.forward(
        table.base, residual: nil, gain: norm.gain.base, bias: norm.bias.base, epsilon: config.layerNormEpsilon,
        normalized: &normalized, rstd: &deviation, into: values, rows: rows, columns: d)
    }
  }

  func convolution() throws(InputError) -> EncoderConvolution? {
    guard let convolution = config.convolution else { return nil }
    let d = config.hiddenSize
    let weight = try tensor(encoder + "conv.conv.weight", [d, d, convolution.width])
    let taps = (0..<convolution.width).map { tap in
      FrozenMatrix(
        (0..<d * d).map { weight.base[$0 * convolution.width + tap] }, outputSize: d, inputSize: d)
    }
    return EncoderConvolution(
      taps: taps, bias: try tensor(encoder + "conv.conv.bias", [d]), norm: try norm(encoder + "conv.LayerNorm"),
      activation: convolution.activation)
  }

  func linear(_ module: LinearModule, seed: UInt64, _ precision: Precision) throws(InputError) -> FrozenLinear {
    if module.name == config.family.pooler && !names.contains(fileName(module.name) + ".weight") {
      return randomPooler(module, seed: seed)
    }
    return try weights.linear(module, name: fileName(module.name), precision)
  }

  /// The file's own, if it has one; of the last only where it has as many labels.
  func head(_ module: LinearModule) throws(InputError) -> FrozenLinear? {
    guard names.contains(module.name + ".weight") else { return nil }
    guard module.name != config.family.head.last || config.labelCount == module.outputSize else { return nil }
    return try weights.linear(module, name: fileName(module.name), .float32)
  }

  private func randomPooler(_ module: LinearModule, seed: UInt64) -> FrozenLinear {
    var random = RandomSource(seed: seed, purpose: 3)
    let values = (0..<module.outputSize * module.inputSize).map { _ in
      Float(random.normal() * config.initializerRange)
    }
    return FrozenLinear(
      name: module.name,
      weight: FrozenMatrix(values, outputSize: module.outputSize, inputSize: module.inputSize),
      bias: SharedBuffer(Array(repeating: 0, count: module.outputSize)))
  }

  /// Tensors that no such classifier has mean that the file is of something else.
  func refuseUnexpected() throws(InputError) {
    let family = config.family
    var expected = Set(family.head.flatMap { [$0 + ".weight", $0 + ".bias"] })
    for module in config.modules {
      expected.formUnion([fileName(module.name) + ".weight", fileName(module.name) + ".bias"])
    }
    var norms = [tables + "LayerNorm"]
    for l in 0..<config.hiddenLayers {
      norms += [config.layerName(l) + family.layer.attentionNorm, config.layerName(l) + family.layer.outputNorm]
    }
    if family == .debertaV2 { norms += [encoder + "LayerNorm", encoder + "conv.LayerNorm"] }
    for norm in norms {
      for part in ["weight", "bias", "gamma", "beta"] { expected.insert("\(fileName(norm)).\(part)") }
    }
    for table in ["word", "position", "token_type"] { expected.insert(fileName("\(tables)\(table)_embeddings.weight")) }
    if config.relative != nil { expected.insert(fileName(encoder + "rel_embeddings.weight")) }
    if config.convolution != nil {
      expected.formUnion(["weight", "bias"].map { fileName(encoder + "conv.conv.\($0)") })
    }
    // Buffers and pre-training heads that other classes save along.
    let ignored = family.ignored.map(fileName)
    for name in weights.names where !expected.contains(name) && !ignored.contains(where: name.hasPrefix) {
      throw InputError(
        file: weights.path, place: "tensor \(name)",
        "unexpected: a \(family.modelType) of \(config.hiddenLayers) layers with a classifier has no such tensor")
    }
  }
}
