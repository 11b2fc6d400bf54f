// The list of methods.

/// A method of the list, by its name: what an experiment file, the command line and a run's database hold of it.
public struct ListedMethod: RawRepresentable, CaseIterable, Hashable, Sendable {
  public let method: any AllocationMethod

  public static let allCases = [
    ListedMethod(AdaLoRAMethod()),
    ListedMethod(SVDLoRAMethod()),
    ListedMethod(LoRAMethod()),
    ListedMethod(PrunedLoRAMethod()),
    ListedMethod(IncreLoRAMethod()),
    ListedMethod(ElaLoRAMethod()),
  ]

  public static let adalora = ListedMethod(AdaLoRAMethod())
  public static let lora = ListedMethod(LoRAMethod())

  private init(_ method: any AllocationMethod) { self.method = method }

  public init?(rawValue: String) {
    guard let listed = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = listed
  }

  public var rawValue: String { method.name }

  /// In a run's database and on the screen.
  public var title: String { rawValue.uppercased() }

  public init?(title: String) {
    guard let listed = Self.allCases.first(where: { $0.title == title }) else { return nil }
    self = listed
  }

  public static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}
