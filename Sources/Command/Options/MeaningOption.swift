import ArgumentParser
import Membus

/// Whether vectors take part in a search.
enum MeaningOption: String, ExpressibleByArgument, CaseIterable {
    case always, never

    static var help: ArgumentHelp {
        "Rank by meaning with the vectors that there are, or by words alone. (default: by both once every passage has a vector)"
    }

    var meaning: Meaning {
        switch self {
        case .always: .always
        case .never: .never
        }
    }
}

extension MeaningOption? {
    var meaning: Meaning { self?.meaning ?? .whereComplete }
}
