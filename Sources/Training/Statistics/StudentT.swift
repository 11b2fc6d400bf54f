// Student's t distribution, by the regularised incomplete beta function.

import Glibc

/// The t distribution with ν degrees of freedom.
public struct StudentT: Sendable {
  public let degreesOfFreedom: Int

  /// - Precondition: at least one.
  public init(degreesOfFreedom: Int) {
    precondition(degreesOfFreedom >= 1, "\(degreesOfFreedom) degrees of freedom")
    self.degreesOfFreedom = degreesOfFreedom
  }

  /// P(|T| ≥ |t|) = I_x(ν/2, ½) with x = ν/(ν + t²).
  public func twoSidedP(_ t: Double) -> Double {
    let freedom = Double(degreesOfFreedom)
    return IncompleteBeta.regularized(freedom / (freedom + t * t), freedom / 2, 0.5)
  }

  /// The t that |T| exceeds with probability `p`, 0 < p < 1.
  public func twoSidedCritical(_ p: Double) -> Double {
    precondition(p > 0 && p < 1, "a probability of \(p)")
    var high = 1.0
    while twoSidedP(high) > p { high *= 2 }
    var low = 0.0
    while true {
      let middle = (low + high) / 2
      guard middle > low, middle < high else { return high }
      if twoSidedP(middle) > p { low = middle } else { high = middle }
    }
  }
}

enum IncompleteBeta {
  /// I_x(a, b) for 0 ≤ x ≤ 1 and a, b > 0, by its continued fraction (DLMF 8.17.22), which is quick where
  /// x ≤ (a + 1)/(a + b + 2); elsewhere I_x(a, b) = 1 − I_{1−x}(b, a).
  static func regularized(_ x: Double, _ a: Double, _ b: Double) -> Double {
    precondition(x >= 0 && x <= 1 && a > 0 && b > 0, "I_\(x)(\(a), \(b))")
    guard x > 0, x < 1 else { return x }
    let isQuick = x <= (a + 1) / (a + b + 2)
    return isQuick ? byFraction(x, 1 - x, a, b) : 1 - byFraction(1 - x, x, b, a)
  }

  /// - Parameter rest: 1 − x.
  private static func byFraction(_ x: Double, _ rest: Double, _ a: Double, _ b: Double) -> Double {
    let front = exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log(rest)) / a
    return front / fraction(x, a, b)
  }

  /// 1 + d₁/(1 + d₂/(1 + …)), by Lentz's way, which goes forward.
  private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
    func term(_ n: Int) -> Double {
      let m = Double(n / 2)
      return n % 2 == 0
        ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    }
    let tiny = 1e-300
    var value = 1.0
    var c = 1.0
    var d = 0.0
    for n in 1...10_000 {
      d = 1 + term(n) * d
      d = 1 / (abs(d) < tiny ? tiny : d)
      c = 1 + term(n) / c
      if abs(c) < tiny { c = tiny }
      value *= c * d
      if abs(c * d - 1) < 1e-15 { break }
    }
    return value
  }

  private static func logGamma(_ x: Double) -> Double {
    var sign: Int32 = 0
    return lgamma_r(x, &sign)
  }
}
