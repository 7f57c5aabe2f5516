@_spi(_Unicode) import Swift

/// What the tokenizer takes a character for.
enum CharacterKind {
    /// Controls, formats, private ones, the replacement character: as if they were not there.
    case nothing
    case space
    /// A word of its own, before its accents are looked at.
    case ideograph
    case other
}

extension Unicode.Scalar {
    /// As BERT's reference sees it, bugs of its table of ideographs included.
    var kind: CharacterKind {
        switch value {
        case 0x09, 0x0A, 0x0D, 0x20: return .space
        case 0x21..<0x7F: return .other
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0xF900...0xFAFF: return .ideograph
        case 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
            return .ideograph
        case 0, 0xFFFD: return .nothing
        default: break
        }
        switch category {
        case .control, .format, .privateUse, .surrogate: return .nothing
        case .spaceSeparator, .lineSeparator, .paragraphSeparator: return .space
        default: return .other
        }
    }

    /// As Unicode 8 has it, which the reference knows: vectors must not depend on the version that Swift knows.
    fileprivate var category: Unicode.GeneralCategory {
        guard let age = properties.age, age.major <= 8 else { return .unassigned }
        switch value {
        // What they were before Unicode thought again.
        case 0x166D, 0x111C9: return .otherPunctuation
        case 0x1734, 0x1171E: return .nonspacingMark
        case 0x1885, 0x1886, 0xA9BD: return .otherLetter
        default: break
        }
        return properties.generalCategory
    }

    /// A word of its own.
    var isPunctuation: Bool {
        switch value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
        case 0..<0x80: return false
        default: break
        }
        switch category {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return true
        default: return false
        }
    }
}

/// Characters that belong together, since their accents change places when they are taken apart.
struct CharacterRun {
    private var text = String.UnicodeScalarView()
    private var count = 0

    /// Whether what was taken so far has to leave before `next`: a run of a megabyte need not be held whole. Accents
    /// stay behind their letter, unless they are more than anybody writes: putting them in order takes their square.
    func isFull(before next: Unicode.Scalar) -> Bool {
        count >= 64 && next.properties.canonicalCombiningClass == .notReordered || count >= 1024
    }

    mutating func append(_ scalar: Unicode.Scalar) {
        text.append(scalar)
        count += 1
    }

    /// Decomposed, without accents, in small letters. Empties the run.
    mutating func take(_ each: (Unicode.Scalar) -> Void) {
        guard count > 0 else { return }
        for scalar in String(text)._nfd where scalar.category != .nonspacingMark {
            for small in scalar.properties.lowercaseMapping.unicodeScalars { each(small) }
        }
        text.removeAll(keepingCapacity: true)
        count = 0
    }
}
