// The table of glyphs: every one fits a cell and has its stand-ins.

import Foundation
import Testing

@testable import Dashboard

@_silgen_name("wcwidth") private func wcwidth(_ character: wchar_t) -> Int32

@Suite struct GlyphsTests {
  private func isASCII(_ glyph: Unicode.Scalar) -> Bool { (0x20..<0x7F).contains(glyph.value) }

  @Test("every glyph is one cell wide")
  func width() throws {
    // The locale is the process's; no other test reads it.
    try #require(setlocale(LC_CTYPE, "C.UTF-8") != nil)
    let braille = Glyphs.braille.compactMap(Unicode.Scalar.init)
    for glyph in Glyphs.table.map(\.rich) + braille + Array("éßŁжЯ".unicodeScalars) {
      #expect(wcwidth(wchar_t(glyph.value)) == 1, "\(glyph)")
    }
    #expect(braille.count == 256)
  }

  @Test("every glyph has a fallback in ASCII, and one for consoles that stays what it is")
  func fallbacks() {
    for entry in Glyphs.table {
      #expect(!isASCII(entry.rich))
      #expect(isASCII(entry.ascii))
      #expect(Glyphs.shown(entry.rich, at: .braille) == entry.rich)
      #expect(Glyphs.shown(entry.rich, at: .ascii) == entry.ascii)
      #expect(Glyphs.shown(entry.blocks, at: .blocks) == entry.blocks)
    }
  }

  @Test("braille becomes darker blocks and denser ASCII with more dots")
  func braille() {
    let steps: [Unicode.Scalar] = ["⠀", "⠁", "⠃", "⠏", "⣿"]
    #expect(steps.map { Glyphs.shown($0, at: .braille) } == steps)
    #expect(steps.map { Glyphs.shown($0, at: .blocks) } == [" ", "·", "░", "▒", "█"])
    #expect(steps.map { Glyphs.shown($0, at: .ascii) } == [" ", ".", ":", "+", "#"])
  }

  @Test("letters of names pass, wide and unprintable ones do not")
  func unknown() {
    #expect(Glyphs.shown("é", at: .braille) == "é")
    #expect(Glyphs.shown("é", at: .ascii) == "?")
    for glyph in ["日", "\u{1B}", "\u{7F}", "\u{85}", "\u{AD}", "\u{301}", "\u{202E}", "😀"] as [Unicode.Scalar] {
      #expect(Glyphs.shown(glyph, at: .braille) == "?")
    }
  }

  @Test("every glyph in the dashboard's sources is in the table")
  func sources() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Sources/Dashboard").standardizedFileURL
    let files = try FileManager.default.subpathsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".swift") }
    #expect(files.contains("Canvas/Glyphs.swift"))
    // The pictures of a snapshot are no cells.
    for file in files where !file.hasPrefix("Snapshot/") {
      let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
      for line in text.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
        for glyph in line.unicodeScalars where Glyphs.shown(glyph, at: .braille) == Glyphs.unknown {
          #expect(glyph == "?", "\(glyph) in \(file)")
        }
      }
    }
  }
}
