// The real terminal, over ncursesw. The only file that imports it.
//
// What ncurses does here: it finds the terminal's description (colours, control strings), enters the screen, and turns
// bytes into keys. It does not draw: its refresh flushes a small buffer of its own in several writes, with no place for
// the marks of synchronised output, and its colour pairs stand between a cell and its two colours. The difference of
// two grids is `FrameEncoder`'s, a page of code, and leaves in one write. The mouse is read here too: ncurses follows
// terminfo's old protocol for tmux and screen, which ends at column 223 and knows no double click without waiting.

import CNcurses
import CTerminal
import Glibc

/// Why there is no full-screen terminal: the caller goes on without a screen.
public struct TerminalError: Error, CustomStringConvertible {
  public let description: String
}

/// Holds the terminal of the process from `init` to `restore`; there can be one. Main thread only, `waker` excepted.
///
/// While it is held, descriptors 1 and 2 go to the log, and every end of the process gives the terminal back.
public final class CursesTerminal: Terminal {
  public private(set) var size: (width: Int, height: Int) = (80, 24)
  public let colorDepth: ColorDepth
  public private(set) var glyphLevel: GlyphLevel
  /// What `show` sent since the start: bytes, and frames, each one write.
  public private(set) var bytesSent = 0
  public private(set) var framesSent = 0

  private let input: Int32
  private let output: Int32
  private let outputs: RedirectedOutputs
  private let log: String
  /// Keys are read from a pad: reading from a window would refresh it.
  private let pad: UnsafeMutablePointer<WINDOW>
  private let controls: Controls
  private var encoder: FrameEncoder
  private var mouse = MouseDecoder()
  private var isHeld = true
  private var isClosed = false
  /// CT_ notices that came and were not yet reported.
  private var notices: Int32 = 0

  /// Takes the terminal.
  /// - Parameters:
  ///   - log: where descriptors 1 and 2 go meanwhile (appended to).
  ///   - ascii: draw with ASCII alone, whatever the locale.
  ///   - glyphs: what to draw with where the locale allows it; nil: what the terminal is known for.
  ///   - noColor: draw without colours, as the environment's `NO_COLOR` asks too.
  /// - Throws: when standard input or output is no terminal, or it cannot place a cursor (`TERM=dumb`).
  public init(
    log: String = "/dev/null", ascii: Bool = false, glyphs: GlyphLevel? = nil, noColor: Bool = false
  ) throws(TerminalError) {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
      throw TerminalError(description: "standard input and output are not both a terminal")
    }
    let name = environment("TERM") ?? "dumb"
    guard name != "dumb" else { throw TerminalError(description: "TERM=dumb cannot show a screen") }
    // Characters only: numbers are read and written the same everywhere.
    setlocale(LC_CTYPE, "")

    input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10)
    output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10)
    guard let inputFile = fdopen(input, "r"), let outputFile = fdopen(output, "w"), ct_hold(input, output) == 0 else {
      throw TerminalError(description: "the terminal's modes cannot be read")
    }
    // Newer terminals name themselves after xterm, and their descriptions are often not installed.
    let names = name.hasPrefix("xterm-") ? [name, "xterm-256color"] : [name]
    guard names.contains(where: { newterm($0, outputFile, inputFile) != nil }) else {
      ct_release()
      throw TerminalError(description: "terminfo does not know TERM=\(name)")
    }
    guard let controls = Controls(), let pad = newpad(1, 1) else {
      endwin()
      ct_release()
      throw TerminalError(description: "TERM=\(name) cannot place the cursor")
    }
    self.log = log
    self.pad = pad
    self.controls = controls

    let isUTF8 = String(cString: nl_langinfo(Int32(CODESET))) == "UTF-8"
    if ascii || !isUTF8 || isAmbiguousWide(locale: environment("LC_ALL", "LC_CTYPE", "LANG") ?? "") {
      glyphLevel = .ascii
    } else {
      glyphLevel = glyphs ?? (name.hasPrefix("linux") ? .blocks : .braille)
    }
    colorDepth = noColor || environment("NO_COLOR") != nil ? .none : controls.colorDepth
    encoder = FrameEncoder(strings: controls.strings(depth: colorDepth, level: glyphLevel))

    outputs = RedirectedOutputs(to: log)
    resize()
    setSavedPlace(nil)
    cbreak()
    noecho()
    nonl()
    set_escdelay(25)
    nodelay(pad, true)
    keypad(pad, true)  // and sends what enters the screen
    for (sequence, code) in addedKeys { define_key(sequence, code) }
    _ = ct_enter(controls.enter, controls.enter.count)
    if glyphLevel > .ascii { send(controls.widthProbe) }
  }

  deinit { restore() }

  // MARK: - Output

  public func show(_ canvas: Canvas) {
    guard isHeld, !isClosed else { return }
    let bytes = encoder.encode(canvas, width: size.width, height: size.height)
    guard !bytes.isEmpty else { return }
    send(bytes)
    bytesSent += bytes.count
    framesSent += 1
  }

  /// What a person should read after a sudden end, such as where the run is saved; one line without a newline.
  public func setSavedPlace(_ text: String?) {
    let lines = [text, log == "/dev/null" ? nil : "What it printed is in \(log)."].compactMap { $0 }
    ct_set_note(lines.map { $0 + "\n" }.joined())
  }

  private func send(_ bytes: [UInt8]) {
    if ct_write(bytes, bytes.count) == EIO { isClosed = true }
  }

  // MARK: - Events

  /// Gives the terminal back and stops the process's job; the next event is `resumed`, once it is continued.
  public func suspend() { notices |= Int32(CT_SUSPEND) }

  public var endRequest: EndRequest? { EndRequest.current ?? (isClosed ? .hangUp : nil) }

  public var waker: @Sendable () -> Void { { ct_wake() } }

  public func nextEvent(timeout: Int?) -> InputEvent? {
    let deadline = timeout.map { ContinuousClock.now + .milliseconds($0) }
    while isHeld {
      if let event = noticed() ?? readEvent() { return event }
      if wait(until: deadline) { return nil }
    }
    return nil
  }

  /// Sleeps until there is something to read or a notice.
  /// - Returns: whether the caller should get the word instead: woken, out of time, or the terminal is closed.
  private func wait(until deadline: ContinuousClock.Instant?) -> Bool {
    let left = deadline.map { max($0 - .now, .zero) / .milliseconds(1) }
    // poll passes over a negative descriptor; a closed terminal would be ready for ever.
    var waiting = [
      pollfd(fd: ct_wake_descriptor(), events: Int16(POLLIN), revents: 0),
      pollfd(fd: isClosed ? -1 : input, events: Int16(POLLIN), revents: 0),
    ]
    let count = poll(&waiting, 2, left.map { Int32(clamping: Int($0.rounded(.up))) } ?? -1)
    if count == 0 { return true }
    guard count > 0 else { return false }
    notices |= ct_take_notices()
    if notices != 0 { return false }
    if waiting[0].revents != 0 {
      ct_clear_wake()
      return true
    }
    var available: Int32 = 0
    isClosed = ioctl(input, UInt(FIONREAD), &available) != 0 || available == 0
    return isClosed
  }

  /// The event that a signal brought.
  private func noticed() -> InputEvent? {
    notices |= ct_take_notices()
    if notices & Int32(CT_SUSPEND) != 0 {
      ct_leave()
      ct_stop()
    } else if notices & Int32(CT_CONTINUED) == 0 {
      guard notices & Int32(CT_RESIZED) != 0 else { return nil }
      notices = 0
      resize()
      return .resize(width: size.width, height: size.height)
    }
    // The shell may have changed the modes and the size; being continued is a notice too, now fulfilled.
    _ = ct_take_notices()
    notices = 0
    resize()
    let bytes = controls.enterScreen + controls.enter
    _ = ct_enter(bytes, bytes.count)
    return .resumed
  }

  private func resize() {
    var window = winsize()
    if ioctl(output, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 {
      size = (Int(window.ws_col), Int(window.ws_row))
    }
    let reset = controls.reset(height: size.height)
    ct_set_reset(reset, reset.count)
    encoder.forget()
  }

  /// The next key or report that the terminal sent; nil when there is none yet.
  private func readEvent() -> InputEvent? {
    var code: wint_t = 0
    while true {
      switch wget_wch(pad, &code) {
      case ERR: return nil
      case KEY_CODE_YES:
        switch Int32(code) {
        case mouseCode:
          if let event = readMouse() { return event }
        case wideCode:
          glyphLevel = .ascii
          encoder.strings.level = .ascii
          encoder.forget()
          return .resize(width: size.width, height: size.height)
        default:
          if let key = keys[Int32(code)] { return .key(key) }
        }
      default:
        if let key = InputEvent.Key(code: code) { return .key(key) }
      }
    }
  }

  private func readMouse() -> InputEvent? {
    var text = ""
    while text.utf8.count < 16, text.last != "M", text.last != "m" {
      var next = wgetch(pad)
      if next == ERR {
        // The rest of the report is on its way.
        var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        if poll(&waiting, 1, 25) > 0 { next = wgetch(pad) }
      }
      guard next != ERR, let scalar = Unicode.Scalar(UInt32(next)) else { return nil }
      text.unicodeScalars.append(scalar)
    }
    guard let report = MouseReport(text), let event = mouse.event(of: report, at: .now) else { return nil }
    return .mouse(event)
  }

  // MARK: - The end

  public func restore() {
    guard isHeld else { return }
    isHeld = false
    ct_leave()
    ct_release()
    outputs.restore()
  }
}

// MARK: - Keys

// Codes of our own, above those of ncurses.
private let mouseCode: Int32 = 0x1000
private let narrowCode: Int32 = 0x1001
private let wideCode: Int32 = 0x1002

/// Sequences that terminfo may not tell: cursor keys where the terminal stays in its normal mode, reports.
private let addedKeys: [(String, Int32)] = [
  ("\u{1B}[A", KEY_UP), ("\u{1B}[B", KEY_DOWN), ("\u{1B}[C", KEY_RIGHT), ("\u{1B}[D", KEY_LEFT),
  ("\u{1B}OA", KEY_UP), ("\u{1B}OB", KEY_DOWN), ("\u{1B}OC", KEY_RIGHT), ("\u{1B}OD", KEY_LEFT),
  ("\u{1B}[H", KEY_HOME), ("\u{1B}[F", KEY_END), ("\u{1B}OH", KEY_HOME), ("\u{1B}OF", KEY_END),
  ("\u{1B}[1~", KEY_HOME), ("\u{1B}[4~", KEY_END), ("\u{1B}[3~", KEY_DC), ("\u{1B}[5~", KEY_PPAGE),
  ("\u{1B}[6~", KEY_NPAGE), ("\u{1B}[Z", KEY_BTAB), ("\u{1B}OM", KEY_ENTER), ("\u{1B}[<", mouseCode),
  // Where the cursor is after the width probe: column 2 or 3 of row 2.
  ("\u{1B}[2;2R", narrowCode), ("\u{1B}[2;3R", wideCode),
]

private let keys: [Int32: InputEvent.Key] = [
  KEY_UP: .up, KEY_DOWN: .down, KEY_LEFT: .left, KEY_RIGHT: .right, KEY_HOME: .home, KEY_END: .end,
  KEY_PPAGE: .pageUp, KEY_NPAGE: .pageDown, KEY_ENTER: .enter, KEY_BTAB: .backTab, KEY_BACKSPACE: .backspace,
  KEY_DC: .delete,
]

extension InputEvent.Key {
  /// The key of a character as it was typed; nil for what is none.
  fileprivate init?(code: wint_t) {
    switch code {
    case 8, 127: self = .backspace
    case 9: self = .tab
    case 10, 13: self = .enter
    case 27: self = .escape
    case 0..<32:
      // Ctrl-A is 1, Ctrl-Z 26, then Ctrl with \ ] ^ and _; Ctrl-Space is 0.
      let letter = code == 0 ? 0x20 : code <= 26 ? code + 0x60 : code + 0x40
      guard let scalar = Unicode.Scalar(letter) else { return nil }
      self = .control(scalar)
    default:
      guard let scalar = Unicode.Scalar(code), code < 0x7F || code >= 0xA0 else { return nil }
      self = .character(scalar)
    }
  }
}

// MARK: - Terminfo

/// The control strings of this terminal.
private struct Controls {
  let colorDepth: ColorDepth
  /// What takes the screen, for the time after a suspension: ncurses did it at first.
  let enterScreen: [UInt8]
  /// What ncurses leaves out: the cursor hides, the mouse reports.
  let enter: [UInt8]
  /// Writes a glyph of ambiguous width and asks where the cursor is; empty where no answer is likely.
  let widthProbe: [UInt8]

  private let exitScreen: [UInt8]
  private let cursorMotion: String
  /// A terminal with an alternate screen descends from xterm: it knows the mouse's SGR protocol and the marks of
  /// synchronised output, or passes over them. A console or a real VT100 may not.
  private let isModern: Bool

  /// Of the terminal that `newterm` set up; nil when it cannot place the cursor.
  init?() {
    guard let motion = cn_string("cup") else { return nil }
    cursorMotion = String(cString: motion)
    switch tigetnum("colors") {
    case 256: colorDepth = .full
    case 16..<256: colorDepth = .sixteen
    // Above 256 the numbers of colours are RGB values, the first eight excepted.
    case 8...: colorDepth = .eight
    default: colorDepth = .none
    }
    isModern = cn_string("smcup") != nil
    enterScreen = control("smcup") + control("smkx")
    enter = control("civis") + (isModern ? bytes("\u{1B}[?1000h\u{1B}[?1006h") : [])
    exitScreen =
      (isModern ? bytes("\u{1B}[?2026l\u{1B}[?1006l\u{1B}[?1000l") : [])
      + control("sgr0") + control("rmkx") + control("cnorm") + control("rmcup")
    widthProbe = isModern ? control("cup", 1, 0) + bytes("─\u{1B}[6n") : []
  }

  /// What gives the terminal back. Without an alternate screen the shell goes on below the last row.
  func reset(height: Int) -> [UInt8] {
    isModern ? exitScreen : exitScreen + control("cup", Int32(height - 1), 0) + bytes("\r\n")
  }

  func strings(depth: ColorDepth, level: GlyphLevel) -> TerminalStrings {
    TerminalStrings(
      moveTo: { x, y in parameterized(cursorMotion, Int32(y), Int32(x)) },
      plain: control("sgr0"), bold: control("bold"), dim: control("dim"), underline: control("smul"),
      reverse: control("rev"),
      foreground: (0..<depth.rawValue).map { control("setaf", Int32($0), 0) },
      background: (0..<depth.rawValue).map { control("setab", Int32($0), 0) },
      eraseRow: control("el"),
      beginFrame: isModern ? bytes("\u{1B}[?2026h") : [], endFrame: isModern ? bytes("\u{1B}[?2026l") : [],
      lastCellScrolls: tigetflag("am") == 1 && tigetflag("xenl") != 1, depth: depth, level: level)
  }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The bytes of a terminfo string, empty when the terminal has none.
private func control(_ capability: String, _ first: Int32 = 0, _ second: Int32 = 0) -> [UInt8] {
  cn_string(capability).map { parameterized(String(cString: $0), first, second) } ?? []
}

/// Fills a terminfo string in. Its delays (`$<5>`, in milliseconds) are for terminals at the end of a serial line.
private func parameterized(_ text: String, _ first: Int32, _ second: Int32) -> [UInt8] {
  guard let filled = cn_parameterized(text, first, second) else { return [] }
  var result: [UInt8] = []
  var rest = Array(UnsafeBufferPointer(start: filled, count: strlen(filled)))[...].map { UInt8(bitPattern: $0) }[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "$"), rest.first == UInt8(ascii: "<"), let end = rest.firstIndex(of: UInt8(ascii: ">")) {
      rest = rest[(end + 1)...]
    } else {
      result.append(byte)
    }
  }
  return result
}

// MARK: - Surroundings

/// The first of the variables that is set to something.
private func environment(_ names: String...) -> String? {
  names.lazy.compactMap { getenv($0) }.map { String(cString: $0) }.first { !$0.isEmpty }
}

/// Boxes, blocks and Greek letters are two cells wide by custom in Chinese, Japanese and Korean terminals.
private func isAmbiguousWide(locale: String) -> Bool { ["zh", "ja", "ko"].contains { locale.hasPrefix($0) } }
