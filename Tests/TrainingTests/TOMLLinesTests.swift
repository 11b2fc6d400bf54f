// On which line a key of a TOML text stands.

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
      'lit.eral' = 1979-05-27 07:32:00
      inline = { a = 1, b.c = [1,
        2], d = "}" }
      [ "other section" . sub ]
      x=1
      [[array]]
      inside = 1
      [last]
      end = 1.5 # end
      """#
    let lines = TOMLLines.scan(Array(text.utf8))
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

  @Test("an escaped key ends the scan, so that no wrong line is told")
  func unsure() {
    let lines = TOMLLines.scan(Array("a = 1\n\"\\u0062\" = 2\nc = 3\n".utf8))
    #expect(lines == [["a"]: 1])
  }
}
