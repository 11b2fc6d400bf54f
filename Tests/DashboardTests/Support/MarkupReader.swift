// Pictures and pages as what is in them.

import Foundation
import FoundationXML

/// Reads a picture or a page as XML and counts what it holds.
final class MarkupReader: NSObject, XMLParserDelegate {
  /// Elements by `name.class`.
  private(set) var counts: [String: Int] = [:]
  private(set) var texts: [String] = []
  private(set) var isWellFormed = false
  private(set) var ids: [String] = []
  /// Of the open elements, the innermost last.
  private var open: [String] = []

  init(_ markup: String) {
    super.init()
    let parser = XMLParser(data: Data(markup.utf8))
    parser.delegate = self
    isWellFormed = parser.parse()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    counts[name, default: 0] += 1
    if let kind = attributes["class"] { counts["\(name).\(kind)", default: 0] += 1 }
    if let id = attributes["id"] { ids.append(id) }
    open.append("")
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if let last = open.indices.last { open[last] += string }
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    texts.append(open.removeLast())
  }

  subscript(_ name: String) -> Int { counts[name] ?? 0 }
}
