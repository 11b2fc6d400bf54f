// On which line a key of a TOML text stands.

import Models
import Testing

@testable import Training

@Suite struct TOMLLinesTests {
  @Test("lines are right after strings, arrays, comments, tables and sections of every kind")
  func everything() throws {
    let text = #"""
      # a comment with [brackets] and = signs
      top = 1
      str = "a # no comment \" [x] \\"
      lit = 'C:\path\' # comment

      multi = """
      inner = 1 \""" still
      two quotes at the end"""""
      literal = '''
      [no.section]
      it's '''
      [section] # comment
      list = [ # of
        "a]", # ]
        [1, 2], { x = 1 },
      ]
      dotted . key = 1
      "quoted" = 2
      'lit.eral' = -1_000.5e-3 
      inline = { a = 1, b.c = [1,
        2], d = "}" }
      [ "other section" . sub ]
      x=1
      [[array]]
      inside = 1
      [last]
      end = 1.5 # end
      """#
    let lines = try TOMLLines(Array(text.utf8), file: "t").lines
    #expect(lines[["top"]] == 2)
    #expect(lines[["str"]] == 3)
    #expect(lines[["lit"]] == 4)
    #expect(lines[["multi"]] == 6)
    #expect(lines[["inner"]] == nil)
    #expect(lines[["literal"]] == 9)
    #expect(lines[["no"]] == nil && lines[["no", "section"]] == nil)
    #expect(lines[["section"]] == 12)
    #expect(lines[["section", "list"]] == 13)
    #expect(lines[["section", "x"]] == nil)
    #expect(lines[["section", "dotted", "key"]] == 17)
    #expect(lines[["section", "quoted"]] == 18)
    #expect(lines[["section", "lit.eral"]] == 19)
    #expect(lines[["section", "inline"]] == 20)
    #expect(lines[["section", "inline", "b", "c"]] == 20)
    #expect(lines[["section", "inline", "d"]] == 21)
    #expect(lines[["other section", "sub"]] == 22)
    #expect(lines[["other section", "sub", "x"]] == 23)
    #expect(lines[["array"]] == 24)
    #expect(lines[["array", "inside"]] == nil)
    #expect(lines[["last", "end"]] == 27)
    // The parser agrees on what the keys are.
    let document = try TOMLDocument(Array(text.utf8), file: "t")
    #expect(Set(document.entries.keys) == Set(lines.keys.filter { $0.count == 1 }.map { $0[0] }))
  }

  @Test("a key with an escape is left out, and those after it are right")
  func escapes() throws {
    let lines = try TOMLLines(Array("a = 1\n\"\\u0062\" = 2\nc = 3\n".utf8), file: "t").lines
    #expect(lines == [["a"]: 1, ["c"]: 3])
  }

  @Test("where a name, a value or an end is missing, the line says so")
  func broken() {
    for (text, line, what) in [
      ("[&", 1, "a key"), ("a = 1\n  [[[x]]]", 2, "a key"), ("[", 1, "a key"), ("[[\n", 1, "a key"),
      ("[é]", 1, "a key"),
      ("a.\n", 1, "a key"), ("[a\n", 1, "]"), ("[[a]\n", 1, "]]"), ("a\n", 1, "= after a key"),
      ("\na =\n", 2, "a value"),
      ("a = [}", 1, "a value"), ("a = [,]", 1, "a value"), ("a = [1\n\n2]", 3, ", or ] in an array"),
      ("a = {b = 1\n}", 1, ", or } in an inline table"), ("a = {b = 1,}", 1, "a key"),
      ("a = 1 b = 2", 1, "the end of the line"),
      ("\na = \"x\n\"", 2, "the end of the string that begins here"),
      ("a = '''\n\n", 1, "the end of the string that begins here"),
      ("a = \u{A0}1", 1, "a value"), ("a = " + String(repeating: "[", count: 100_000), 1, "at most 64 levels"),
      (String(repeating: "a.", count: 100_000) + "b = 1", 1, "at most 64 levels"),
    ] {
      #expect(throws: InputError(file: "t", place: "line \(line)", "not TOML: expected \(what)"), "\(text.prefix(30))")
      {
        try TOMLLines(Array(text.utf8), file: "t")
      }
    }
  }

  @Test("any string of the characters of numbers and dates is read or refused")
  func bareValues() {
    let characters = Array("0123456789abefntrulsxTZz_+-.:  ")
    var state: UInt64 = 1
    var accepted = 0
    for _ in 0..<30_000 {
      var text = ""
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      for _ in 0..<(1 + state >> 60) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.append(characters[Int(state >> 33) % characters.count])
      }
      if TOMLDocument.value(text) != nil { accepted += 1 }
    }
    #expect(accepted > 500)
  }
}
