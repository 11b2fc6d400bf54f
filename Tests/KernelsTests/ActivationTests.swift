import Glibc
import Kernels
import Testing

@Suite("Activations")
struct ActivationTests {
  /// The definitions, in double.
  static func naive(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .gelu: x * 0.5 * erfc(-x / 2.0.squareRoot())
    case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .relu: max(x, 0)
    case .tanh: tanh(x)
    }
  }

  private func forward(_ activation: Activation, _ x: [Float]) -> [Float] {
    var y = [Float](repeating: .nan, count: x.count)
    activation.forward(x, into: &y, count: x.count)
    return y
  }

  private func backward(_ activation: Activation, _ x: [Float], _ dy: [Float]) -> [Float] {
    var dx = [Float](repeating: .nan, count: x.count)
    activation.backward(x, dy, into: &dx, count: x.count)
    return dx
  }

  /// Evenly spaced over ±range, the closest of them far below a float's step near the ends.
  private func grid(_ range: Float) -> [Float] { (0...200_000).map { (Float($0) / 100_000 - 1) * range } }

  @Test("forward is within 2e-7·max(1, |x|) of its definition", arguments: Activation.allCases, [1, 6, 20, 1000])
  func forwardError(activation: Activation, range: Float) {
    let x = grid(range)
    let y = forward(activation, x)
    var worst = 0.0
    for (x, y) in zip(x, y) {
      let error = abs(Double(y) - Self.naive(activation, Double(x))) / max(1, abs(Double(x)))
      worst = error.isNaN ? .infinity : max(worst, error)
    }
    #expect(worst < 2e-7)
  }

  @Test("the slope is within 5e-7 of central differences", arguments: Activation.allCases, [1, 6, 20])
  func backwardError(activation: Activation, range: Float) {
    // ReLU has no slope at 0.
    let x = grid(range).filter { abs($0) > 1e-4 }
    let dx = backward(activation, x, [Float](repeating: 1, count: x.count))
    let slopes = x.map { x in
      let h = 1e-5
      return (Self.naive(activation, Double(x) + h) - Self.naive(activation, Double(x) - h)) / (2 * h)
    }
    #expect(largestError(dx, slopes) < 5e-7)
  }

  @Test("every length gives the values of whole vectors, and nothing is written past it", arguments: awkwardSizes)
  func lengths(count: Int) {
    let x = normals(count, seed: 3, deviation: 2)
    for activation in Activation.allCases {
      var y = [Float](repeating: -7, count: count + 1)
      activation.forward(x, into: &y, count: count)
      #expect(y[count] == -7)
      #expect(largestError(Array(y[..<count]), x.map { Self.naive(activation, Double($0)) }) < 1e-6)
    }
  }

  @Test("backward multiplies by the gradient from above, in place as well", arguments: Activation.allCases)
  func inPlace(activation: Activation) {
    let x = normals(1000, seed: 4, deviation: 2)
    let dy = normals(1000, seed: 5)
    let slope = backward(activation, x, [Float](repeating: 1, count: 1000))
    let dx = backward(activation, x, dy)
    #expect(largestError(dx, zip(slope, dy).map { Double($0) * Double($1) }, relativeAbove: 1e-30) < 1.5e-7)
    var gradient = dy
    gradient.withUnsafeMutableBufferPointer { g in
      guard let base = g.baseAddress else { return }
      activation.backward(x, base, into: base, count: 1000)
    }
    #expect(gradient == dx)
  }

  @Test(
    "the ends of the number line: infinite, huge, tiny, zero, NaN",
    arguments: Activation.allCases.filter { $0 != .tanh })
  func extremes(activation: Activation) {
    let large: [Float] = [.infinity, .greatestFiniteMagnitude, 1e20, 50]
    #expect(forward(activation, large) == large)
    #expect(backward(activation, large, [2, 2, 2, 2]) == [2, 2, 2, 2])
    #expect(forward(activation, large.map { -$0 }) == [0, 0, 0, 0])
    #expect(backward(activation, large.map { -$0 }, [2, 2, 2, 2]) == [0, 0, 0, 0])
    #expect(forward(activation, [0, -0, .leastNonzeroMagnitude])[..<2] == [0, 0])
    let tiny = forward(activation, [.leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1e-38])
    #expect(tiny.allSatisfy { abs($0) <= 1e-38 })
    #expect(forward(activation, [.nan]).allSatisfy { $0.isNaN })
    #expect(backward(activation, [.nan], [.nan]).allSatisfy { $0.isNaN })
    #expect(backward(activation, [1], [.nan]).allSatisfy { $0.isNaN })
    if activation != .relu { #expect(largestError(backward(activation, [0], [1]), [0.5]) < 1e-7) }
  }

  @Test("tanh is odd and ±1 at the ends, its slope 0 there")
  func hyperbolicTangent() {
    let x = grid(5)
    #expect(forward(.tanh, x.map { -$0 }) == forward(.tanh, x).map { -$0 })
    let subnormal = Float.leastNormalMagnitude / 8
    let ends: [Float] = [.infinity, -.infinity, .greatestFiniteMagnitude, -1e30, 0, subnormal, .nan]
    #expect(forward(.tanh, ends)[..<6] == [1, -1, 1, -1, 0, subnormal])
    #expect(forward(.tanh, ends)[6].isNaN)
    #expect(backward(.tanh, ends, [2, 2, 2, 2, 2, 2, 2])[..<6] == [0, 0, 0, 0, 2, 2])
  }

  @Test("activations go by their name in a model's configuration")
  func names() {
    #expect(Activation(named: "gelu") == .gelu)
    #expect(Activation(named: "gelu_new") == .geluTanh)
    #expect(Activation(named: "gelu_pytorch_tanh") == .geluTanh)
    #expect(Activation(named: "relu") == .relu)
    #expect(Activation(named: "tanh") == .tanh)
    #expect(Activation(named: "swish") == nil)
  }
}
