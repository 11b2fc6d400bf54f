// The checkpoints of a run: which are kept, and which is the one to go on from.

import Foundation
import Models

/// `checkpoints/` of a run, `step-<n>.ckpt` each.
struct CheckpointFolder: Sendable {
  let path: String
  /// The newest that are kept, whatever else is.
  static let keptNewest = 3

  func file(step: Int) -> String { path + "/step-\(step).ckpt" }

  /// Steps of all that are there, in order.
  var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".ckpt") else { return nil }
      let digits = name.dropFirst(5).dropLast(5)
      return digits.allSatisfy(\.isNumber) ? Int(digits) : nil
    }.sorted()
  }

  /// The newest that is whole.
  /// - Parameters:
  ///   - limit: no newer one.
  ///   - isUsable: a reason against one that is whole, or nil.
  /// - Returns: it, and those that were passed over with the reason.
  func newest(
    upTo limit: Int = .max, unless objection: (Checkpoint) -> String? = { _ in nil }
  ) -> (checkpoint: Checkpoint?, skipped: [String]) {
    var skipped: [String] = []
    for step in steps.reversed() where step <= limit {
      do throws(InputError) {
        let checkpoint = try Checkpoint(path: file(step: step))
        guard checkpoint.state.step == step else {
          throw InputError(file: checkpoint.path, place: "step", "\(checkpoint.state.step), expected \(step)")
        }
        if let reason = objection(checkpoint) { throw InputError(file: checkpoint.path, reason) }
        return (checkpoint, skipped)
      } catch {
        skipped.append(error.description)
      }
    }
    return (nil, skipped)
  }

  /// Removes all but the newest three and those of the steps given.
  func prune(keeping extra: [Int?]) {
    let keep = Set(steps.suffix(Self.keptNewest) + extra.compactMap { $0 })
    for step in steps where !keep.contains(step) { unlink(file(step: step)) }
  }

  /// Removes those that lie after a step: the run has gone back to it.
  func remove(after step: Int) {
    for other in steps where other > step { unlink(file(step: other)) }
  }

  /// Makes the folder.
  func make() throws(InputError) {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw InputError(.unwritable, file: path, "cannot be made: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw InputError(file: path, "not a folder, expected the run's own checkpoints")
    }
  }
}
