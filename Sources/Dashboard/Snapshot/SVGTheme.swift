// The colours of the pictures, in light and in dark, and viridis.

enum SVGTheme {
  /// Kept is blue, planned orange, a person's changes violet: told apart without red and green, and by their strokes.
  static let css = """
    text { font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; \
    font-size: 11px; fill: #1f2328; }
    .title { font-size: 15px; font-weight: 600; }
    .note, .tick { fill: #59636e; }
    .small { font-size: 9px; fill: #59636e; }
    .strong { font-size: 12px; font-weight: 600; }
    .phase-name { fill: #59636e; font-size: 11px; font-style: italic; }
    .paper { fill: #ffffff; }
    .track { fill: #eaeef2; }
    .swatch { stroke: none; }
    .frame { fill: none; stroke: #afb8c1; stroke-width: 1; }
    .grid { stroke: #e4e8ec; stroke-width: 1; }
    .axis { stroke: #8c959f; stroke-width: 1; fill: none; }
    .warmup { fill: #f1f3f5; }
    .budgeting { fill: #fdf4e3; }
    .final { fill: #e8f1fb; }
    .kept { fill: none; stroke: #0969da; stroke-width: 2; }
    .kept-area { fill: #0969da; fill-opacity: 0.12; stroke: none; }
    .planned { fill: none; stroke: #bc4c00; stroke-width: 1.6; stroke-dasharray: 7 3; }
    .old { fill: none; stroke: #8c959f; stroke-width: 1.4; stroke-dasharray: 1.5 3; }
    .raw { fill: none; stroke: #0969da; stroke-width: 0.8; stroke-opacity: 0.5; stroke-linejoin: round; }
    .smooth { fill: none; stroke: #0550ae; stroke-width: 2; stroke-linejoin: round; }
    .evaluation { fill: #bc4c00; stroke: #ffffff; stroke-width: 0.8; }
    .evaluation-line { fill: none; stroke: #bc4c00; stroke-width: 1.4; stroke-dasharray: 7 3; }
    .change { stroke: #8250df; stroke-width: 1.2; stroke-dasharray: 4 2 1 2; }
    .change-name { fill: #8250df; font-size: 10px; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; \
    stroke-linejoin: round; }
    .now { stroke: #1f2328; stroke-width: 1; }
    .planted { fill: #1f2328; stroke: #ffffff; stroke-width: 0.8; }
    .planted-line { stroke: #1f2328; stroke-width: 1.4; }
    .empty { fill: none; stroke: #afb8c1; stroke-width: 1; }
    .mark-light { stroke: #ffffff; stroke-width: 1.3; fill: none; stroke-linecap: round; }
    .mark-dark { stroke: #1f2328; stroke-width: 1.3; fill: none; stroke-linecap: round; }
    .mark { stroke: #59636e; stroke-width: 1.3; fill: none; stroke-linecap: round; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note, .tick, .small, .phase-name { fill: #9198a1; }
      .paper { fill: #0d1117; }
      .track { fill: #21262d; }
      .frame, .empty { stroke: #484f58; }
      .grid { stroke: #22272e; }
      .axis { stroke: #6e7681; }
      .warmup { fill: #161b22; }
      .budgeting { fill: #241c10; }
      .final { fill: #101d2e; }
      .kept { stroke: #58a6ff; }
      .kept-area { fill: #58a6ff; }
      .planned { stroke: #f0883e; }
      .old { stroke: #6e7681; }
      .raw { stroke: #58a6ff; stroke-opacity: 0.6; }
      .smooth { stroke: #79c0ff; }
      .evaluation { fill: #f0883e; stroke: #0d1117; }
      .evaluation-line { stroke: #f0883e; }
      .change { stroke: #bc8cff; }
      .change-name { fill: #bc8cff; stroke: #0d1117; }
      .now { stroke: #e6edf3; }
      .planted { fill: #e6edf3; stroke: #0d1117; }
      .planted-line { stroke: #e6edf3; }
      .mark { stroke: #9198a1; }
    }
    """
}

/// The colour map viridis, from dark to bright.
enum Viridis {
  /// Nine stops, evenly spread; between them the map is nearly straight.
  private static let stops: [(Double, Double, Double)] = [
    (68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140), (40, 174, 128), (94, 201, 98),
    (173, 220, 48), (253, 231, 37),
  ]

  private static func mixed(_ share: Double) -> (Double, Double, Double) {
    let place = max(0, min(1, share.isFinite ? share : 0)) * Double(stops.count - 1)
    let index = min(Int(place), stops.count - 2)
    let part = place - Double(index)
    let (a, b) = (stops[index], stops[index + 1])
    return (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part, a.2 + (b.2 - a.2) * part)
  }

  /// `#rrggbb` for a share 0…1.
  static func color(_ share: Double) -> String {
    let (red, green, blue) = mixed(share)
    return "#"
      + [red, green, blue].map { value in
        let hex = String(Int(value.rounded()), radix: 16)
        return hex.count == 1 ? "0" + hex : hex
      }.joined()
  }

  /// Whether dark marks show better on it than light ones.
  static func isBright(_ share: Double) -> Bool {
    let (red, green, blue) = mixed(share)
    return 0.299 * red + 0.587 * green + 0.114 * blue > 130
  }
}
