// One cost of the groups as bars from zero, with the number at each.

import Training

struct BarPicture {
  /// With its unit.
  var title: String
  var names: [String]
  /// nil where it is not known.
  var values: [Double?]
  var text: (Double) -> String

  func element(id: String) -> String {
    let rowHeight = 40.0
    var document = SVGDocument(
      width: GroupPicture.width, height: Double(names.count) * rowHeight + 6, title: title,
      description: zip(names, values).map { "\($0): \($1.map(text) ?? "not known")" }.joined(separator: ", "))
    let most = values.compactMap { $0 }.max() ?? 0
    for (index, value) in values.enumerated() {
      let y = Double(index) * rowHeight
      GroupPicture.name(names[index], atMost: 66, x: 8, y: y + 14, "label", on: &document)
      guard let value, most > 0 else {
        document.text("not known", x: 8, y: y + 31, "small")
        continue
      }
      let width = (GroupPicture.width - 110) * value / most
      document.rectangle(x: 8, y: y + 20, width: max(width, 1), height: 13, GroupPicture.kind(index, "bar"), radius: 2)
      document.text(text(value), x: 8 + width + 7, y: y + 31, "tick")
    }
    return document.element(id: id)
  }
}
