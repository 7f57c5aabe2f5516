import Glibc

/// What the process was started with, looked at before anything else is done.
enum StandardStreams {
    /// Gives every standard stream that is closed a descriptor that refuses what the stream is for: else the
    /// next file to be opened would be taken for it, and what is printed written into that.
    static func fillStandardStreams() {
        for (stream, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(stream, F_GETFD) == -1 {
            // The lowest free descriptor is the one that is missing, as those below were filled before.
            _ = open("/dev/null", mode)
        }
    }

    /// The place of the first argument that is not UTF-8, which Swift would silently rewrite.
    static func firstNotUTF8(_ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, _ count: Int32) -> Int? {
        (0..<Int(count)).first { index in
            guard let argument = arguments[index] else { return false }
            let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
            return String(validating: bytes, as: UTF8.self) == nil
        }
    }
}
