// swift-tools-version: 6.1
import PackageDescription

/// What the one executable is made of.
let command: [Target.Dependency] = [
    "MembusBroker", "Membus", "MembusDocuments", "MembusModel", "MembusSystem", "MembusWire", "MembusBus",
    "MembusStore",
    .product(name: "ArgumentParser", package: "swift-argument-parser"),
    .product(name: "Crypto", package: "swift-crypto"),
    .product(name: "Logging", package: "swift-log"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]

/// What reads bytes from outside.
let fuzzed: [Target.Dependency] = [
    "MembusCommand", "MembusBroker", "Membus", "MembusBus", "MembusStore", "MembusDocuments", "MembusWire",
    "MembusModel", "MembusSteppedBroker", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
    .product(name: "Crypto", package: "swift-crypto"),
]

/// Every target speaks Swift 6 with strict concurrency; imports point down this list, never up
/// (Tests/House checks it).
let package = Package(
    name: "membus",
    products: [
        .library(name: "Membus", targets: ["Membus"]),
        .executable(name: "membus", targets: ["MembusCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CZeroMQ", path: "Sources/CZeroMQ", pkgConfig: "libzmq",
            providers: [.apt(["libzmq3-dev"])]),

        .target(
            name: "MembusModel",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            path: "Sources/Model"),
        .target(name: "MembusSystem", dependencies: ["MembusModel"], path: "Sources/System"),
        .target(
            name: "MembusWire",
            dependencies: ["MembusModel", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            path: "Sources/Wire"),
        .target(name: "MembusDocuments", dependencies: ["MembusModel"], path: "Sources/Documents"),
        .target(name: "MembusBus", dependencies: ["CZeroMQ"], path: "Sources/Bus"),
        // `accept4` for the whole process: only what runs a broker is linked with it.
        .target(name: "CProcess", path: "Sources/CProcess"),
        .target(
            name: "MembusStore",
            dependencies: [
                "MembusModel", "MembusSystem", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Sources/Store"),
        .target(
            name: "MembusBroker",
            dependencies: [
                "CProcess", "MembusModel", "MembusSystem", "MembusWire", "MembusBus", "MembusStore",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Broker"),
        .target(
            name: "Membus",
            dependencies: [
                "MembusModel", "MembusSystem", "MembusWire", "MembusBus",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Client"),
        .executableTarget(
            name: "MembusCommand",
            dependencies: command,
            path: "Sources/Command"),
        .target(name: "MembusDice", dependencies: ["MembusModel"], path: "Tests/Kit/Dice"),
        .target(
            name: "MembusSteppedBroker", dependencies: ["MembusBroker", "MembusModel", "MembusStore"],
            path: "Tests/Kit/SteppedBroker"),
        .executableTarget(name: "membus-test-agent", dependencies: ["Membus"], path: "Tests/Processes/Agent"),
        .target(name: "MembusRecording", dependencies: ["MembusModel"], path: "Tests/Processes/Recording"),
        .executableTarget(
            name: "membus-chaos-agent", dependencies: ["Membus", "MembusDice", "MembusRecording"],
            path: "Tests/Processes/ChaosAgent"),
        .target(name: "MembusChecker", dependencies: ["MembusModel"], path: "Tests/Simulation/Checker"),
        .target(
            name: "CFaultyDisk", path: "Tests/Simulation/FaultyDisk",
            linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(
            name: "MembusSimulation",
            dependencies: [
                "MembusChecker", "MembusDice", "MembusModel", "MembusWire", "MembusStore", "MembusBroker", "Membus",
                "CFaultyDisk",
            ],
            path: "Tests/Simulation", exclude: ["Checker", "FaultyDisk", "Tools"]),
        .executableTarget(
            name: "membus-simulate", dependencies: ["MembusSimulation"], path: "Tests/Simulation/Tools/Simulate"),
        .testTarget(
            name: "SimulationTests", dependencies: ["MembusSimulation", "MembusChecker", "membus-simulate"],
            path: "Tests/Unit/Simulation"),
        .executableTarget(
            name: "membus-check",
            dependencies: ["MembusChecker", "MembusSimulation", "MembusRecording", "MembusModel", "MembusStore"],
            path: "Tests/Simulation/Tools/Check"),
        // The public face is read from the built modules, so they have to be built.
        .testTarget(
            name: "HouseTests", dependencies: ["Membus"], path: "Tests/House", exclude: ["PublicFace.txt"]),
        .testTarget(
            name: "ScenarioTests",
            dependencies: ["Membus", "MembusBroker", "MembusModel", "MembusSteppedBroker", "MembusStore"],
            path: "Tests/Scenarios/Runner"),
        .testTarget(name: "CheckerTests", dependencies: ["MembusChecker", "MembusModel"], path: "Tests/Unit/Checker"),
        .executableTarget(
            name: "membus-benchmarks",
            dependencies: [
                "Membus", "MembusModel", "MembusWire", "MembusStore", "CZeroMQ",
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Tests/Benchmarks"),
        .testTarget(name: "ModelTests", dependencies: ["MembusModel", "MembusDice"], path: "Tests/Unit/Model"),
        .testTarget(name: "WireTests", dependencies: ["MembusWire"], path: "Tests/Unit/Wire"),
        .testTarget(name: "BusTests", dependencies: ["MembusBus"], path: "Tests/Unit/Bus"),
        .testTarget(name: "StoreTests", dependencies: ["MembusStore"], path: "Tests/Unit/Store"),
        .testTarget(
            name: "BrokerTests", dependencies: ["MembusBroker", "MembusSteppedBroker"], path: "Tests/Unit/Broker"),
        .testTarget(
            name: "ClientTests",
            dependencies: ["Membus", "MembusBroker", .product(name: "GRDB", package: "GRDB.swift")],
            path: "Tests/Unit/Client"),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "MembusCommand", "Membus", "MembusBroker", "MembusDocuments", "MembusStore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Unit/Command"),
        .testTarget(
            name: "FuzzTests", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["Corpora", "Dictionaries", "Entry"],
            sources: ["Properties", "Replay"]),
    ],
    swiftLanguageModes: [.v6]
)

// For deploy/fuzz alone. libFuzzer brings its own `main`: there the command is a library, without the file that holds
// its own, nothing else that is executable is built, and the properties are linked to libFuzzer's door.
if Context.environment["MEMBUS_FUZZ"] != nil {
    package.products = []
    package.targets.removeAll {
        $0.name != "MembusSteppedBroker" && ($0.path?.hasPrefix("Sources/") != true || $0.type == .executable)
    }
    package.targets += [
        .target(name: "MembusCommand", dependencies: command, path: "Sources/Command", exclude: ["Main.swift"]),
        .executableTarget(
            name: "membus-fuzz", dependencies: fuzzed, path: "Tests/Fuzz",
            exclude: ["Corpora", "Dictionaries", "Replay"],
            sources: ["Properties", "Entry"]),
    ]
}

// For deploy/docs alone: whoever uses the library does not need the documentation's compiler.
if Context.environment["MEMBUS_DOCS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
