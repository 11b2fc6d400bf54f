// A key of an experiment that another file sets, such as a sweep's.

/// One key's value, with where it was read, for errors.
struct ExperimentSetting: Sendable {
  /// As in `--set`: `section.name`.
  var key: String
  var value: TOMLNode
  var file: String
  /// Line and key in that file.
  var place: String
  /// Where relative paths start.
  var folder: String
}
