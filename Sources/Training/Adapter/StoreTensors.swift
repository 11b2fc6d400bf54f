// The store's tensors under PEFT's names and layouts.

import AdaLoRA
import Models

extension AdapterStore {
  /// lora_A = Q of the chosen triplets, [chosen, d₂].
  func loraA(_ index: Int, triplets: [Int]) -> [Float] {
    let adapter = adapters[index]
    let q = block.weights + adapter.layout.qOffset
    return triplets.flatMap { i in (0..<adapter.inputSize).map { q[i * adapter.inputSize + $0] } }
  }

  /// lora_B = P of the chosen triplets, [d₁, chosen]: the store keeps it transposed.
  func loraB(_ index: Int, triplets: [Int]) -> [Float] {
    let adapter = adapters[index]
    let p = block.weights + adapter.layout.pOffset
    return (0..<adapter.outputSize).flatMap { row in triplets.map { p[$0 * adapter.outputSize + row] } }
  }

  /// lora_E = λ of the chosen triplets, [chosen, 1].
  func loraE(_ index: Int, triplets: [Int]) -> [Float] {
    let lambda = lambda(index)
    return triplets.map { lambda[$0] }
  }

  func setLoraA(_ index: Int, _ values: TensorData) {
    (block.weights + adapters[index].layout.qOffset).update(from: values.base, count: values.count)
  }

  func setLoraB(_ index: Int, _ values: TensorData) {
    let adapter = adapters[index]
    let rank = adapter.layout.rank
    let p = block.weights + adapter.layout.pOffset
    for row in 0..<adapter.outputSize {
      for i in 0..<rank { p[i * adapter.outputSize + row] = values.base[row * rank + i] }
    }
  }

  func setLoraE(_ index: Int, _ values: TensorData) {
    lambda(index).update(from: values.base, count: values.count)
  }

  func dense(_ tensor: Dense) -> [Float] { (0..<tensor.count).map { block.weights[tensor.offset + $0] } }

  func setDense(_ tensor: Dense, _ values: TensorData) {
    (block.weights + tensor.offset).update(from: values.base, count: values.count)
  }
}
