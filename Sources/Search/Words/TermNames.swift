// How terms are named in the index. What people write holds no control characters as words, so that the kinds can't meet.
//
//   run                 a stem, or the whole of a name in lower case
//   ^A field ^A run     a stem in a field
//   ^B key              somebody links to this key
//   ^C running          a word as it was written, where that is not its stem

enum TermNames {
    static let field: UInt8 = 1
    static let target: UInt8 = 2
    static let written: UInt8 = 3

    static func field(_ name: some Sequence<UInt8>, _ term: some Sequence<UInt8>) -> [UInt8] {
        [field] + name + [field] + term
    }

    static func target(_ key: String) -> [UInt8] { [target] + key.utf8 }
}
