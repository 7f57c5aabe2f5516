/// Operations that touch a common place, directly or through others: what must be ordered together. By the
/// locality of linearizability, parts that share no place can be judged apart.
struct Part<Place: Hashable> {
    var members: [Int] = []
    var places: [Place] = []
}

enum Parts {
    /// - Parameter touched: the places of each operation; one without places concerns nobody and is left out.
    /// - Returns: in the order of their first operations.
    static func joined<Place: Hashable>(_ touched: [[Place]]) -> [Part<Place>] {
        var numbers: [Place: Int] = [:]
        var places: [Place] = []
        var roots: [Int] = []
        func root(_ place: Int) -> Int {
            var place = place
            while roots[place] != place {
                roots[place] = roots[roots[place]]
                place = roots[place]
            }
            return place
        }
        func number(_ place: Place) -> Int {
            if let known = numbers[place] { return known }
            numbers[place] = places.count
            roots.append(places.count)
            places.append(place)
            return places.count - 1
        }
        let touched = touched.map { $0.map(number) }
        for places in touched {
            guard let first = places.first else { continue }
            for other in places.dropFirst() { roots[root(other)] = root(first) }
        }
        var parts: [Part<Place>] = []
        var partOfRoot: [Int: Int] = [:]
        for (member, places) in touched.enumerated() {
            guard let first = places.first else { continue }
            let part = partOfRoot[root(first)] ?? parts.count
            if part == parts.count {
                partOfRoot[root(first)] = part
                parts.append(Part())
            }
            parts[part].members.append(member)
        }
        for (number, place) in places.enumerated() {
            if let part = partOfRoot[root(number)] { parts[part].places.append(place) }
        }
        return parts
    }
}
