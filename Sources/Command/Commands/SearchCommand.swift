import ArgumentParser
import Membus
import MembusDocuments

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find the best records for a question.",
        discussion: """
            Best first: score, version, kind, author, and below it the passage that fits best. A question is words; "a phrase"; \
            a prefix*; field:word, where a field is key, author, kind, message, an attribute or the path of a JSON member. \
            The broker's index follows the commits; without --at the answer is of the newest state that it holds. How many \
            records match, of which state, and how far meaning took part, goes to standard error.

              membus search "night train to Lisbon"
              membus search 'ticket* author:booker' --in plans/ --in people/ -k 5
              membus search tickets --at yesterday-evening --explain
              membus search tickets --watch          # again whenever it finds something else
              membus search --space mine --vector question.json

            What is shown counts as read in the context, if one is named. With --json each hit is an object, and the last line \
            tells the rest; with --watch each page is one object.
            """)

    @Argument(help: ArgumentHelp("What to look for.", valueName: "question"))
    var question: String?

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Only there: a prefix ending in /, or a key. (default: everywhere)", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic] = []

    @Option(
        name: [.customShort("k"), .long],
        help: ArgumentHelp("At most this many records, up to 1000. (default: 10)", valueName: "number"))
    var limit: Int?

    @Option(help: ArgumentHelp("Pass over so many of the best.", valueName: "number"))
    var offset: Int?

    @Flag(help: "Tell what each term gave.")
    var explain = false

    @Option(help: MeaningOption.help)
    var meaning: MeaningOption?

    @Flag(help: "Print the page again whenever it may have become another, at most four times a second.")
    var watch = false

    @OptionGroup var vector: VectorOptions
    @OptionGroup var state: AtOption
    @OptionGroup var reading: ReadOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit needs a number above zero.") }
        if let offset, offset < 0 { throw ValidationError("--offset is never negative.") }
        if question == nil, vector.space == nil { throw ValidationError("A question is needed, or a --vector.") }
        if watch, state.at != nil || offset != nil || explain {
            throw ValidationError("--watch follows the newest state: it takes no --at, --offset or --explain.")
        }
    }

    func run() async throws {
        if watch { return try await follow() }
        let page = try await options.withMemory(context: reading.contextName) { memory in
            let at = try await state.state(options, of: memory)
            return try await memory.search(
                question ?? "", in: topics.map(\.text), limit: limit ?? 10, offset: offset ?? 0, at: at.revision,
                branch: at.branch, meaning: meaning.meaning, by: vector.question, explain: explain, passages: true)
        }
        let output = Output.standard
        if options.json {
            for hit in page.hits { try output.line(.hit(hit)) }
            return try output.line(.standing(page))
        }
        try show(page, explained: explain, on: output)
    }

    private func follow() async throws {
        let output = Output.standard
        let vector = try vector.question
        let ending = Termination.endProcess(watching: output)
        defer { ending.cancel() }
        try await options.withMemory(
            context: reading.contextName, withoutEvents: "it is looked every few seconds instead"
        ) { memory in
            let pages = memory.watch(
                search: question ?? "", in: topics.map(\.text), limit: limit ?? 10, branch: options.branchName,
                meaning: meaning.meaning, by: vector, passages: true)
            for try await page in pages {
                if options.json {
                    try output.line(.search(page))
                    try output.flush()
                } else {
                    try output.line(output.style.dim("revision \(page.at.revision)"))
                    try show(page, on: output)
                }
            }
        }
    }

    private func show(_ page: SearchPage, explained isExplained: Bool = false, on output: Output) throws {
        let text = SearchText(page, explained: isExplained, style: output.style, onTerminal: output.isTerminal)
        for line in text.lines { try output.line(line) }
        try output.flush()
        Output.warn(text.summary)
    }
}

/// A page of hits, for people.
struct SearchText {
    let page: SearchPage
    let isExplained: Bool
    let style: Style
    let isOnTerminal: Bool

    init(_ page: SearchPage, explained isExplained: Bool = false, style: Style, onTerminal isOnTerminal: Bool) {
        self.page = page
        self.isExplained = isExplained
        self.style = style
        self.isOnTerminal = isOnTerminal
    }

    var lines: [String] {
        terms + settings + page.hits.flatMap { hit in [line(hit)] + passage(hit) + reasons(hit) }
    }

    /// `2 of 37 records, at revision 41; meaning: 83 %`
    var summary: String {
        let count =
            page.found == page.hits.count
            ? Human.plural(page.found, "record") : "\(page.hits.count) of \(Human.plural(page.found, "record"))"
        let what = page.found == 0 ? "nothing found" : count
        return "\(what), at revision \(page.at.revision); meaning: \(page.standing.words)"
    }

    private func line(_ hit: SearchHit) -> String {
        let facts = "\(hit.kind.name)  \(hit.author)".escapingControlCharacters
        return "\(Human.fixed(hit.score))  \(style.bold(Human.key(hit.key, onTerminal: isOnTerminal)))"
            + style.dim("@\(hit.revision)  \(facts)")
    }

    private func passage(_ hit: SearchHit) -> [String] {
        guard let passage = hit.passage else { return [] }
        let cut = passage.text.prefix(160)
        let place = passage.count > 1 ? style.dim("  (\(passage.number + 1) of \(passage.count))") : ""
        return [
            "        " + String(cut).escapingControlCharacters + (cut.count < passage.text.count ? "…" : "") + place
        ]
    }

    /// What the terms are worth, then what each gave to a hit.
    private var terms: [String] {
        page.terms.map { term in
            let passages = "in \(term.passages) of \(Human.plural(page.passages, "passage"))"
            return style.dim("\(term.term.escapingControlCharacters)  weight \(Human.fixed(term.weight)), \(passages)")
        }
    }

    private var settings: [String] {
        page.usesSettings ? [style.dim("settings under .membus/search/ apply to some of what is searched")] : []
    }

    /// Where a vector alone was brought there are no words to tell of.
    private func reasons(_ hit: SearchHit) -> [String] {
        guard isExplained else { return [] }
        let shares = zip(page.terms, hit.shares).map { "\($0.term.escapingControlCharacters) \(Human.fixed($1))" }
        let words = page.terms.isEmpty ? [] : ["words \(Human.fixed(hit.words))"]
        let sum = words + ["cosine \(Human.fixed(hit.cosine))"]
        let set = hit.usesSettings ? ["searched as set under .membus/search/"] : []
        return ["        " + style.dim((sum + shares + set).joined(separator: "  "))]
    }
}

extension IndexStanding {
    /// `all`, `83 %` or `none`: the share of passages that have a vector, and whether vectors took part.
    var words: String {
        let share = embedded >= 1 ? "all" : embedded <= 0 ? "none" : "\(min(99, max(1, Int(embedded * 100)))) %"
        return embedded > 0 && !usesMeaning ? share + ", ranked by words alone" : share
    }
}

extension Human {
    /// With four digits behind the point.
    static func fixed(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e9 else { return "\(number)" }
        let digits = String(Int64((abs(number) * 10_000).rounded()))
        let padded = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        return "\(number < 0 ? "-" : "")\(padded.dropLast(4)).\(padded.suffix(4))"
    }
}
