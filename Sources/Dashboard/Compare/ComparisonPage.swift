// A comparison as one HTML file with all its pictures in it: nothing is fetched, nothing is run.

import Training

/// Renders a comparison as a page, which is also well-formed XML.
public struct ComparisonPage {
  private let comparison: Comparison
  private let names: [String]

  public init(_ comparison: Comparison) {
    self.comparison = comparison
    names = comparison.groups.map(\.name)
  }

  public var html: String {
    let title = "Comparison of \(names.count == 1 ? names[0] : "\(names.count) groups") by \(comparison.metric.title)"
    return """
      <!DOCTYPE html>
      <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"/>
      <link rel="icon" href="data:,"/>
      <title>\(escaped(title))</title>
      <style>
      \(ComparisonStyle.css)
      </style>
      </head>
      <body>
      <h1>\(escaped(title))</h1>
      <p class="subject">\(escaped(comparison.subject))</p>
      \(comparison.findings.map { "<p class=\"finding\">\(escaped($0))</p>" }.joined(separator: "\n"))
      \(unlike)
      <h2>Results</h2>
      \(table([comparison.names] + comparison.results, label: "Results"))
      \(figures(resultFigures))
      <h2>Over the steps</h2>
      \(figures(stepFigures))
      <h2>Where rank went</h2>
      \(figures(rankFigures))
      <h2>Allocation and cost</h2>
      \(table([comparison.names] + comparison.costs, label: "Allocation and cost"))
      \(figures(costFigures))
      \(differences)
      \(runs)
      <footer class="method">
      \(comparison.method.map { "<p>\(escaped($0))</p>" }.joined(separator: "\n"))
      </footer>
      </body>
      </html>

      """
  }

  private func escaped(_ text: String) -> String { SVGDocument.escaped(text) }

  // MARK: Text

  private var unlike: String {
    let lines = comparison.unfair + comparison.notes
    guard !lines.isEmpty else { return "" }
    let items = lines.map { "<li>\(escaped($0))</li>" }.joined(separator: "\n")
    return "<div class=\"unlike\" role=\"note\"><strong>Not alike, or left out</strong>\n<ul>\n\(items)\n</ul></div>"
  }

  /// - Parameter columns: the first names the rows.
  private func table(_ columns: [ComparisonColumn], label: String) -> String {
    func kind(_ column: ComparisonColumn) -> String { column.isNumber ? " class=\"number\"" : "" }
    let head = columns.map { "<th scope=\"col\"\(kind($0))>\(escaped($0.title))</th>" }.joined()
    let rows = (columns.first?.cells ?? []).indices.map { row in
      let cells = columns.dropFirst().map { "<td\(kind($0))>\(escaped($0.cells[row]))</td>" }.joined()
      return "<tr><th scope=\"row\">\(escaped(columns[0].cells[row]))</th>\(cells)</tr>"
    }
    return """
      <div class="scroll" role="region" aria-label="\(escaped(label))" tabindex="0"><table>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></div>
      """
  }

  private var differences: String {
    guard !comparison.differing.isEmpty else { return "" }
    let columns = comparison.differing.map { ComparisonColumn(title: $0.key, cells: $0.values, isNumber: false) }
    return "<details><summary>In what the experiments differ</summary>\n"
      + table([comparison.names] + columns, label: "Differing settings") + "\n</details>"
  }

  private var runs: String {
    let all = comparison.groups.flatMap { group in zip(group.runs, group.values).map { (group.name, $0, $1) } }
    func column(_ title: String, isNumber: Bool = true, _ cell: (RunOutcome) -> String) -> ComparisonColumn {
      ComparisonColumn(title: title, cells: all.map { cell($0.1) }, isNumber: isNumber)
    }
    let metric = comparison.metric
    let columns = [
      column("run", isNumber: false) { $0.name },
      ComparisonColumn(title: "group", cells: all.map(\.0), isNumber: false),
      column("seed") { String($0.seed) },
      ComparisonColumn(title: metric.title, cells: all.map { NumberText.fixed($0.2, 4) }),
      column("best on eval") { run in
        metric.best(run.evaluations).map {
          "\(NumberText.fixed(metric.value($0.evaluation), 4)) at step \($0.step + 1)"
        } ?? Comparison.nothing
      },
      column("total rank") { String($0.totalRank) },
      column("adapter parameters") { String($0.adapterParameters) },
      column("time") { $0.wallSeconds.map(NumberText.duration) ?? Comparison.nothing },
    ]
    return "<details><summary>All \(all.count) runs</summary>\n" + table(columns, label: "Runs") + "\n</details>"
  }

  // MARK: Figures

  private func figures(_ figures: [String]) -> String {
    "<div class=\"figures\">\n\(figures.joined(separator: "\n"))\n</div>"
  }

  private func figure(_ title: String, _ picture: String, _ caption: String = "") -> String {
    let caption = caption.isEmpty ? "" : "<figcaption>\(escaped(caption))</figcaption>\n"
    return "<figure>\n<h3>\(escaped(title))</h3>\n\(picture)\(caption)</figure>"
  }

  private var resultFigures: [String] {
    let metric = comparison.metric.title
    let base = comparison.groups[comparison.baseline]
    let rows = comparison.groups.enumerated().map { index, group in
      DotPicture.Row(
        name: group.name, group: index, values: group.values,
        tips: zip(group.runs, group.values).map { "seed \($0.seed): \(NumberText.fixed($1, 4))" },
        estimate: group.estimate, remark: Comparison.text(group.estimate))
    }
    let dots = DotPicture(
      title: "\(metric) of each group", description: comparison.subject,
      quantity: "\(metric) on \(comparison.split)", rows: rows,
      reference: rows.count > 1 ? (base.estimate.mean, "mean of \(GroupPicture.cut(base.name, 30))") : nil)
    var figures = [
      figure(
        metric.prefix(1).uppercased() + metric.dropFirst(), dots.element(id: "dots"),
        "Small dots are runs, large ones means; bars are 95 % intervals of the mean.")
    ]
    let differences = comparison.groups.enumerated().compactMap { index, group in
      group.difference.map { difference in
        let seeds = group.runs.map(\.seed).filter { seed in base.runs.contains { $0.seed == seed } }
        return DotPicture.Row(
          name: group.name, group: index, values: difference.differences,
          tips: zip(seeds, difference.differences).map { "seed \($0): \(Comparison.signed($1))" },
          estimate: difference.estimate, remark: Comparison.words(group))
      }
    }
    if !differences.isEmpty {
      let picture = DotPicture(
        title: "Differences from \(base.name)", description: comparison.findings.joined(separator: " "),
        quantity: "difference in \(metric), seed by seed", rows: differences,
        reference: (0, "no difference"))
      figures.append(
        figure(
          "Paired difference from \(base.name)", picture.element(id: "differences"),
          "Small dots are seeds, large ones means; bars are 95 % intervals of the mean, not corrected."))
    }
    return figures
  }

  private var stepFigures: [String] {
    let metric = comparison.metric.title
    let learning = comparison.groups.map { $0.learningCurve(comparison.metric) }
    var figures: [String] = []
    if learning.contains(where: { !$0.isEmpty }) {
      let picture = CurvePicture(
        title: "\(metric) over the steps", description: "Evaluations on eval, mean over the seeds of each group.",
        quantity: "\(metric) on eval", names: names, curves: learning)
      figures.append(
        figure(
          "Learning curves", picture.element(id: "learning"),
          "Lines are means, bands reach from the lowest to the highest seed.")
      )
    }
    let budget = CurvePicture(
      title: "Triplets kept over the steps", description: "Kept in all modules, mean over the seeds of each group.",
      quantity: "triplets kept", names: names, curves: comparison.groups.map(\.rankCurve), isStaircase: true,
      startsAtZero: true)
    figures.append(
      figure("Budget", budget.element(id: "budget"), "Triplets that the masks kept, in all modules together."))
    return figures
  }

  private var rankFigures: [String] {
    let picture = RankMapPicture(comparison)
    var figures = comparison.groups.enumerated().map { index, group in
      figure(group.name, picture.element(group, id: "ranks-\(index)"))
    }
    figures.append(figure("Scale of all maps", picture.legend(id: "scale")))
    if let agreement = AgreementPicture.element(comparison, id: "agreement") {
      figures.append(
        figure(
          "Agreement", agreement,
          "Rank correlation of the modules' ranks: on the diagonal between a group's seeds, else between two groups."))
    }
    return figures
  }

  private var costFigures: [String] {
    let quantities: [(title: String, value: (RunOutcome) -> Double?, text: (Double) -> String)] = [
      ("Time of a step, ms (median)", { $0.cost?.stepMs }, NumberText.short),
      ("Tokens per second", { $0.cost?.tokensPerSecond }, NumberText.count),
      ("Time of a run", \.wallSeconds, NumberText.duration),
      ("Peak memory, MB", { $0.peakRSSBytes.map { Double($0) / 1e6 } }, NumberText.short),
      ("Adapter parameters at the end", { Double($0.adapterParameters) }, NumberText.count),
    ]
    return quantities.enumerated().compactMap { index, quantity in
      let values = comparison.groups.map { $0.mean(quantity.value) }
      guard values.contains(where: { $0 != nil }) else { return nil }
      let picture = BarPicture(title: quantity.title, names: names, values: values, text: quantity.text)
      return figure(quantity.title, picture.element(id: "cost-\(index)"))
    }
  }
}
