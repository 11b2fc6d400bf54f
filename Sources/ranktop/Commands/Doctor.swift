// `ranktop doctor`.

import ArgumentParser
import Foundation
import Kernels
import Training

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what this machine offers and check that its arithmetic is right.",
    discussion: """
      Example:
        ranktop doctor
      """)

  func run() throws {
    let check = BLASCheck.run()
    let bfloat16 = BFloat16Check.run()
    let environment = ProcessInfo.processInfo.environment
    let terminal = environment["TERM"] ?? "none"
    let locale = environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? "none"
    let rows: [(String, String)] = [
      ("ranktop", Ranktop.configuration.version),
      ("system", ProcessInfo.processInfo.operatingSystemVersionString),
      ("cpu", "\(Machine.cpuName), \(Machine.cores) cores, \(Machine.vectorExtensions.joined(separator: " "))"),
      ("memory", String(format: "%.1f GiB", Double(Machine.memoryBytes) / 1_073_741_824)),
      ("blas", "\(BLAS.configuration) (core \(BLAS.coreName))"),
      (
        "blas check",
        check.isRight
          ? String(format: "right: largest error %.1e", check.largestError)
          : String(format: "WRONG: error %.1e; set OPENBLAS_CORETYPE to an older core", check.largestError)
      ),
      ("blas speed", String(format: "%.0f GFLOP/s on one thread", check.gigaflops)),
      (
        "bfloat16",
        bfloat16.map {
          ($0.isRight ? "right" : "WRONG")
            + String(
              format: ": largest error %.1e; %.0f GFLOP/s on one thread, by oneDNN \($0.version)", $0.largestError,
              $0.gigaflops)
        } ?? "this CPU has no units for it; training.precision = \"bfloat16\" trains in float32"
      ),
      ("terminal", "\(terminal), standard output is \(isatty(STDOUT_FILENO) == 1 ? "a terminal" : "not a terminal")"),
      ("locale", locale),
    ]
    for (name, value) in rows {
      Console.result(name.padding(toLength: 12, withPad: " ", startingAt: 0) + value)
    }
    if !check.isRight || bfloat16?.isRight == false { throw ExitStatus.failed }
  }
}
