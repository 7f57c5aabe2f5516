import Glibc

/// How many files and connections this process may have open.
package enum OpenFiles {
    /// More is of no use, and some libraries walk over all that there may be.
    private static let most: rlim_t = 1 << 20

    package static var limit: UInt64 { UInt64(read()?.rlim_cur ?? 0) }

    /// Raises the limit as far as the process may: what a shell or a service starts with is often 1,024.
    package static func raiseLimit() {
        guard var limits = read() else { return }
        let wanted = min(limits.rlim_max, most)
        guard limits.rlim_cur < wanted else { return }
        limits.rlim_cur = wanted
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
    }

    private static func read() -> rlimit? {
        var limits = rlimit()
        return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 ? limits : nil
    }
}
