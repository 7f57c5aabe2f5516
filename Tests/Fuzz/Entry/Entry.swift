import Foundation

// The door through which libFuzzer comes: `deploy/fuzz` builds this and names the target in MEMBUS_FUZZ_TARGET.
// Violations end the process as a trap does, so that libFuzzer keeps the input.

private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["MEMBUS_FUZZ_TARGET"] ?? ""
    if let target = FuzzTarget.named(name) { return target }
    print("set MEMBUS_FUZZ_TARGET to one of: \(FuzzTarget.all.map(\.name).joined(separator: " "))")
    exit(2)
}()

@_cdecl("LLVMFuzzerTestOneInput")
package func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do { try target.check([UInt8](UnsafeBufferPointer(start: start, count: count))) } catch {
        FileHandle.standardError.write(Data("\(target.name): \(error)\n".utf8))
        abort()
    }
    return 0
}

/// With MEMBUS_FUZZ_SEEDS set to a folder the target's seeds are written there, and nothing is fuzzed.
@_cdecl("LLVMFuzzerInitialize")
package func initialize(
    _ count: UnsafeMutablePointer<CInt>?,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
    guard let folder = ProcessInfo.processInfo.environment["MEMBUS_FUZZ_SEEDS"] else { return 0 }
    do {
        for (index, seed) in try target.seeds().enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: folder).appendingPathComponent("seed-\(index)"))
        }
        exit(0)
    } catch {
        print("the seeds of \(target.name) cannot be written: \(error)")
        exit(1)
    }
}
