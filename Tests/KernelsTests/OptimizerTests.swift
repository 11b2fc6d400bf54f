import Glibc
import Kernels
import Testing

@Suite("AdamW")
struct AdamWTests {
  /// The steps of `torch.optim.AdamW` on one number, in double.
  private struct Naive {
    var w: Double
    var m = 0.0
    var v = 0.0

    mutating func update(_ g: Double, rate: Double, decay: Double, step: Int) {
      w *= 1 - rate * decay
      m += 0.1 * (g - m)
      v = 0.999 * v + 0.001 * g * g
      let denominator = v.squareRoot() / (1 - pow(0.999, Double(step))).squareRoot() + 1e-8
      w -= rate / (1 - pow(0.9, Double(step))) * m / denominator
    }
  }

  @Test("ten steps are within 1e-6 of the definition", arguments: awkwardSizes)
  func steps(count: Int) {
    let start = normals(count, seed: 71)
    var w = start
    var m = [Float](repeating: 0, count: count)
    var v = m
    var naive = start.map { Naive(w: Double($0)) }
    let adam = AdamW(learningRate: 1e-2, weightDecay: 0.1)
    for step in 1...10 {
      let gradient = normals(count, seed: 72 + UInt64(step), deviation: 0.1)
      var g = gradient
      adam.update(&w, gradient: &g, m: &m, v: &v, count: count, step: step, gradientScale: 0.5)
      #expect(g == gradient.map { $0 * 0.5 })
      for i in 0..<count {
        naive[i].update(Double(gradient[i]) * 0.5, rate: Double(Float(1e-2)), decay: Double(Float(0.1)), step: step)
      }
    }
    #expect(largestError(w, naive.map(\.w), relativeAbove: 1) < 1e-6)
    #expect(largestError(m, naive.map(\.m), relativeAbove: 1e-3) < 2e-6)
    #expect(largestError(v, naive.map(\.v), relativeAbove: 1e-30) < 2e-6)
  }

  @Test("the first step moves every weight by the learning rate, whatever the gradient's size")
  func firstStep() {
    var w: [Float] = [0, 0, 0, 0]
    var g: [Float] = [1e-3, -5, 1e10, 0]
    var m: [Float] = [0, 0, 0, 0]
    var v = m
    AdamW(learningRate: 0.25, weightDecay: 0).update(&w, gradient: &g, m: &m, v: &v, count: 4, step: 1)
    #expect(largestError(w, [-0.25, 0.25, -0.25, 0]) < 1e-5)
  }

  @Test("late steps keep their bias corrections, computed in double")
  func lateStep() {
    var w: [Float] = [1]
    var g: [Float] = [0.5]
    var m: [Float] = [0.3]
    var v: [Float] = [0.04]
    var naive = Naive(w: 1, m: Double(m[0]), v: Double(v[0]))
    naive.update(0.5, rate: Double(Float(0.1)), decay: 0, step: 5000)
    AdamW(learningRate: 0.1, weightDecay: 0).update(&w, gradient: &g, m: &m, v: &v, count: 1, step: 5000)
    #expect(abs(Double(w[0]) - naive.w) < 2e-7)
  }

  @Test("weights without a gradient only decay")
  func decay() {
    var w: [Float] = [2, -4]
    var g: [Float] = [0, 0]
    var m: [Float] = [0, 0]
    var v = m
    AdamW(learningRate: 0.5, weightDecay: 0.5).update(&w, gradient: &g, m: &m, v: &v, count: 2, step: 3)
    #expect(w == [1.5, -3])
  }
}

@Suite("Sensitivity")
struct SensitivityTests {
  @Test("five steps are within 1e-6 relative of equations 8 to 10", arguments: awkwardSizes)
  func steps(count: Int) {
    let (beta1, beta2) = (0.85, 0.9)
    var smoothed = [Float](repeating: 0, count: count)
    var uncertainty = smoothed
    var i = [Double](repeating: 0, count: count)
    var a = i
    var u = i
    var sums = Sensitivity.Sums()
    for step in 0..<5 {
      let w = normals(count, seed: 81 + UInt64(step))
      let g = normals(count, seed: 91 + UInt64(step))
      sums = Sensitivity.update(
        w, gradient: g, smoothed: &smoothed, uncertainty: &uncertainty, count: count, beta1: beta1, beta2: beta2)
      for k in 0..<count {
        i[k] = abs(Double(w[k]) * Double(g[k]))
        a[k] = beta1 * a[k] + (1 - beta1) * i[k]
        // The Ī just updated.
        u[k] = beta2 * u[k] + (1 - beta2) * abs(i[k] - a[k])
      }
    }
    #expect(largestError(smoothed, a, relativeAbove: 1e-30) < 1e-6)
    #expect(largestError(uncertainty, u, relativeAbove: 1e-30) < 1e-6)
    let products = zip(a, u).map { $0 * $1 }
    for (got, expected) in [
      (sums.sensitivity, i), (sums.smoothed, a), (sums.uncertainty, u), (sums.product, products),
    ] {
      #expect(largestError([got], [expected.reduce(0, +)], relativeAbove: 1e-30) < 2e-6)
    }
  }

  @Test("β of 0 keeps only this step; without gradients everything fades")
  func limits() {
    var smoothed: [Float] = [5, 5]
    var uncertainty: [Float] = [5, 5]
    let fresh = Sensitivity.update(
      [2, -3], gradient: [-1, 2], smoothed: &smoothed, uncertainty: &uncertainty, count: 2, beta1: 0, beta2: 0)
    #expect(smoothed == [2, 6])
    #expect(uncertainty == [0, 0])
    #expect(fresh.sensitivity == 8)
    let faded = Sensitivity.update(
      [2, -3], gradient: [0, 0], smoothed: &smoothed, uncertainty: &uncertainty, count: 2, beta1: 0.5, beta2: 0.5)
    #expect(smoothed == [1, 3])
    #expect(uncertainty == [0.5, 1.5])
    #expect(faded.sensitivity == 0)
    #expect(faded.product == 5)
  }

  @Test("the same input gives the same bits")
  func deterministic() {
    let w = normals(1000, seed: 83)
    let g = normals(1000, seed: 84)
    let runs = (0..<3).map { _ in
      var smoothed = w.map { abs($0) }
      var uncertainty = smoothed
      return Sensitivity.update(
        w, gradient: g, smoothed: &smoothed, uncertainty: &uncertainty, count: 1000, beta1: 0.85, beta2: 0.85)
    }
    #expect(runs[1] == runs[0])
    #expect(runs[2] == runs[0])
  }
}
