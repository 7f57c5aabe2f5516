// How terms are named in the index. What people write holds no control characters as words, so that the kinds can't meet.
//
//   run                 a stem, or the whole of a name in lower case
//   ^A field ^A run     a stem in a field of the record: its key, author, kind, message, an attribute
//   ^B key              somebody links to this key
//   ^C running          a word as it was written, where that is not its stem
//   ^D path ^A run      any of these but ^B, in a member of JSON
//   ^E path             of a member: how many words it has

enum TermNames {
    static let field: UInt8 = 1
    static let target: UInt8 = 2
    static let written: UInt8 = 3
    static let member: UInt8 = 4
    static let size: UInt8 = 5

    static func field(_ name: some Sequence<UInt8>, _ term: some Sequence<UInt8>) -> [UInt8] {
        [field] + name + [field] + term
    }

    static func member(_ path: some Sequence<UInt8>, _ term: some Sequence<UInt8>) -> [UInt8] {
        [member] + path + [field] + term
    }

    /// The same word in a member of the field's name.
    static func member(ofField term: [UInt8]) -> [UInt8] { [member] + term.dropFirst() }

    static func size(_ path: some Sequence<UInt8>) -> [UInt8] { [size] + path }

    static func target(_ key: String) -> [UInt8] { [target] + key.utf8 }
}
