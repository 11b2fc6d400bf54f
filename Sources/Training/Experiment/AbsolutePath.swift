// Paths that stay right when they are written elsewhere.

import Foundation

enum AbsolutePath {
  /// `path`, taken from `folder`, as an absolute path without detours. The folder it stands in is resolved; its own name
  /// stays as given, so that a model is still called what the user calls it.
  static func of(_ path: String, from folder: String) -> String {
    let joined = path.hasPrefix("/") ? path : folder + "/" + path
    let absolute = joined.hasPrefix("/") ? joined : FileManager.default.currentDirectoryPath + "/" + joined
    let parts = absolute.split(separator: "/")
    guard let name = parts.last else { return "/" }
    if name == "." || name == ".." { return resolved(parts) }
    let parent = resolved(parts.dropLast())
    return parent == "/" ? "/\(name)" : "\(parent)/\(name)"
  }

  /// The folder that a file's path names, where the paths in it start; with its own slash, so that the root is not empty.
  static func folder(of file: String) -> String {
    let parts = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return parts.isEmpty ? "." : parts.joined(separator: "/") + "/"
  }

  /// Without `.`, `..` and links; what does not exist has no links.
  private static func resolved(_ parts: some Sequence<Substring>) -> String {
    if let pointer = realpath("/" + parts.joined(separator: "/"), nil) {
      defer { free(pointer) }
      return String(cString: pointer)
    }
    var kept: [Substring] = []
    for part in parts where part != "." {
      if part == ".." { _ = kept.popLast() } else { kept.append(part) }
    }
    return "/" + kept.joined(separator: "/")
  }
}
