import MembusModel

extension Hello: CodedOperation {
    init(_ message: PBHello, _ limits: Limits) throws(Refusal) {
        try Parse.check(name: message.agent, "hello.agent", limits)
        self.init(agent: message.agent, major: message.major, minor: message.minor)
    }

    var message: PBHello {
        .with {
            $0.agent = agent
            $0.major = major
            $0.minor = minor
        }
    }

    static func answer(_ message: PBWelcome) throws(Refusal) -> Welcome {
        Welcome(
            major: message.major, minor: message.minor, events: message.events,
            heartbeat: .milliseconds(message.heartbeatMs),
            limits: message.hasLimits ? Limits(message.limits) : Limits(), software: message.software)
    }

    static func message(of welcome: Welcome) -> PBWelcome {
        .with {
            $0.major = welcome.major
            $0.minor = welcome.minor
            $0.events = welcome.events
            $0.heartbeatMs = welcome.heartbeat.wholeMilliseconds
            $0.limits = PBLimits(welcome.limits)
            $0.software = welcome.software
        }
    }
}

extension PBLimits {
    init(_ limits: Limits) {
        self.init()
        keyBytes = Int64(limits.keyBytes)
        valueBytes = Int64(limits.valueBytes)
        changesPerTransaction = Int64(limits.changesPerTransaction)
        transactionBytes = Int64(limits.transactionBytes)
        annotationBytes = Int64(limits.annotationBytes)
        messageBytes = Int64(limits.messageBytes)
        nameBytes = Int64(limits.nameBytes)
        keysPerRequest = Int64(limits.keysPerRequest)
        topicsPerFilter = Int64(limits.topicsPerFilter)
    }
}

extension Limits {
    init(_ message: PBLimits) {
        self.init()
        keyBytes = Int(clamping: message.keyBytes)
        valueBytes = Int(clamping: message.valueBytes)
        changesPerTransaction = Int(clamping: message.changesPerTransaction)
        transactionBytes = Int(clamping: message.transactionBytes)
        annotationBytes = Int(clamping: message.annotationBytes)
        messageBytes = Int(clamping: message.messageBytes)
        nameBytes = Int(clamping: message.nameBytes)
        keysPerRequest = Int(clamping: message.keysPerRequest)
        topicsPerFilter = Int(clamping: message.topicsPerFilter)
    }
}
