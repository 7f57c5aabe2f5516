import Foundation

/// Where a run happens: a directory of its own, and the `membus` to measure.
struct Setting: Sendable {
    let isQuick: Bool
    let membus: String
    private let root: String

    init(isQuick: Bool) throws {
        self.isQuick = isQuick
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/membus"
        membus = ProcessInfo.processInfo.environment["MEMBUS_BINARY"] ?? beside
        guard FileManager.default.isExecutableFile(atPath: membus) else {
            throw Trouble("there is no \(membus): build it with swift build -c release, or name it in MEMBUS_BINARY")
        }
        root = FileManager.default.temporaryDirectory.path + "/membus-benchmarks-\(getpid())"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    func cleanUp() { try? FileManager.default.removeItem(atPath: root) }

    func directory(_ name: String) throws -> String {
        let path = root + "/" + name
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    func drop(_ directory: String) { try? FileManager.default.removeItem(atPath: directory) }

    func rounds(_ count: Int) -> Int { isQuick ? max(3, count / 3) : count }
    func scaled(_ count: Int) -> Int { isQuick ? max(1, count / 10) : count }
}
