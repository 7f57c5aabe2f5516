// swift-tools-version: 6.1
import PackageDescription

/// What the one executable does is made of this.
let command: [Target.Dependency] = [
    "CProcess", "MembusBroker", "Membus", "MembusMCP", "MembusHTTP", "MembusDocuments", "MembusModel", "MembusSystem",
    "MembusWire", "MembusBus", "MembusStore", "MembusMeaning", "MembusEndpoint",
    .product(name: "ArgumentParser", package: "swift-argument-parser"),
    .product(name: "Crypto", package: "swift-crypto"),
    .product(name: "Logging", package: "swift-log"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]

/// What reads bytes from outside.
let fuzzed: [Target.Dependency] = [
    "MembusCommand", "MembusBroker", "Membus", "MembusBus", "MembusMCP", "MembusStore", "MembusDocuments", "MembusWire",
    "MembusModel", "MembusSteppedBroker", "MembusSearch", "MembusMeaning", "MembusEndpoint", "MembusSQL",
    .product(name: "SwiftProtobuf", package: "swift-protobuf"), .product(name: "Crypto", package: "swift-crypto"),
]

/// Every target speaks Swift 6 with strict concurrency; imports point down this list, never up
/// (Tests/House checks it).
let package = Package(
    name: "membus",
    products: [
        .library(name: "Membus", targets: ["Membus"]),
        .executable(name: "membus", targets: ["MembusExecutable"]),
        // The C door. deploy/library makes libmembus.so of it, which needs no Swift where it runs.
        .library(name: "membus-c", type: .dynamic, targets: ["MembusDoor"]),
        // The same, and all that the executable does: what Python's wheel carries.
        .library(name: "membus-whole", type: .dynamic, targets: ["MembusDoor", "MembusWhole"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Its core alone: no router, no TLS, no HTTP/2.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CZeroMQ", path: "Sources/CZeroMQ", pkgConfig: "libzmq",
            providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),

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
            name: "MembusStore", dependencies: ["CSQLite", "MembusModel", "MembusSystem"], path: "Sources/Store"),
        .target(name: "CMeaning", path: "Sources/CMeaning"),
        .target(
            name: "MembusMeaning",
            dependencies: ["CMeaning", "MembusSystem", .product(name: "Crypto", package: "swift-crypto")],
            path: "Sources/Meaning"),
        // libcurl, opened where an endpoint is used: nothing links it.
        .target(name: "CEndpoint", path: "Sources/CEndpoint", linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "MembusEndpoint", dependencies: ["CEndpoint", "MembusModel", "MembusSystem"],
            path: "Sources/Endpoint"),
        // The index, a projection of the store beside it.
        .target(
            name: "MembusSearch",
            dependencies: [
                "CSQLite", "MembusModel", "MembusStore", "MembusSystem", "MembusMeaning",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            path: "Sources/Search"),
        .target(name: "CSQL", dependencies: ["CSQLite"], path: "Sources/CSQL"),
        .target(
            name: "MembusSQL", dependencies: ["CSQL", "CSQLite", "MembusModel", "MembusStore", "MembusSystem"],
            path: "Sources/SQL"),
        .target(
            name: "MembusBroker",
            dependencies: [
                "CProcess", "MembusModel", "MembusSystem", "MembusWire", "MembusBus", "MembusStore", "MembusSearch",
                "MembusMeaning", "MembusEndpoint", "MembusSQL",
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
        // The header that C reads.
        .systemLibrary(name: "CMembus", path: "Sources/Door/C"),
        .target(
            name: "MembusDoor",
            dependencies: [
                "CMembus", "Membus", "MembusModel", "MembusSystem", "MembusBus", "MembusDocuments",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            path: "Sources/Door", exclude: ["C"]),
        .target(
            name: "MembusMCP", dependencies: ["Membus", "MembusDocuments", "MembusModel"], path: "Sources/MCP"),
        .target(name: "MembusCommand", dependencies: command, path: "Sources/Command"),
        .executableTarget(name: "MembusExecutable", dependencies: ["MembusCommand"], path: "Sources/Executable"),
        .target(name: "MembusWhole", dependencies: ["MembusCommand"], path: "Sources/Whole"),
        .target(
            name: "MembusHTTP",
            dependencies: [
                "MembusMCP", "MembusDocuments", "MembusModel",
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/HTTP"),
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
                "MembusSearch", "CFaultyDisk",
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
                "Membus", "MembusModel", "MembusWire", "MembusStore", "MembusMeaning", "CSQLite", "CZeroMQ",
            ],
            path: "Tests/Benchmarks", exclude: ["retrieval"]),
        .testTarget(name: "ModelTests", dependencies: ["MembusModel", "MembusDice"], path: "Tests/Unit/Model"),
        .testTarget(name: "WireTests", dependencies: ["MembusWire"], path: "Tests/Unit/Wire"),
        .testTarget(name: "BusTests", dependencies: ["MembusBus"], path: "Tests/Unit/Bus"),
        .testTarget(name: "StoreTests", dependencies: ["MembusStore", "CSQLite"], path: "Tests/Unit/Store"),
        .testTarget(
            name: "MeaningTests", dependencies: ["MembusMeaning"], path: "Tests/Unit/Meaning",
            exclude: ["reference.py", "references.json"]),
        .testTarget(
            name: "EndpointTests", dependencies: ["MembusEndpoint", "MembusModel", "MembusSystem"],
            path: "Tests/Unit/Endpoint"),
        .testTarget(
            name: "SearchTests", dependencies: ["MembusSearch", "MembusModel", "MembusStore", "MembusDice", "CSQLite"],
            path: "Tests/Unit/Search"),
        .testTarget(
            name: "SQLTests", dependencies: ["CSQL", "MembusSQL", "MembusModel", "MembusStore"], path: "Tests/Unit/SQL"),
        .testTarget(
            name: "BrokerTests", dependencies: ["MembusBroker", "MembusSteppedBroker"], path: "Tests/Unit/Broker"),
        .testTarget(
            name: "ClientTests", dependencies: ["Membus", "MembusBroker", "MembusStore"], path: "Tests/Unit/Client"),
        .testTarget(
            name: "DoorTests", dependencies: ["MembusDoor", "Membus", "MembusModel"], path: "Tests/Unit/Door"),
        .testTarget(
            name: "MCPTests", dependencies: ["MembusMCP", "Membus", "MembusDocuments", "MembusModel"],
            path: "Tests/Unit/MCP"),
        .testTarget(
            name: "HTTPTests",
            dependencies: ["MembusHTTP", "MembusDocuments", .product(name: "HTTPTypes", package: "swift-http-types")],
            path: "Tests/Unit/HTTP"),
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

// For deploy/fuzz alone. libFuzzer brings its own `main`: nothing else that is executable is built there, and the
// properties are linked to libFuzzer's door.
if Context.environment["MEMBUS_FUZZ"] != nil {
    package.products = []
    package.targets.removeAll {
        $0.name != "MembusSteppedBroker" && ($0.path?.hasPrefix("Sources/") != true || $0.type == .executable)
    }
    package.targets += [
        .executableTarget(
            name: "membus-fuzz", dependencies: fuzzed, path: "Tests/Fuzz",
            exclude: ["Corpora", "Dictionaries", "Replay"],
            sources: ["Properties", "Entry"])
    ]
}

// For deploy/docs alone: whoever uses the library does not need the documentation's compiler.
if Context.environment["MEMBUS_DOCS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
