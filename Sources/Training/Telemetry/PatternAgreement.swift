// How far two allocations of the same triplets agree.

/// What two sets of kept triplets have in common.
public struct PatternAgreement: Sendable, Equatable {
  /// Triplets that both keep, and that one of them keeps.
  public let common, either: Int
  /// Spearman's rank correlation of the modules' ranks; 0 where one of the two has the same in every module.
  public let spearman: Double

  /// - Parameters:
  ///   - a, b: whether a triplet is kept, module-major.
  ///   - rank: triplets a module.
  /// - Precondition: both are of the same modules.
  public init(_ a: [Bool], _ b: [Bool], rank: Int) {
    precondition(a.count == b.count && rank > 0, "\(a.count) triplets against \(b.count), \(rank) a module")
    common = a.indices.count { a[$0] && b[$0] }
    either = a.indices.count { a[$0] || b[$0] }
    func ranks(_ kept: [Bool]) -> [Double] {
      stride(from: 0, to: kept.count, by: rank).map { start in
        Double((start..<min(start + rank, kept.count)).count { kept[$0] })
      }
    }
    spearman = Training.spearman(ranks(a), ranks(b))
  }

  /// Jaccard's index of the kept sets, 0…1; 1 where nothing is kept by either.
  public var jaccard: Double { either == 0 ? 1 : Double(common) / Double(either) }
}
