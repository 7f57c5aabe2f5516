import Membus
import MembusDocuments

/// Does something on every branch, whatever comes of it on another.
struct Everywhere {
    let options: GlobalOptions
    let write: WriteOptions
    /// "reverted"
    let done: String
    let nothing: String

    func run(_ body: (BranchName, Memory) async throws -> Receipt) async throws {
        let output = Output.standard
        var isDone = false
        var left: [(branch: BranchName, error: CommandError)] = []
        for branch in try await options.withMemory({ memory in try await memory.branches() }).map(\.name) {
            let receipt: Receipt
            do {
                receipt = try await options.withMemory(context: write.contextName) { memory in
                    try await body(branch, memory)
                }
            } catch let error as MembusError {
                switch error {
                case .unsettled: break
                case .refused(let refusal) where refusal.code == .notWritable: break
                default: throw error
                }
                left.append((branch, CommandError(error)))
                continue
            }
            guard receipt.isCommitted else { continue }
            isDone = true
            try output.tell(of: "\(branch) is \(done) by revision \(receipt.revision)") { output in
                if options.json {
                    return try output.line(.receipt(receipt.token, isCommitted: true, branch: branch))
                }
                try output.line("\(branch)   revision \(receipt.revision)")
            }
        }
        guard let first = left.first else {
            if isDone { return }
            return options.json ? try output.line(["committed": false]) : try output.line(nothing)
        }
        for (branch, error) in left.dropFirst() { Output.warn("\(branch) is left as it is: \(error.message)") }
        throw CommandError(
            first.error.code, "\(first.branch) is left as it is: \(first.error.message)",
            hint: "\(first.error.hint) (with --branch \(first.branch))", .conflict, json: first.error.json)
    }
}
