// What is known of the machine a run is on.

import Foundation
import Kernels

public enum Machine {
  /// Cores that this process may use.
  public static var cores: Int { max(ProcessInfo.processInfo.activeProcessorCount, 1) }

  /// The worker threads to use where `asked` are asked for, 0 meaning one per core.
  public static func threads(_ asked: Int) -> Int { asked > 0 ? asked : cores }

  /// The precision to use where `asked` is asked for: float32 where the CPU gains nothing by it.
  public static func precision(_ asked: Precision) -> Precision { asked.isSupported ? asked : .float32 }

  /// The most memory that the process has held, in bytes.
  public static var peakResidentBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024
  }

  /// Physical memory, in bytes.
  public static var memoryBytes: UInt64 { ProcessInfo.processInfo.physicalMemory }

  /// The CPU's name, as Linux tells it.
  public static var cpuName: String { field("model name") ?? "unknown" }

  /// Which of the vector extensions that matter here the CPU has.
  public static var vectorExtensions: [String] {
    let flags = Set((field("flags") ?? "").split(separator: " ").map(String.init))
    return ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"].filter(flags.contains)
  }

  private static func field(_ name: String) -> String? {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
  }
}

extension Machine {
  /// What the last bits of a run's numbers depend on beside its experiment and its seed.
  public struct Arithmetic: Codable, Sendable, Equatable {
    public var threads: Int
    public var blasCore: String
    public var blas: String
    public var cpu: String

    public init(threads: Int) {
      self.threads = threads
      blasCore = BLAS.coreName
      blas = BLAS.configuration
      cpu = Machine.cpuName
    }

    /// What differs, in words; empty where bits can be expected to be the same.
    public func differences(from other: Arithmetic) -> [String] {
      var found: [String] = []
      if threads != other.threads { found.append("\(threads) threads instead of \(other.threads)") }
      if blasCore != other.blasCore { found.append("BLAS core \(blasCore) instead of \(other.blasCore)") }
      if blas != other.blas { found.append("\(blas) instead of \(other.blas)") }
      if cpu != other.cpu { found.append("\(cpu) instead of \(other.cpu)") }
      return found
    }
  }
}
