// What the tests measure the kernels with: random input, the largest error, central differences in double.

import Kernels

/// Row lengths around the vector width, a model's and a long one.
let awkwardSizes = [1, 3, 15, 16, 17, 384, 1000]

func normals(_ count: Int, seed: UInt64, deviation: Float = 1) -> [Float] {
  var random = RandomSource(seed: seed)
  return (0..<count).map { _ in Float(random.normal()) * deviation }
}

/// max |got − expected|, or with `floor` max |got − expected| / max(floor, |expected|); infinite where only one of a pair is
/// NaN, or the counts differ.
func largestError(_ got: [Float], _ expected: [Double], relativeAbove floor: Double? = nil) -> Double {
  guard got.count == expected.count else { return .infinity }
  var worst = 0.0
  for (a, b) in zip(got, expected) {
    let a = Double(a)
    if a == b || a.isNaN && b.isNaN { continue }
    let error = abs(a - b) / (floor.map { max($0, abs(b)) } ?? 1)
    worst = error.isNaN ? .infinity : max(worst, error)
  }
  return worst
}

/// The gradient of `loss` at `x` by central differences, good to about 1e-9.
func centralDifferences(at x: [Float], of loss: ([Double]) -> Double) -> [Double] {
  let h = 1e-5
  var point = x.map(Double.init)
  return point.indices.map { i in
    let value = point[i]
    point[i] = value + h
    let above = loss(point)
    point[i] = value - h
    let below = loss(point)
    point[i] = value
    return (above - below) / (2 * h)
  }
}

/// Σ weights·values: a loss whose gradient of `values` is `weights`.
func dot(_ weights: [Float], _ values: [Double]) -> Double {
  zip(weights, values).reduce(0) { $0 + Double($1.0) * $1.1 }
}
