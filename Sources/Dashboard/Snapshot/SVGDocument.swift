// A picture as SVG text: shapes with classes, whose colours a style sheet gives for light and dark.

/// Builds one SVG. Coordinates are pixels, x to the right and y down, written with two decimals; texts are escaped.
///
/// Colours stand in classes with plain values and not in variables, so that converters to PDF understand them too.
struct SVGDocument {
  /// Where a text begins, counted from its x.
  enum Anchor: String {
    case start, middle, end
  }

  let width: Double
  let height: Double
  private let title: String
  private let description: String
  private var body = ""

  init(width: Double, height: Double, title: String, description: String) {
    self.width = width
    self.height = height
    self.title = title
    self.description = description
    rectangle(x: 0, y: 0, width: width, height: height, "paper")
  }

  // MARK: Shapes

  /// - Parameters:
  ///   - fill: a colour that stays the same in light and dark, over the class's.
  ///   - tip: shown by a browser where the pointer rests.
  mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, _ kind: String, fill: String? = nil, radius: Double = 0,
    tip: String? = nil
  ) {
    var attributes = "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(width, 0)))\""
    attributes += " height=\"\(Self.number(max(height, 0)))\""
    if radius > 0 { attributes += " rx=\"\(Self.number(radius))\"" }
    if let fill { attributes += " fill=\"\(fill)\"" }
    add("rect", attributes, kind, tip)
  }

  /// Around (x, y), as a rectangle that is all corners.
  mutating func circle(x: Double, y: Double, radius: Double, _ kind: String, tip: String? = nil) {
    rectangle(x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius, kind, radius: radius, tip: tip)
  }

  mutating func line(x1: Double, y1: Double, x2: Double, y2: Double, _ kind: String, tip: String? = nil) {
    add(
      "line",
      "x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\"", kind,
      tip)
  }

  /// Connects points; a gap at each nil.
  mutating func curve(_ points: [(x: Double, y: Double)?], _ kind: String) {
    var data = ""
    var isOpen = false
    for point in points {
      guard let point else {
        isOpen = false
        continue
      }
      data += (isOpen ? "L" : "M") + Self.number(point.x) + " " + Self.number(point.y)
      isOpen = true
    }
    path(data, kind)
  }

  /// - Parameter data: path commands, of numbers as `number` writes them.
  mutating func path(_ data: String, _ kind: String, tip: String? = nil) {
    guard !data.isEmpty else { return }
    add("path", "d=\"\(data)\"", kind, tip)
  }

  /// - Parameter isVertical: reads upwards from (x, y).
  mutating func text(
    _ text: String, x: Double, y: Double, _ kind: String, _ anchor: Anchor = .start, isVertical: Bool = false,
    tip: String? = nil
  ) {
    var attributes = "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
    if anchor != .start { attributes += " text-anchor=\"\(anchor.rawValue)\"" }
    if isVertical { attributes += " transform=\"rotate(-90 \(Self.number(x)) \(Self.number(y)))\"" }
    let inner = Self.escaped(text) + (tip.map { "<title>\(Self.escaped($0))</title>" } ?? "")
    body += "<text class=\"\(kind)\" \(attributes)>\(inner)</text>\n"
  }

  /// Viridis from left to right, for a `fill` of `url(#viridis)`.
  mutating func defineViridis() {
    let stops = (0...8).map { stop in
      "<stop offset=\"\(Self.number(12.5 * Double(stop)))%\" stop-color=\"\(Viridis.color(Double(stop) / 8))\"/>"
    }
    body += "<defs><linearGradient id=\"viridis\">\(stops.joined())</linearGradient></defs>\n"
  }

  private mutating func add(_ element: String, _ attributes: String, _ kind: String, _ tip: String?) {
    body += "<\(element) class=\"\(kind)\" \(attributes)"
    body += tip.map { "><title>\(Self.escaped($0))</title></\(element)>\n" } ?? "/>\n"
  }

  // MARK: Text

  var xml: String {
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.number(width))" height="\(Self.number(height))" \
    viewBox="0 0 \(Self.number(width)) \(Self.number(height))" role="img" aria-labelledby="title description">
    <title id="title">\(Self.escaped(title))</title>
    <desc id="description">\(Self.escaped(description))</desc>
    <style>
    \(SVGTheme.css)
    </style>
    \(body)</svg>

    """
  }

  /// The picture as an element of an HTML page, whose style sheet gives the colours and the width.
  /// - Parameter id: of this picture alone in the page.
  func element(id: String) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(width)) \(Self.number(height))" role="img" \
    aria-labelledby="\(id)-title \(id)-description">
    <title id="\(id)-title">\(Self.escaped(title))</title>
    <desc id="\(id)-description">\(Self.escaped(description))</desc>
    \(body)</svg>

    """
  }

  /// At most two decimals, without trailing zeros; what is not finite becomes 0.
  static func number(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "0" }
    let hundredths = Int((value * 100).rounded())
    let sign = hundredths < 0 ? "-" : ""
    let whole = abs(hundredths) / 100
    let rest = abs(hundredths) % 100
    if rest == 0 { return sign + String(whole) }
    let digits = rest % 10 == 0 ? String(rest / 10) : (rest < 10 ? "0" : "") + String(rest)
    return sign + String(whole) + "." + digits
  }

  /// Text from outside as XML: markup escaped; what XML does not allow, and what steers a text's direction or is not
  /// seen, becomes U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default:
        let isOdd: Bool =
          switch scalar.properties.generalCategory {
          case .control, .format, .unassigned, .lineSeparator, .paragraphSeparator: true
          default: false
          }
        result.unicodeScalars.append(isOdd ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }
}
