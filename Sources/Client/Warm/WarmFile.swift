// A warm file: the state of some topics at one revision, from which a view starts.
//
//   "MEMBUSWF"              8 bytes
//   format version          4 bytes, big-endian: 1
//   header frame            a Request of membus.v1 whose body is the Register that a view would start with:
//                           branch, topics, mode and, in `newest`, lineage and position
//   record frames           each a Reply of membus.v1 whose body is a RangePage of the next records, in the
//                           order of their keys, about 1 MiB each
//   end                     4 zero bytes
//   number of records       8 bytes, big-endian
//   SHA-256                 32 bytes, of everything before
//
// A frame is its length (4 bytes, big-endian) and that many bytes. Integers and frames are all there is, so
// that a reader in another language needs nothing but the protos.
//
// The file is written beside its place and renamed into it, so that a reader finds a whole one. It is read
// only after its hash was found right: any damage refuses it.

import Crypto
import FoundationEssentials
import MembusWire

/// The state of some topics as of one revision, in a file: see ``Memory/follow(_:mode:capacity:whenStale:branch:context:warm:timeout:)-(String...,_,_,_,_,_,_,_)``.
/// It can be read without a broker, too.
package struct WarmFile: Sendable {
    package let branch: BranchName
    package let filter: TopicFilter
    package let token: Token
    /// In the order of their keys. Large ones may be without their values.
    package let records: [Record]

    static let magic = Data("MEMBUSWF".utf8)
    static let version: UInt32 = 1
    static let digestBytes = 32
    /// A page with the largest value that a broker can be configured to take, and what else is in it.
    static let mostFrameBytes = Limits.largestTransaction + (64 << 20)
    static let pageBytes = 1 << 20

    /// - Parameter records: all that the topics hold at the token's revision, in the order of their keys.
    package init(branch: BranchName, filter: TopicFilter, token: Token, records: [Record]) {
        self.branch = branch
        self.filter = filter
        self.token = token
        self.records = records
    }

    /// The records by key.
    package var snapshot: Snapshot { Snapshot(token: token, records: records) }

    /// - Throws: ``MembusError/warmFile(path:problem:hint:)`` if it follows something else.
    func check(fits follow: Follow, at file: URL) throws(MembusError) {
        let hint = "follow what it holds (\(filter) on \(branch)), or write another file"
        if follow.mode != .update {
            throw .warmFile(
                path: file.path, problem: "an invalidate view cannot start from it", hint: "use mode: .update")
        }
        if follow.branch != branch {
            throw .warmFile(path: file.path, problem: "it is of branch \(branch)", hint: hint)
        }
        if follow.filter != filter { throw .warmFile(path: file.path, problem: "it holds \(filter)", hint: hint) }
    }

    /// - Throws: ``MembusError/warmFile(path:problem:hint:)`` if the broker's history is another one.
    func check(isOf lineage: Lineage, at file: URL) throws(MembusError) {
        if lineage == token.lineage { return }
        throw .warmFile(
            path: file.path, problem: "it is of lineage \(token.lineage), the broker's history is \(lineage)",
            hint: "the broker was restored from a backup, or is another one: remove the file and have it written anew")
    }
}
