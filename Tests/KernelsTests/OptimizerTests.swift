import Glibc
import Kernels
import Testing

/// A row of parameters with all that an update keeps of them.
private struct Row: Equatable {
  var w: [Float]
  var m: [Float]
  var v: [Float]
  var smoothed: [Float]
  var uncertainty: [Float]
  var sums = Sensitivity.Sums()

  init(_ w: [Float], m: [Float]? = nil, v: [Float]? = nil, smoothed: [Float]? = nil, uncertainty: [Float]? = nil) {
    let zeros = [Float](repeating: 0, count: w.count)
    self.w = w
    self.m = m ?? zeros
    self.v = v ?? zeros
    self.smoothed = smoothed ?? zeros
    self.uncertainty = uncertainty ?? zeros
  }

  mutating func apply(_ update: ParameterUpdate, _ gradient: [Float]) {
    sums = update(
      &w, gradient: gradient, m: &m, v: &v, smoothed: &smoothed, uncertainty: &uncertainty, count: w.count)
  }
}

/// The definitions of `torch.optim.AdamW` and of equations 8 to 10, on one number, in double.
private struct Naive {
  var w: Double
  var m = 0.0
  var v = 0.0
  var i = 0.0
  var smoothed = 0.0
  var uncertainty = 0.0

  mutating func step(_ g: Double, rate: Double, decay: Double, count: Int) {
    w *= 1 - rate * decay
    m += 0.1 * (g - m)
    v = 0.999 * v + 0.001 * g * g
    let denominator = v.squareRoot() / (1 - pow(0.999, Double(count))).squareRoot() + 1e-8
    w -= rate / (1 - pow(0.9, Double(count))) * m / denominator
  }

  mutating func sense(_ g: Double, beta1: Double, beta2: Double) {
    i = abs(w * g)
    smoothed = beta1 * smoothed + (1 - beta1) * i
    // The Ī just updated.
    uncertainty = beta2 * uncertainty + (1 - beta2) * abs(i - smoothed)
  }
}

@Suite("One pass over parameters")
struct ParameterUpdateTests {
  /// Whether the optimizer steps, and whether I precedes it; nil takes none.
  static let forms: [(steps: Bool, precedes: Bool?)] = [
    (true, nil), (true, false), (true, true), (false, false), (false, nil),
  ]

  @Test("ten steps are within 1e-6 of the definitions, in every form", arguments: awkwardSizes, forms)
  func steps(count: Int, form: (steps: Bool, precedes: Bool?)) {
    let start = normals(count, seed: 71)
    var row = Row(start)
    var naive = start.map { Naive(w: Double($0)) }
    let adam = AdamW(learningRate: 1e-2, weightDecay: 0.1)
    for step in 1...10 {
      let gradient = normals(count, seed: 72 + UInt64(step), deviation: 0.1)
      row.apply(
        ParameterUpdate(
          form.steps ? adam : nil, count: step, gradientScale: 0.5,
          sensitivity: form.precedes.map { Sensitivity(beta1: 0.85, beta2: 0.9, precedesStep: $0) }), gradient)
      for i in 0..<count {
        let g = Double(gradient[i]) * 0.5
        if form.precedes == true { naive[i].sense(g, beta1: 0.85, beta2: 0.9) }
        if form.steps { naive[i].step(g, rate: Double(Float(1e-2)), decay: Double(Float(0.1)), count: step) }
        if form.precedes == false { naive[i].sense(g, beta1: 0.85, beta2: 0.9) }
      }
    }
    #expect(largestError(row.w, naive.map(\.w), relativeAbove: 1) < 1e-6)
    #expect(largestError(row.m, naive.map(\.m), relativeAbove: 1e-3) < 2e-6)
    #expect(largestError(row.v, naive.map(\.v), relativeAbove: 1e-30) < 2e-6)
    // The weight's own error is relative to 1, that of a sensitivity to the gradient's size.
    #expect(largestError(row.smoothed, naive.map(\.smoothed), relativeAbove: 0.1) < 1e-6)
    #expect(largestError(row.uncertainty, naive.map(\.uncertainty), relativeAbove: 0.1) < 1e-6)
    for (got, expected) in [
      (row.sums.sensitivity, naive.map(\.i)), (row.sums.smoothed, naive.map(\.smoothed)),
      (row.sums.uncertainty, naive.map(\.uncertainty)),
      (row.sums.product, naive.map { $0.smoothed * $0.uncertainty }),
    ] {
      #expect(largestError([got], [expected.reduce(0, +)], relativeAbove: 0.01) < 4e-6)
    }
  }

  @Test("stepping and sensing at once is the one after the other, to the last rounding", arguments: awkwardSizes)
  func fused(count: Int) {
    let gradient = normals(count, seed: 75)
    let start = Row(normals(count, seed: 76), smoothed: normals(count, seed: 77).map { abs($0) })
    let adam = AdamW(learningRate: 1e-2)
    for precedes in [false, true] {
      let sensitivity = Sensitivity(beta1: 0.85, beta2: 0.9, precedesStep: precedes)
      var atOnce = start
      atOnce.apply(ParameterUpdate(adam, count: 3, sensitivity: sensitivity), gradient)
      var apart = start
      let sense = ParameterUpdate(nil, sensitivity: sensitivity)
      let step = ParameterUpdate(adam, count: 3)
      apart.apply(precedes ? sense : step, gradient)
      let sums = apart.sums
      apart.apply(precedes ? step : sense, gradient)
      if precedes { apart.sums = sums }
      for (a, b) in [
        (atOnce.w, apart.w), (atOnce.m, apart.m), (atOnce.v, apart.v), (atOnce.smoothed, apart.smoothed),
        (atOnce.uncertainty, apart.uncertainty), ([atOnce.sums.product], [apart.sums.product]),
      ] {
        #expect(largestError(a, b.map(Double.init), relativeAbove: 0.1) < 1e-6)
      }
    }
  }

  @Test("the same input gives the same bits")
  func deterministic() {
    let gradient = normals(1000, seed: 84)
    let rows = (0..<3).map { _ in
      var row = Row(normals(1000, seed: 83))
      row.apply(
        ParameterUpdate(AdamW(learningRate: 0.1), sensitivity: Sensitivity(beta1: 0.85, beta2: 0.85)), gradient)
      return row
    }
    #expect(rows[1] == rows[0])
    #expect(rows[2] == rows[0])
  }

  // MARK: The optimizer

  @Test("the first step moves every weight by the learning rate, whatever the gradient's size")
  func firstStep() {
    var row = Row([0, 0, 0, 0])
    row.apply(ParameterUpdate(AdamW(learningRate: 0.25, weightDecay: 0)), [1e-3, -5, 1e10, 0])
    #expect(largestError(row.w, [-0.25, 0.25, -0.25, 0]) < 1e-5)
  }

  @Test("late steps keep their bias corrections, computed in double")
  func lateStep() {
    var row = Row([1], m: [0.3], v: [0.04])
    var naive = Naive(w: 1, m: Double(row.m[0]), v: Double(row.v[0]))
    naive.step(0.5, rate: Double(Float(0.1)), decay: 0, count: 5000)
    row.apply(ParameterUpdate(AdamW(learningRate: 0.1, weightDecay: 0), count: 5000), [0.5])
    #expect(abs(Double(row.w[0]) - naive.w) < 2e-7)
  }

  @Test("weights without a gradient only decay")
  func decay() {
    var row = Row([2, -4])
    row.apply(ParameterUpdate(AdamW(learningRate: 0.5, weightDecay: 0.5), count: 3), [0, 0])
    #expect(row.w == [1.5, -3])
  }

  // MARK: Sensitivities

  @Test("β of 0 keeps only this step; without gradients everything fades")
  func limits() {
    var row = Row([2, -3], smoothed: [5, 5], uncertainty: [5, 5])
    row.apply(ParameterUpdate(nil, sensitivity: Sensitivity(beta1: 0, beta2: 0)), [-1, 2])
    #expect(row.smoothed == [2, 6])
    #expect(row.uncertainty == [0, 0])
    #expect(row.sums.sensitivity == 8)
    row.apply(ParameterUpdate(nil, sensitivity: Sensitivity(beta1: 0.5, beta2: 0.5)), [0, 0])
    #expect(row.smoothed == [1, 3])
    #expect(row.uncertainty == [0.5, 1.5])
    #expect(row.sums.sensitivity == 0)
    #expect(row.sums.product == 5)
  }
}
