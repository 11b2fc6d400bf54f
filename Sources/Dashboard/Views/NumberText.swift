// How numbers are written in a narrow place: few digits, no locale, never wider than they say.

import Foundation
import Training

enum NumberText {
  /// A fixed number of decimals; very large values fall back to the scientific form.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return notFinite(value) }
    let scale = pow(10, Double(digits))
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return scientific(value) }
    let whole = Int(scaled)
    let sign = value < 0 && whole > 0 ? "−" : ""
    guard digits > 0 else { return sign + String(whole) }
    let unit = Int(scale)
    let fraction = String(whole % unit)
    return sign + String(whole / unit) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// `1.23e-9`: a mantissa with so many decimals and an exponent without padding.
  static func scientific(_ value: Double, _ digits: Int = 2) -> String {
    guard value.isFinite else { return notFinite(value) }
    guard abs(value) > 1e-300 else { return "0" }
    var exponent = Int(log10(abs(value)).rounded(.down))
    var mantissa = value / pow(10, Double(exponent))
    let limit = pow(10, Double(digits))
    if (abs(mantissa) * limit).rounded() >= 10 * limit {
      mantissa /= 10
      exponent += 1
    }
    return fixed(mantissa, digits) + "e" + (exponent < 0 ? "-" : "") + String(abs(exponent))
  }

  /// About three significant digits in at most eight cells.
  static func short(_ value: Double) -> String {
    guard value.isFinite else { return notFinite(value) }
    let size = abs(value)
    if size == 0 { return "0" }
    if size < 0.001 || size >= 1e6 { return scientific(value) }
    return fixed(value, size < 0.1 ? 4 : size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0)
  }

  /// Up to four significant digits, without trailing zeros: `0.125`, `1.25e-3`.
  static func plain(_ value: Double) -> String {
    guard value.isFinite else { return notFinite(value) }
    if value == 0 { return "0" }
    if abs(value) < 0.01 || abs(value) >= 1e5 {
      let text = scientific(value, 3)
      guard let mark = text.firstIndex(of: "e") else { return text }
      return trimmed(String(text[..<mark])) + text[mark...]
    }
    return trimmed(fixed(value, abs(value) < 1 ? 4 : abs(value) < 100 ? 3 : 1))
  }

  /// `12.3k`, `1.20M`.
  static func count(_ value: Double) -> String {
    guard value.isFinite else { return notFinite(value) }
    if abs(value) < 1000 { return fixed(value, 0) }
    if abs(value) < 999_950 { return fixed(value / 1000, 1) + "k" }
    return fixed(value / 1e6, 2) + "M"
  }

  /// `42s`, `3m12s`, `2h05m`, `3d04h`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    let all = Int(seconds.rounded())
    func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
    if all < 60 { return "\(all)s" }
    if all < 3600 { return "\(all / 60)m\(two(all % 60))s" }
    if all < 86_400 { return "\(all / 3600)h\(two(all / 60 % 60))m" }
    return "\(all / 86_400)d\(two(all / 3600 % 24))h"
  }

  /// `×3.2`: how many times one value is another.
  static func factor(_ value: Double) -> String {
    guard value.isFinite else { return "×inf" }
    return "×"
      + (value < 0.01 || value >= 1e5 ? scientific(value, 1) : fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0))
  }

  static func percent(_ share: Double) -> String {
    guard share.isFinite else { return "?" }
    return fixed(100 * share, 0) + "%"
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var text = text
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }

  private static func notFinite(_ value: Double) -> String { value.isNaN ? "nan" : value < 0 ? "−inf" : "inf" }
}
