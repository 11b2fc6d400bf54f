// The statistics of comparisons against values of SciPy 1.17 and against counting.

import Kernels
import Testing

@testable import Training

@Suite("Statistics") struct StatisticsTests {
  private func isNear(_ a: Double, _ b: Double, _ relative: Double = 1e-12) -> Bool {
    abs(a - b) <= relative * max(abs(a), abs(b))
  }

  @Test("the incomplete beta function, on both sides of where its fraction is quick")
  func incompleteBeta() {
    #expect(isNear(IncompleteBeta.regularized(0.3, 2, 5), 0.579825))
    #expect(isNear(IncompleteBeta.regularized(0.9, 0.5, 0.5), 0.7951672353008665))
    #expect(isNear(IncompleteBeta.regularized(0.01, 10, 3), 6.48055e-19))
    #expect(isNear(IncompleteBeta.regularized(0.5, 50, 50.5), 0.519971875241334))
    // Where both sides meet.
    #expect(isNear(IncompleteBeta.regularized(0.5, 0.5, 0.5), 0.5))
    #expect(IncompleteBeta.regularized(0, 2, 3) == 0 && IncompleteBeta.regularized(1, 2, 3) == 1)
    for x in stride(from: 0.05, to: 1, by: 0.05) {
      // I_x(1, b) = 1 − (1 − x)ᵇ.
      var product = 1.0
      for _ in 0..<7 { product *= 1 - x }
      #expect(isNear(IncompleteBeta.regularized(x, 1, 7), 1 - product))
    }
  }

  @Test(
    "Student's t: probabilities far into the tail, and the 95 % value",
    arguments: [
      (1, 12.706204736174694, 0.24223788318168682, 0.02121280481107085),
      (2, 4.302652729749462, 0.12961172022151082, 0.001109262681959659),
      (4, 2.7764451051977934, 0.06676654481198814, 7.352856097661319e-06),
      (9, 2.262157162798205, 0.033861827682985735, 2.4837047041582635e-10),
      (29, 2.045229642132703, 0.018325344338426086, 2.1977448450988043e-23),
      (1000, 1.9623390808264083, 0.012578567801090807, 1.5374687444043095e-141),
    ])
  func studentT(freedom: Int, critical: Double, p: Double, tail: Double) {
    let t = StudentT(degreesOfFreedom: freedom)
    #expect(isNear(t.twoSidedCritical(0.05), critical, 1e-10))
    #expect(isNear(t.twoSidedP(2.5), p, 1e-11) && t.twoSidedP(-2.5) == t.twoSidedP(2.5))
    #expect(isNear(t.twoSidedP(30), tail, 1e-10))
    #expect(t.twoSidedP(0) == 1)
    for small in [1e-3, 0.5, 1] { #expect(t.twoSidedP(small) < 1 && t.twoSidedP(small) > 0) }
  }

  @Test("the mean with its deviation and its 95 % interval")
  func mean() {
    let estimate = MeanEstimate([0.84, 0.85, 0.83, 0.86, 0.845])
    #expect(isNear(estimate.mean, 0.845))
    #expect(isNear(estimate.deviation ?? 0, 0.011180339887498959))
    #expect(isNear(estimate.interval?.lowerBound ?? 0, 0.831117774474011))
    #expect(isNear(estimate.interval?.upperBound ?? 0, 0.8588822255259889))
  }

  @Test("a single value has no deviation and no interval; equal values have an empty one")
  func few() {
    let one = MeanEstimate([0.5])
    #expect(one.mean == 0.5 && one.deviation == nil && one.margin == nil && one.interval == nil)
    let equal = MeanEstimate([0.1, 0.1, 0.1])
    #expect(equal.deviation == 0 && equal.margin == 0)
  }

  @Test("the paired t-test and the exact test of signs")
  func paired() {
    let difference = PairedDifference([0.01, 0.015, -0.004, 0.018, 0.005])
    #expect(isNear(difference.tTest ?? 0, 0.08652525277860615, 1e-11))
    #expect(isNear(difference.estimate.interval?.lowerBound ?? 0, -0.00200319036080345, 1e-10))
    #expect(isNear(difference.estimate.interval?.upperBound ?? 0, 0.019603190360803463, 1e-11))
    #expect(difference.signFlip == 0.125)
  }

  @Test("differences of one sign reach the least that the test of signs can, also where they are equal")
  func signs() {
    for count in 1...12 {
      #expect(
        PairedDifference(Array(repeating: 0.1, count: count)).signFlip == PairedDifference.leastSignFlip(pairs: count))
    }
    #expect(PairedDifference.leastSignFlip(pairs: 5) == 0.0625)
    #expect(PairedDifference(Array(repeating: 0.1, count: 13)).signFlip == nil)
  }

  @Test("where differences do not vary, t says nothing unless they are zero")
  func constant() {
    #expect(PairedDifference([0, 0, 0]).tTest == 1 && PairedDifference([0, 0, 0]).signFlip == 1)
    #expect(PairedDifference([0.85 - 0.84, 0.75 - 0.74, 0.65 - 0.64]).tTest == nil)
    #expect(PairedDifference([0.3]).tTest == nil)
  }

  @Test("under the null hypothesis both tests reject at most as often as they say")
  func null() {
    var random = RandomSource(seed: 3)
    var (rejections, signs) = (0, 0)
    for _ in 0..<2000 {
      let difference = PairedDifference((0..<8).map { _ in Double(random.normal()) })
      if let p = difference.tTest, p < 0.05 { rejections += 1 }
      if let p = difference.signFlip, p < 0.05 { signs += 1 }
    }
    #expect((60...140).contains(rejections) && (60...140).contains(signs), "\(rejections) and \(signs) of 2000")
  }

  @Test("Holm's correction counts the tests that there are, and never turns their order around")
  func holm() {
    let corrected = HolmCorrection.corrected([0.01, nil, 0.04, 0.03, 0.005])
    let expected: [Double?] = [0.03, nil, 0.06, 0.06, 0.02]
    for (a, b) in zip(corrected, expected) { #expect(a == nil ? b == nil : isNear(a ?? 0, b ?? 0)) }
    #expect(HolmCorrection.corrected([0.7, 0.6]) == [1, 1])
    #expect(HolmCorrection.corrected([]).isEmpty)
  }

  @Test("rank correlation is the same as by counting, ties and all")
  func ranks() {
    var random = RandomSource(seed: 5)
    func counted(_ values: [Double]) -> [Double] {
      values.map { value in
        Double(values.count { $0 < value }) + Double(values.count { $0 == value } + 1) / 2
      }
    }
    for count in [3, 8, 40] {
      let a = (0..<count).map { _ in (random.uniform() * 6).rounded() }
      let b = (0..<count).map { _ in (random.uniform() * 6).rounded() }
      // Spearman's correlation of ranks is that of the values' own ranks.
      #expect(abs(spearman(a, b) - spearman(counted(a), counted(b))) < 1e-12)
    }
    #expect(abs(spearman([1, 2, 2, 3, 5, 5, 5, 0], [2, 1, 4, 4, 6, 3, 1, 1]) - 0.38607594936708867) < 1e-12)
  }
}
