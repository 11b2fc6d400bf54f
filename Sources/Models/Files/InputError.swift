// The one error that bad input ends in: it names the file, the place and what was expected.

/// An input that cannot be used, worded as `file: place: what is wrong and what was expected`, in one line.
public struct InputError: Error, CustomStringConvertible, Equatable {
  /// Which exit status the error leads to (`sysexits.h` numbers).
  public enum Kind: Int32, Sendable {
    /// A malformed input (65).
    case malformed = 65
    /// An input that is not there (66).
    case missing = 66
    /// An output that cannot be written (73).
    case unwritable = 73
    /// Wrong usage (64).
    case usage = 64
  }

  public let kind: Kind
  /// The path as the user gave it, or empty where no file is concerned.
  public let file: String
  /// The place inside the file: a line, a key, a tensor, a byte; may be empty.
  public let place: String
  /// What is wrong and what was expected.
  public let message: String

  public init(_ kind: Kind = .malformed, file: String, place: String = "", _ message: String) {
    self.kind = kind
    self.file = file
    self.place = place
    self.message = message
  }

  public var description: String {
    [file, place, message].filter { !$0.isEmpty }.joined(separator: ": ")
      .unicodeScalars.map { Self.breaksLine($0) ? " " : String($0) }.joined()
  }

  /// Names out of a file can hold anything: no line break and no terminal escape may pass.
  private static func breaksLine(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
