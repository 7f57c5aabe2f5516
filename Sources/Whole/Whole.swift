import Dispatch
import Glibc
import MembusCommand

/// The executable's `main`, for a launcher that has nothing else: where library and executable come together, as in
/// Python's wheel, one file holds both, and Swift's runtime once.
///
/// The arguments are the process's own, whatever is given here.
@c(membus_main)
public func membusMain(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Int32 {
    Entry.prepare()
    Task { @MainActor in
        await Entry.main()
        exit(0)
    }
    dispatchMain()
}
