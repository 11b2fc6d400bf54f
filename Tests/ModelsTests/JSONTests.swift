// The JSON reader and writer.

import Testing

@testable import Models

@Suite("JSON")
struct JSONTests {
  private func parse(_ text: String, line: Int = 1, allowNonFinite: Bool = false) throws(InputError) -> JSON {
    try JSON.parse(Array(text.utf8), file: "f.json", line: line, allowNonFinite: allowNonFinite)
  }

  @Test("every kind of value is read")
  func values() throws {
    #expect(try parse(" null\n") == .null)
    #expect(try parse("[true,false]") == .array([.bool(true), .bool(false)]))
    #expect(try parse("{}") == .object(JSONObject([])))
    #expect(try parse("[ ]") == .array([]))
    #expect(
      try parse(#"{"b": 1, "a": [{"c": "x"}]}"#)
        == .object(
          JSONObject([
            ("b", .integer(1)), ("a", .array([.object(JSONObject([("c", .string("x"))]))])),
          ])))
  }

  @Test(
    "numbers are integers where they have no fraction or exponent and fit",
    arguments: [
      ("0", JSON.integer(0)), ("-0", .integer(0)), ("42", .integer(42)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(0x1p63)), ("-9223372036854775809", .number(-0x1p63)),
      ("1000000000000000019884624838656", .number(1e30)), ("1.0", .number(1)), ("1e3", .number(1000)),
      ("-2.5E-3", .number(-0.0025)), ("0.1", .number(0.1)), ("1e-999", .number(0)),
      ("5e-324", .number(.leastNonzeroMagnitude)),
      ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
    ])
  func numbers(text: String, value: JSON) throws {
    #expect(try parse(text) == value)
  }

  @Test("strings are unescaped")
  func strings() throws {
    #expect(try parse(#""a\"\\\/\b\f\n\r\t""#) == .string("a\"\\/\u{8}\u{c}\n\r\t"))
    #expect(try parse(#""\u0041\u00e9\uFFFFé漢😀\uD83D\uDE00\u0000""#) == .string("Aé\u{FFFF}é漢😀😀\0"))
  }

  @Test("keys are told apart by their bytes")
  func exactKeys() throws {
    let object = try parse("{\"e\u{301}\": 1, \"\u{e9}\": 2}")
    #expect(object["\u{e9}"] == .integer(2))
    #expect(object["e\u{301}"] == .integer(1))
  }

  @Test("Python's NaN and infinities are numbers only where they are asked for")
  func nonFinite() throws {
    let values = try parse("[NaN, Infinity, -Infinity, 1e999]", allowNonFinite: true).array(file: "", at: "")
    let doubles = values.map { (try? $0.double(file: "", at: "")) ?? 0 }
    #expect(doubles[0].isNaN && doubles[1...] == [.infinity, -.infinity, .infinity])
    #expect(
      failure { () throws(InputError) in try parse("[NaN]") } == "f.json: line 1, column 2: expected a value, found 'N'"
    )
    #expect(
      failure { () throws(InputError) in try parse("-Infinity") }
        == "f.json: line 1, column 2: expected a digit, found 'I'")
  }

  @Test(
    "what is not JSON ends in one line with line and column",
    arguments: [
      ("", "line 1, column 1: expected a value, found the end"),
      ("{", "line 1, column 2: expected a key in quotes, found the end"),
      ("{\"a\"}", "line 1, column 5: expected ':' after the key, found '}'"),
      ("{\"a\":1,}", "line 1, column 8: expected a key in quotes, found '}'"),
      ("{\"a\":1 \"b\"", "line 1, column 8: expected ',' or '}', found '\"'"),
      ("[1,\n 2\n 3]", "line 3, column 2: expected ',' or ']', found '3'"),
      ("[1,]", "line 1, column 4: expected a value, found ']'"),
      ("1 2", "line 1, column 3: expected the end after the value, found '2'"),
      ("01", "line 1, column 2: expected the end after the value, found '1'"),
      ("-", "line 1, column 2: expected a digit, found the end"),
      ("1.", "line 1, column 3: expected a digit, found the end"),
      ("1.e3", "line 1, column 3: expected a digit, found 'e'"),
      ("1e+", "line 1, column 4: expected a digit, found the end"),
      (".5", "line 1, column 1: expected a value, found '.'"),
      ("1e999", "line 1, column 1: the number 1e999 is out of range"),
      ("tru", "line 1, column 1: expected a value, found 't'"),
      ("'a'", "line 1, column 1: expected a value, found '''"),
      ("\u{feff}1", "line 1, column 1: expected a value, found byte 0xEF"),
      ("\"abc", "line 1, column 5: expected a closing quote, found the end"),
      ("\"é漢\n\"", "line 1, column 4: expected no control character in a string, found byte 0xA"),
      (#""\x""#, "line 1, column 2: an unknown escape"),
      (#""\"#, "line 1, column 3: expected an escape, found the end"),
      (#""\u12G4""#, "line 1, column 2: \\u without four hexadecimal digits"),
      (#""a\uD83D""#, "line 1, column 3: a lone surrogate"),
      (#""\uDE00""#, "line 1, column 2: a lone surrogate"),
      (#""\uD83D\u0041""#, "line 1, column 2: a lone surrogate"),
      (#"{"a": 1, "\u0061": 2}"#, "line 1, column 10: the key \"a\" occurs twice"),
    ])
  func malformed(text: String, message: String) {
    #expect(failure { () throws(InputError) in try parse(text) } == "f.json: " + message)
  }

  @Test(
    "invalid UTF-8 is refused",
    arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE6, 0xBC], [0x80]])
  func invalidUTF8(bytes: [UInt8]) {
    for text in [Array("[\n \"".utf8) + bytes + Array("\"]".utf8), Array("[\n \"\\n".utf8) + bytes + Array("\"]".utf8)]
    {
      #expect(
        failure { () throws(InputError) in try JSON.parse(text, file: "f.json") }
          == "f.json: line 2, column 2: a string that is not valid UTF-8")
    }
  }

  @Test("128 levels are read, 129 are not")
  func depth() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(try parse(nested(128)) != .null)
    #expect(
      failure { () throws(InputError) in try parse(nested(129)) } == "f.json: line 1, column 129: more than 128 levels")
    #expect(
      failure { () throws(InputError) in try parse(String(repeating: "{\"a\":", count: 1_000_000)) }
        == "f.json: line 1, column 641: more than 128 levels")
  }

  @Test("a JSONL reader's line numbers appear in errors")
  func startingLine() {
    #expect(
      failure { () throws(InputError) in try parse("{]", line: 7) }
        == "f.json: line 7, column 2: expected a key in quotes, found ']'")
  }

  @Test("accessors name the value's path, what was expected and what was found")
  func accessors() throws {
    let json = try parse(#"{"a": "x", "b": 2, "c": 2.5, "d": null, "e": [], "f": {}, "g": true}"#)
    func field(_ key: String) throws(InputError) -> JSON { try json.field(key, file: "f", at: "") }
    #expect(try field("a").string(file: "f", at: "a") == "x")
    #expect(try field("b").integer(file: "f", at: "b") == 2)
    #expect(try field("b").double(file: "f", at: "b") == 2)
    #expect(try field("c").double(file: "f", at: "c") == 2.5)
    #expect(try field("g").bool(file: "f", at: "g"))
    #expect(json["z"] == nil && JSON.null["z"] == nil)
    let place = "model.vocab"
    #expect(
      failure { () throws(InputError) in try json.field("z", file: "f", at: place) } == "f: model.vocab.z: missing")
    #expect(failure { () throws(InputError) in try json.field("z", file: "f") } == "f: z: missing")
    #expect(
      failure { () throws(InputError) in try json.integer(file: "f", at: place) }
        == "f: model.vocab: expected an integer, found an object")
    #expect(
      failure { () throws(InputError) in try field("c").integer(file: "f", at: place) }
        == "f: model.vocab: expected an integer, found the number 2.5")
    #expect(
      failure { () throws(InputError) in try field("a").double(file: "f", at: place) }
        == "f: model.vocab: expected a number, found a string")
    #expect(
      failure { () throws(InputError) in try field("d").string(file: "f", at: place) }
        == "f: model.vocab: expected a string, found null")
    #expect(
      failure { () throws(InputError) in try field("e").object(file: "f", at: "") }
        == "f: expected an object, found an array")
    #expect(
      failure { () throws(InputError) in try field("g").array(file: "f", at: place) }
        == "f: model.vocab: expected an array, found true")
    #expect(
      failure { () throws(InputError) in try field("b").bool(file: "f", at: place) }
        == "f: model.vocab: expected true or false, found an integer")
  }

  @Test("a large object keeps its order, finds every key and refuses a late duplicate")
  func largeObject() throws {
    let members = (0..<50_000).map { "\"k\($0)\": \($0)" }
    let object = try parse("{" + members.joined(separator: ", ") + "}").object(file: "", at: "")
    #expect(object.count == 50_000)
    #expect(object.enumerated().allSatisfy { $0.element.key == "k\($0.offset)" })
    #expect((0..<50_000).allSatisfy { object["k\($0)"] == .integer($0) })
    #expect(object["k50000"] == nil)
    #expect(
      failure { () throws(InputError) in try parse("{" + (members + ["\"k3\": 0"]).joined(separator: ",\n") + "}") }
        == "f.json: line 50001, column 1: the key \"k3\" occurs twice")
  }

  @Test("values are written so that they read back the same")
  func roundTrip() throws {
    let doubles: [Double] = [
      0, -0.0, 1, 0.1, 1 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e16, 123456.789, -2.5e-7,
    ]
    let value = JSON.object(
      JSONObject([
        ("z", .array(doubles.map { .number($0) })), ("a", .array([.integer(.min), .integer(.max)])),
        ("quote \" \\ \n \u{1} é 😀", .string("\0\u{1f}\u{7f}/\t\r")), ("empty", .array([])),
        ("none", .object(JSONObject([]))), ("rest", .array([.null, .bool(true), .bool(false)])),
      ]))
    for pretty in [false, true] {
      let back = try parse(value.serialized(pretty: pretty))
      #expect(back == value)
      let numbers = try back.field("z", file: "").array(file: "", at: "")
      for (number, double) in zip(numbers, doubles) {
        #expect(try number.double(file: "", at: "").bitPattern == double.bitPattern)
      }
    }
  }

  @Test("compact is one line without spaces, pretty is a member a line")
  func layout() {
    let value = JSON.object(
      JSONObject([
        ("b", .array([.integer(1), .number(2.5)])), ("a", .object(JSONObject([]))), ("c", .number(.nan)),
        ("d", .number(-.infinity)), ("e", .string("x\u{1b}")),
      ]))
    #expect(value.serialized(pretty: false) == #"{"b":[1,2.5],"a":{},"c":null,"d":null,"e":"x\u001b"}"#)
    #expect(
      value.serialized(pretty: true) == """
        {
          "b": [
            1,
            2.5
          ],
          "a": {},
          "c": null,
          "d": null,
          "e": "x\\u001b"
        }
        """)
  }

  @Test("a missing file, a folder and a file that is empty are told apart")
  func files() throws {
    let folder = try TemporaryFolder()
    #expect(
      failure { () throws(InputError) in try JSON.read(path: folder.path + "/none.json") } == "none.json: no such file")
    #expect(
      failure { () throws(InputError) in try JSON.read(path: folder.path) }?.hasSuffix(": a folder, expected a file")
        == true)
    let empty = try folder.write("", "empty.json")
    #expect(
      failure { () throws(InputError) in try JSON.read(path: empty) }
        == "empty.json: line 1, column 1: expected a value, found the end")
    #expect(try JSON.read(path: folder.write("[1]\n", "one.json")) == .array([.integer(1)]))
  }

  @Test("no control character of a file reaches an error's line")
  func errorsAreOneLine() {
    let error = InputError(file: "a\nb", place: "tensor \u{1b}[31m\u{2028}x\r\n", "y\u{85}")
    #expect(error.description == "a b: tensor  [31m x  : y ")
  }
}
