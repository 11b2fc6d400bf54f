// A program for the tests of the terminal: shows what it was sent, and comes to every kind of end.

import Dashboard
import Foundation

let arguments = CommandLine.arguments
let insists = arguments.contains("--insist")  // goes on after a request to end
let terminal: CursesTerminal
do {
  terminal = try CursesTerminal(
    log: arguments.first { $0.hasPrefix("/") && $0 != arguments[0] } ?? "/dev/null",
    ascii: arguments.contains("--ascii"), noColor: arguments.contains("--no-color"))
} catch {
  print("no terminal: \(error)")
  exit(4)
}
terminal.setSavedPlace("The run is saved in runs/test.")

var log: [String] = []
var report = ""

@MainActor func canvas() -> Canvas {
  var canvas = Canvas(width: terminal.size.width, height: terminal.size.height)
  let size = "size \(canvas.width)x\(canvas.height)"
  canvas.write("\(size) \(terminal.colorDepth) \(terminal.glyphLevel) pid \(getpid()).", x: 0, y: 0)
  canvas.write("▁▂▃ ⣿ β→0.9 │", x: 0, y: 1, style: Style(.palette(214), on: .palette(17), bold: true))
  canvas.write(report, x: 0, y: 2, style: Style(reverse: true))
  canvas.write("end of row", x: canvas.width - 10, y: canvas.height - 1, style: Style(.palette(42)))
  for (row, line) in log.suffix(max(canvas.height - 4, 0)).enumerated() { canvas.write(line, x: 0, y: row + 3) }
  return canvas
}

/// Needs more stack the larger its argument.
@inline(never) func depth(_ count: Int) -> Int { count == 0 ? 0 : 1 + depth(count - 1) ^ count }

func crash(_ key: Unicode.Scalar) {
  switch key {
  case "T": fatalError("a trap on purpose")
  case "S": UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = 1
  case "A": abort()
  case "B": raise(SIGBUS)
  case "E": raise(SIGFPE)
  case "X": exit(7)
  case "O": print(depth(.max))
  case "H": Thread { crash("T") }.start()
  default: break
  }
}

loop: while true {
  terminal.show(canvas())
  let event = terminal.nextEvent(timeout: nil)
  if let request = terminal.endRequest, event == nil {
    if insists, request != .hangUp {
      log.append("asked to end: \(request)")
      continue
    }
    terminal.restore()
    print("ended by \(request)")
    exit(request.exitStatus)
  }
  switch event {
  case .key(.character("q")):
    break loop
  case .key(.character("P")):
    print("printed to output")
    FileHandle.standardError.write(Data("printed to error\n".utf8))
    fflush(nil)
    log.append("printed")
  case .key(.control("z")): terminal.suspend()
  case .key(.character("W")):
    let wake = terminal.waker
    Thread { wake() }.start()
  case .key(.character("M")):
    // A frame of one changed cell, then one of every cell, both measured.
    var grid = canvas()
    terminal.show(grid)
    var sent = terminal.bytesSent
    grid.write("x", x: 20, y: 10, style: Style(.palette(200)))
    terminal.show(grid)
    let one = terminal.bytesSent - sent
    for y in 0..<grid.height {
      for x in 0..<grid.width {
        grid.write((x + y) % 2 == 0 ? "█" : "a", x: x, y: y, style: Style(.palette(UInt8(16 + (x / 4 + y) % 200))))
      }
    }
    sent = terminal.bytesSent
    terminal.show(grid)
    report = "one \(one) all \(terminal.bytesSent - sent)."
  case .key(.character(let key)):
    log.append("character \(key)")
    crash(key)
  case .key(let key): log.append("key \(key)")
  case .mouse(let mouse): log.append("\(mouse.action) at \(mouse.x),\(mouse.y)")
  case .resize(let width, let height): log.append("resize \(width)x\(height)")
  case .resumed: log.append("resumed")
  case nil: log.append("woken")
  }
}
terminal.restore()
print("bye, \(terminal.framesSent) frames")
