import Foundation
import MembusSimulation
import Synchronization

// Many histories on several cores: a worker process for each piece of work, as many at a time as there are jobs.
// What a piece says is printed once it is done; what came of all is summed up at the end.

struct Team {
    enum Piece: Sendable {
        case plain(seed: UInt64, histories: Int)
        case mutant(Mutant)
    }

    private struct Board: Sendable {
        var waiting: [Piece] = []
        var plain = Sum()
        var mutants: [Mutant: Sum] = [:]
        var failures: [String] = []
        var lastProgress = ContinuousClock.now
    }

    private let options: Options
    private let start = ContinuousClock.now
    private let pieceHistories = 100

    init(_ options: Options) { self.options = options }

    /// - Returns: the exit code.
    func run() -> CInt {
        let board = Shared(Board(waiting: pieces))
        let group = DispatchGroup()
        for _ in 0..<options.jobs {
            group.enter()
            Thread {
                while let piece = board.value.withLock({ $0.waiting.popLast() }) { work(on: piece, board) }
                group.leave()
            }.start()
        }
        group.wait()
        return board.value.withLock { conclude($0) }
    }

    /// The last is taken first: mutants need the longest.
    private var pieces: [Piece] {
        var pieces: [Piece] = []
        var left = options.histories
        // Without a number of histories, mutants are all there is to do.
        if left == 1, !options.mutants.isEmpty { left = 0 }
        var seed = options.seed
        while left > 0 {
            let count = min(left, pieceHistories)
            pieces.append(.plain(seed: seed, histories: count))
            seed &+= UInt64(count)
            left -= count
        }
        return pieces.reversed() + options.mutants.sorted { $0.bound < $1.bound }.map { .mutant($0) }
    }

    // MARK: One piece

    private func work(on piece: Piece, _ board: Shared<Board>) {
        let output = say(piece)
        board.value.withLock { board in
            var sum: Sum?
            var coverage = Coverage()
            for line in output.split(separator: "\n") {
                if let found = Sum(line: line) {
                    sum = found
                } else if let found = Coverage(line: line) {
                    coverage = found
                } else {
                    print(line)
                }
            }
            sum?.coverage = coverage
            guard let sum else {
                return board.failures.append("a worker did not finish: \(arguments(for: piece).joined(separator: " "))")
            }
            switch piece {
            case .plain:
                board.plain.add(sum)
                if sum.violating > 0, !options.keepsGoing { board.waiting = [] }
            case .mutant(let mutant): board.mutants[mutant] = sum
            }
            tellProgress(&board)
        }
    }

    private func arguments(for piece: Piece) -> [String] {
        var arguments = ["--worker", "--steps", "\(options.part.moves)"]
        switch piece {
        case .plain(let seed, let histories): arguments += ["--seed", "\(seed)", "--histories", "\(histories)"]
        case .mutant(let mutant):
            arguments += ["--seed", "\(options.seed)", "--histories", "\(mutant.bound)", "--mutant", mutant.rawValue]
        }
        return arguments + (options.keepsGoing ? ["--keep-going"] : [])
    }

    /// - Returns: all that the worker said.
    private func say(_ piece: Piece) -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments(for: piece)
        process.standardOutput = pipe
        do { try process.run() } catch { return "no worker could be started: \(error)" }
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
    }

    // MARK: What is told

    private var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }

    private func tellProgress(_ board: inout Board) {
        guard ContinuousClock.now - board.lastProgress > .seconds(5) else { return }
        board.lastProgress = .now
        let found = board.mutants.values.count { $0.violating > 0 }
        let line =
            "\(Int(seconds)) s: \(board.plain.histories) of \(options.histories) histories, "
            + "\(found) of \(options.mutants.count) mutants found\n"
        FileHandle.standardError.write(Data(line.utf8))
    }

    private func conclude(_ board: Board) -> CInt {
        for failure in board.failures { print(failure) }
        let missed = tellMutants(board)
        let plain = board.plain
        if plain.histories > 0 {
            let rate = Double(plain.histories) / max(plain.processor, 0.001)
            print(
                "\(plain.histories) histories of \(options.part.moves) moves, on average \(plain.steps / plain.histories) "
                    + "steps and \(plain.facts / plain.histories) facts; \(plain.violating) violate an invariant; "
                    + "\(Int(rate)) histories a second of processor time")
            if options.tellsCoverage {
                print(plain.coverage.table)
            } else if plain.histories >= 1000, !plain.coverage.missing.isEmpty {
                print("never happened: \(plain.coverage.missing.joined(separator: "; "))")
            }
        }
        print("\(Int(seconds)) s with \(options.jobs) jobs")
        let isCovered = tellUncovered(plain)
        return board.failures.isEmpty && missed == 0 && plain.violating == 0 && isCovered ? 0 : 1
    }

    /// What never happens was not tested: in a run that is long enough to tell, that is a failure.
    private func tellUncovered(_ plain: Sum) -> Bool {
        guard plain.histories >= 10_000 else { return true }
        let missing = plain.coverage.missingThoughCommon
        for name in missing { print("in \(plain.histories) histories this never happened: \(name)") }
        return missing.isEmpty
    }

    /// - Returns: how many were not found, and how many histories violate something for another reason.
    private func tellMutants(_ board: Board) -> Int {
        guard !options.mutants.isEmpty else { return 0 }
        func column(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        print(column("mutant", 38) + column("found in", 10) + column("bound", 8) + "by")
        var (missed, withoutMutant) = (0, 0)
        for mutant in options.mutants {
            let sum = board.mutants[mutant] ?? Sum()
            if sum.violating == 0 { missed += 1 }
            withoutMutant += sum.withoutMutant
            let found = sum.violating > 0 ? "\(sum.histories)" : "NOT FOUND"
            print(column(mutant.rawValue, 38) + column(found, 10) + column("\(mutant.bound)", 8) + sum.text.prefix(120))
        }
        print("\(options.mutants.count - missed) of \(options.mutants.count) mutants found")
        if withoutMutant > 0 { print("\(withoutMutant) histories violate an invariant without the bug: see above") }
        return missed + withoutMutant
    }
}

/// Something that threads share.
final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}
