// How far seeds and groups agree on where rank goes: a matrix of rank correlations.

import Training

enum AgreementPicture {
  /// nil where no correlation is known.
  static func element(_ comparison: Comparison, id: String) -> String? {
    let matrix = comparison.agreement
    guard matrix.contains(where: { $0.contains { $0 != nil } }) else { return nil }
    let count = matrix.count
    let names = 210.0
    let size = min((GroupPicture.width - names - 10) / Double(count), 56)
    let height = max(min(size, 34), 20)
    let top = 24.0
    var document = SVGDocument(
      width: GroupPicture.width, height: top + Double(count) * height + 8, title: "Agreement on where rank goes",
      description: "Spearman's correlation of the modules' ranks between groups; on the diagonal between seeds.")
    for (i, group) in comparison.groups.enumerated() {
      let y = top + Double(i) * height
      GroupPicture.name(
        "\(i + 1) \(group.name)", atMost: 25, x: names - 10, y: y + height / 2 + 4, "note", .end, on: &document)
      document.text(String(i + 1), x: names + (Double(i) + 0.5) * size, y: top - 8, "tick", .middle)
      for (j, value) in matrix[i].enumerated() {
        let x = names + Double(j) * size
        let tip = i == j ? "seeds of \(group.name)" : "\(group.name) and \(comparison.groups[j].name)"
        guard let value else {
          document.rectangle(x: x + 1, y: y + 1, width: size - 2, height: height - 2, "empty", radius: 2, tip: tip)
          document.text("–", x: x + size / 2, y: y + height / 2 + 4, "tick", .middle)
          continue
        }
        // In a smaller cell the number would not stand.
        let number = size < 24 ? nil : NumberText.fixed(value, size < 36 ? 1 : 2)
        GroupPicture.cell(
          (value + 1) / 2, number, x: x, y: y, width: size, height: height,
          tip: "\(tip): \(NumberText.fixed(value, 3))", on: &document)
      }
    }
    return document.element(id: id)
  }
}
