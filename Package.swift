// swift-tools-version: 6.2
import PackageDescription

// MARK: - Settings

/// Warnings are errors in our own targets and nowhere else.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

// MARK: - Package

let package = Package(
  name: "ranktop",
  products: [
    .executable(name: "ranktop", targets: ["ranktop"]),
    .library(name: "AdaLoRA", targets: ["AdaLoRA"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // MARK: C underneath
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .target(name: "CKernels", cSettings: [.treatAllWarnings(as: .error)]),
    .systemLibrary(name: "CNcurses", providers: [.apt(["libncurses-dev"])]),
    .target(name: "CTerminal", cSettings: [.treatAllWarnings(as: .error)]),

    // MARK: Rooms, from the ground up
    .target(name: "Kernels", dependencies: ["CKernels", "COneDNN", "COpenBLAS"], swiftSettings: strict),
    .target(name: "AdaLoRA", dependencies: ["Kernels"], swiftSettings: strict),
    .target(name: "Models", dependencies: ["Kernels"], swiftSettings: strict),
    .target(
      name: "Training",
      dependencies: [
        "AdaLoRA", "Models", "TOMLKit", .product(name: "Logging", package: "swift-log"),
        .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ],
      swiftSettings: strict),
    .target(name: "Dashboard", dependencies: ["Training", "CNcurses", "CTerminal"], swiftSettings: strict),
    .executableTarget(
      name: "ranktop",
      dependencies: [
        "Dashboard", "Training", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    // MARK: Tests
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter", cSettings: [.treatAllWarnings(as: .error)]),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels"], swiftSettings: strict),
    .testTarget(name: "AdaLoRATests", dependencies: ["AdaLoRA"], swiftSettings: strict),
    .testTarget(
      name: "ModelsTests", dependencies: ["Models"], resources: [.copy("Fixtures")],
      swiftSettings: strict),
    .testTarget(
      name: "TrainingTests", dependencies: ["Training", "AllocationCounter"], resources: [.copy("Fixtures")],
      swiftSettings: strict),
    .executableTarget(
      name: "TerminalExerciser", dependencies: ["Dashboard"], path: "Tests/TerminalExerciser", swiftSettings: strict),
    .target(name: "TerminalSupport", path: "Tests/TerminalSupport", swiftSettings: strict),
    .testTarget(
      name: "DashboardTests", dependencies: ["Dashboard", "TerminalExerciser", "TerminalSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "RanktopTests", dependencies: ["ranktop", "Training", "TerminalSupport"], swiftSettings: strict),
  ]
)
