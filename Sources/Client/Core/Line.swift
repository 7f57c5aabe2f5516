/// A queue whose front is taken off at no cost: what is gone is cleared away now and then.
struct Line<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var waiting: ArraySlice<Element> { elements[head...] }

    mutating func append(_ element: Element) { elements.append(element) }
    mutating func append(contentsOf other: Line) { elements.append(contentsOf: other.waiting) }

    mutating func removeFirst(_ count: Int) {
        head += count
        guard head > 1024 || head == elements.count else { return }
        if head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
    }

    mutating func removeAll(where test: (Element) -> Bool) {
        elements = waiting.filter { !test($0) }
        head = 0
    }
}
