// The page of a comparison: complete in itself, well-formed, and safe against hostile names.

import Foundation
import Testing

@testable import Dashboard
@testable import Training

@Suite("The page of a comparison") struct ComparisonPageTests {
  @Test("it is well-formed, and holds the finding, both tables and every picture")
  func complete() throws {
    let comparison = try FakeComparison().make()
    let html = ComparisonPage(comparison).html
    let page = MarkupReader(html)
    #expect(page.isWellFormed)
    // Result, difference, two curves, three maps with their scale, agreement, five costs.
    #expect(page["svg"] == 14 && page["h1"] == 1 && page["h2"] == 4)
    #expect(Set(page.ids).count == page.ids.count)
    for finding in comparison.findings { #expect(page.texts.contains(finding)) }
    for line in comparison.unfair { #expect(page.texts.contains(line)) }
    // A dot a run and a seed's difference, a large one a mean and an end of a curve.
    #expect(page["rect.seed g0 d0"] == 3 && page["rect.seed g1 d0"] == 6 && page["rect.mean g1 d0"] == 3)
    #expect(page.texts.contains("0.7700 ± 0.0248") && page.texts.contains("baseline"))
    #expect(page["path.band g2 d0"] >= 1 && page["path.line g2 d0"] == 1 && page["path.line g2 d0 w0"] == 1)
    // A cell a module and a group.
    #expect(page.texts.count { $0.hasPrefix("bert.encoder.layer.") } == 3 * 18)
  }

  @Test("nothing in it is fetched or run")
  func selfContained() throws {
    let html = ComparisonPage(try FakeComparison().make()).html
    for word in ["<script", "src=", "@import", "url(", "<iframe", "onload", "javascript:"] {
      #expect(!html.contains(word), "\(word)")
    }
    let links = html.matches(of: #/https?:[^"]*/#).map { String($0.output) }
    #expect(Set(links) == ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"])
  }

  @Test("light and dark, wide and narrow are the reader's own")
  func style() throws {
    let html = ComparisonPage(try FakeComparison().make()).html
    #expect(html.contains("prefers-color-scheme: dark") && html.contains("width=device-width"))
  }

  @Test("a hostile name is text wherever it stands", arguments: [1, 2, 12])
  func hostile(count: Int) throws {
    var fake = FakeComparison()
    let name = "<script>alert(1)</script>\"'&\u{202E}\u{1B}[31m]]>"
    fake.groups = (0..<count).map { ("\(name) \($0)", [0.8, 0.7, 0.9]) }
    fake.run.model = name
    let comparison = try fake.make()
    let html = ComparisonPage(comparison).html
    let page = MarkupReader(html)
    #expect(page.isWellFormed && page["script"] == 0)
    #expect(!html.contains("<script") && !html.unicodeScalars.contains("\u{202E}"))
    #expect(page.texts.contains { $0.hasPrefix("<script>alert(1)</script>") })
    let text = ComparisonText(comparison, width: nil, hasColors: false, isASCII: false).text
    #expect(!text.contains("\u{1B}") && !text.unicodeScalars.contains("\u{202E}"))
  }

  @Test("a single group, a single seed, LoRA alone, many groups and many layers have pages too")
  func extremes() throws {
    let one = MarkupReader(ComparisonPage(try FakeComparison(groups: [("alone", [0.8])]).make()).html)
    // Nothing to differ from, nothing to agree with.
    #expect(one.isWellFormed && one["svg"] == 10)
    let lora = MarkupReader(ComparisonPage(try FakeComparison(groups: [("LoRA", [0.8, 0.8])]).make()).html)
    #expect(lora.isWellFormed && !lora.texts.contains("Agreement"))
    let many = (0..<20).map { ("group \($0)", [0.7, 0.8]) }
    let page = MarkupReader(ComparisonPage(try FakeComparison(groups: many, run: .large).make()).html)
    #expect(page.isWellFormed && page["path.band g0 d0"] == 0 && page["path.line g1 d2"] == 1)
  }
}
