import Glibc

/// A local file could not be read or written.
package struct FileError: Error, Hashable, Sendable {
    package let path: String
    /// "cannot be created: No space left on device".
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    /// With the system's word for what the last call on this thread failed with.
    package static func last(_ path: String, _ problem: String) -> FileError {
        FileError(path: path, problem: "\(problem): \(String(cString: strerror(errno)))")
    }
}
