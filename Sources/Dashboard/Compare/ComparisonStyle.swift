// The style sheet of a comparison's page: light and dark, wide and narrow.

enum ComparisonStyle {
  /// Eight colours that differ in lightness and hue, each readable on its paper; every group is also named in words.
  private static let light = ["#0b5cad", "#b8480a", "#0a7355", "#9b3a78", "#7a6000", "#5a4fcf", "#00727f", "#5f6368"]
  private static let dark = ["#6cb2ff", "#ff9d5c", "#4ad0a7", "#f08cc8", "#e0c04a", "#aaa2ff", "#4fd0de", "#b4bac0"]

  static var css: String {
    """
    :root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --rule: #d8dee4; --grid: #e9edf0; \
    --axis: #8c959f; --warn: #fff6e0; --warn-rule: #c99a2e; \(variables(light)) }
    @media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9da5ae; --rule: #30363d; \
    --grid: #21262d; --axis: #6e7681; --warn: #272115; --warn-rule: #9a7a2a; \(variables(dark)) } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 20px 16px 48px; max-width: 1200px; background: var(--paper); color: var(--ink); \
    font: 16px/1.5 system-ui, "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; \
    overflow-wrap: break-word; }
    h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 4px; }
    h2 { font-size: 1.15rem; margin: 36px 0 8px; }
    h3 { font-size: 1rem; margin: 0 0 4px; }
    p, ul { margin: 0 0 10px; }
    ul { padding-left: 20px; }
    .subject, .method, figcaption { color: var(--soft); font-size: 0.9rem; }
    .finding { font-size: 1.05rem; }
    .unlike { background: var(--warn); border-left: 4px solid var(--warn-rule); padding: 10px 14px; margin: 16px 0; \
    font-size: 0.92rem; }
    .unlike ul { margin: 4px 0 0; }
    .scroll { overflow-x: auto; margin: 12px 0; }
    table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
    th, td { padding: 6px 10px; border-bottom: 1px solid var(--rule); text-align: left; white-space: nowrap; }
    th { font-weight: 600; color: var(--soft); }
    tbody th { color: var(--ink); position: sticky; left: 0; background: var(--paper); max-width: 16em; \
    white-space: normal; }
    td.number, th.number { text-align: right; }
    .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); gap: 28px 32px; }
    figure { margin: 0; min-width: 0; }
    svg { display: block; width: 100%; height: auto; }
    svg text { font: 13px system-ui, "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif; \
    fill: var(--ink); }
    svg .label { font-weight: 600; }
    svg .note, svg .tick { fill: var(--soft); }
    svg .tick { font-size: 12px; font-variant-numeric: tabular-nums; }
    svg .small { font-size: 12px; fill: var(--soft); }
    svg .label, svg .small { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
    svg .on-dark { fill: #ffffff; font-size: 12px; }
    svg .on-bright { fill: #14181c; font-size: 12px; }
    .paper { fill: none; }
    .grid { stroke: var(--grid); }
    .axis { stroke: var(--axis); fill: none; }
    .reference { stroke: var(--ink); stroke-dasharray: 2 4; }
    .swatch { stroke: none; }
    .empty { fill: none; stroke: var(--rule); }
    .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
    .w1 { stroke-width: 4.4; } .w2 { stroke-width: 6.6; } .w3 { stroke-width: 8.8; }
    .interval { fill: none; stroke-width: 2.4; }
    .mean, .bar { stroke: none; }
    .seed { fill-opacity: 0.45; }
    .band { fill-opacity: 0.16; stroke: none; }
    .d1 { stroke-dasharray: 8 4; } .d2 { stroke-dasharray: 2 4; } .d3 { stroke-dasharray: 10 3 2 3; }
    .interval.d1, .interval.d2, .interval.d3, .seed { stroke-dasharray: none; }
    \(groups)
    summary { cursor: pointer; font-weight: 600; margin: 12px 0; }
    footer { margin-top: 36px; border-top: 1px solid var(--rule); padding-top: 12px; }
    @media print { body { max-width: none; } .scroll { overflow: visible; } }
    """
  }

  private static func variables(_ colors: [String]) -> String {
    colors.enumerated().map { "--g\($0): \($1);" }.joined(separator: " ")
  }

  private static var groups: String {
    light.indices.map { index in
      """
      .line.g\(index), .interval.g\(index) { stroke: var(--g\(index)); }
      .mean.g\(index), .seed.g\(index), .band.g\(index), .bar.g\(index) { fill: var(--g\(index)); }
      """
    }.joined(separator: "\n")
  }
}
