import MembusModel

extension Register: CodedOperation {
    init(_ message: PBRegister, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "register.branch"),
            filter: try Parse.filter(message.topics, limits), mode: try StreamMode(message.mode),
            newest: message.hasNewest ? try Token(message.newest, "register.newest") : nil)
    }

    var message: PBRegister {
        .with {
            $0.branch = branch.text
            $0.topics = filter.topics.map(\.text)
            $0.mode = mode == .update ? .update : .invalidate
            if let newest { $0.newest = PBToken(newest) }
        }
    }

    static func answer(_ message: PBRegistered) throws(Refusal) -> Registered {
        Registered(
            stream: try Parse.stream(message.stream, "registered.stream"), alias: message.alias,
            generation: message.generation, reset: message.reset)
    }

    static func message(of registered: Registered) -> PBRegistered {
        .with {
            $0.stream = registered.stream.bytes
            $0.alias = registered.alias
            $0.generation = registered.generation
            $0.reset = registered.reset
        }
    }
}

extension StreamMode {
    fileprivate init(_ message: PBStreamMode) throws(Refusal) {
        switch message {
        case .update: self = .update
        case .invalidate: self = .invalidate
        case .unspecified, .UNRECOGNIZED:
            throw Refusal(
                .invalidArgument, "register.mode: \(message.rawValue) is no mode that this broker knows",
                hint: "use UPDATE (1) or INVALIDATE (2)", subject: "mode")
        }
    }
}
