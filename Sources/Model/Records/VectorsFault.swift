/// What keeps vectors from being sent or compared.
package struct VectorsFault: Error, Hashable, Sendable {
    /// What is wrong, with which space or vector.
    package let what: String
    /// What to do next.
    package let hint: String

    package init(_ what: String, hint: String) { (self.what, self.hint) = (what, hint) }
}

extension Vectors.Space {
    /// What keeps it from being searched by; `nil`: nothing.
    package var fault: VectorsFault? {
        if name.isEmpty {
            return VectorsFault("a space has no name", hint: "name it, after the model that makes its vectors say")
        }
        let told = "space \"\(String(name.unicodeScalars.prefix(80)).escapingControlCharacters)\""
        if name.utf8.count > Vectors.longestName {
            return VectorsFault(
                "\(told) has a name of \(name.utf8.count) bytes, more than \(Vectors.longestName)", hint: "shorten it")
        }
        if name.unicodeScalars.contains(where: { $0.value < 32 }) {
            return VectorsFault("\(told) has control characters in its name", hint: "leave them out")
        }
        return shapeFault(told) ?? vectorFault(told)
    }

    private func shapeFault(_ told: String) -> VectorsFault? {
        if dimensions < 1 || dimensions > Vectors.mostDimensions {
            return VectorsFault(
                "\(told): vectors of \(dimensions) dimensions, where 1 to \(Vectors.mostDimensions) can be compared",
                hint: dimensions < 1 ? "send the numbers that the model gave" : "have the model make shorter ones")
        }
        if values.isEmpty {
            return VectorsFault("\(told) holds no vector", hint: "send one, or leave the space out")
        }
        if values.count % dimensions != 0 {
            return VectorsFault(
                "\(told): \(values.count) numbers do not make vectors of \(dimensions) dimensions",
                hint: "send all vectors of a space in one length, one behind the other")
        }
        return nil
    }

    private func vectorFault(_ told: String) -> VectorsFault? {
        for index in 0..<count {
            var squares = 0.0
            for value in self[index] { squares += Double(value) * Double(value) }
            // An infinity or what is no number makes the sum one; none at all has no direction.
            if !squares.isFinite {
                return VectorsFault(
                    "\(told): vector \(index) holds NaN or an infinity",
                    hint: "see what the model makes of this text, and leave the vector out if it stays so")
            }
            if squares == 0 {
                return VectorsFault(
                    "\(told): vector \(index) is all zeroes, which is near to nothing", hint: "leave that vector out")
            }
        }
        return nil
    }
}

extension Vectors {
    /// What keeps them from being sent; `nil`: nothing.
    package var fault: VectorsFault? {
        let spaces = spaces
        if spaces.count > Self.mostSpaces {
            return VectorsFault(
                "its vectors are of \(spaces.count) spaces, more than \(Self.mostSpaces)",
                hint: "send those of at most \(Self.mostSpaces) models with one record")
        }
        let count = spaces.reduce(0) { $0 + $1.count }
        if count > Self.most {
            return VectorsFault(
                "it comes with \(count) vectors, more than \(Self.most)",
                hint: "send at most \(Self.most) with one record, or put the value in several")
        }
        return spaces.lazy.compactMap(\.fault).first
    }
}
