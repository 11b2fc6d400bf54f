import Testing
import Foundation
@testable import Dashboard
@testable import Training

@Test("dump") func dump() throws {
  let run = ProcessInfo.processInfo.environment["RUN"] ?? "demo"
  let fake = ["demo": FakeRun.demo, "minilm": .miniLM, "lora": .lora, "single": .single, "large": .large][run] ?? .demo
  let done = Int(ProcessInfo.processInfo.environment["DONE"] ?? "") ?? 213
  let keys = ProcessInfo.processInfo.environment["KEYS"] ?? ""
  var out = ""
  for size in (ProcessInfo.processInfo.environment["SIZES"] ?? "80x24").split(separator: ",") {
    let wh = size.split(separator: "x").compactMap { Int($0) }
    var state = DashboardState(width: wh[0], height: wh[1])
    _ = update(&state, .frame(fake.frame(at: done)))
    for k in keys.unicodeScalars { _ = update(&state, .input(.key(k == "\t" ? .tab : k == "\n" ? .enter : .character(k)))) }
    var canvas = Canvas(width: wh[0], height: wh[1])
    let glyphs: GlyphLevel = ProcessInfo.processInfo.environment["ASCII"] != nil ? .ascii : .braille
    view(state, area: Area(x: 0, y: 0, width: wh[0], height: wh[1]), on: &canvas, glyphs: glyphs, colors: .full)
    out += "==== \(size)\n" + canvas.text + "\n"
  }
  try out.write(toFile: "/tmp/dump.txt", atomically: true, encoding: .utf8)
}
