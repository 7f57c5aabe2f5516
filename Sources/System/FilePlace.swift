import Glibc

/// Where a path leads.
package enum FilePlace {
    /// The name under which a file would be made: behind links, also where their target is not there yet.
    package static func behindLinks(_ path: String) throws(FileError) -> String {
        var place = path
        // As many as the kernel follows.
        for _ in 0..<40 {
            guard let target = target(ofLink: place) else { return place }
            place = target.hasPrefix("/") ? target : directory(of: place) + "/" + target
        }
        throw FileError(path: path, problem: "leads through too many links")
    }

    /// What a name stands in; `.` for a bare one.
    package static func directory(of path: String) -> String {
        var name = path[...]
        while name.count > 1, name.last == "/" { name.removeLast() }
        guard let slash = name.lastIndex(of: "/") else { return "." }
        return slash == name.startIndex ? "/" : String(name[..<slash])
    }

    /// Without the directory.
    package static func name(of path: String) -> String {
        var name = path[...]
        while name.count > 1, name.last == "/" { name.removeLast() }
        return name.lastIndex(of: "/").map { String(name[name.index(after: $0)...]) } ?? String(name)
    }

    private static func target(ofLink path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
