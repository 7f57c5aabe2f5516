import MembusBus

// The frames of messages at a client's ear for events, through real sockets within the process: a topic of 16 bytes
// and a payload are an event; every other shape is counted and dropped, and takes nothing of the next message with it.

extension FuzzTarget {
    static let eventFrames = FuzzTarget(name: "events", check: checkEvents, seeds: { eventSeeds }, mutations: 10)
}

/// A script: of each message the number of its frames, then the frames; a length of 16 is met often.
private func checkEvents(_ bytes: [UInt8]) throws {
    let context = try Context()
    let endpoint = "inproc://events"
    let publisher = try Socket(.xpub, in: context)
    try publisher.bind(endpoint)
    var ear = try EventSubscriber(in: context, endpoint: endpoint)
    // To all, so that first frames of every length come.
    try ear.subscribe([UInt8]())
    while try publisher.receiveMessage() != nil {}

    var expected: [[[UInt8]]] = []
    var malformed: Int64 = 0
    var script = Script(bytes)
    for _ in 0..<32 where !script.isAtEnd {
        let frames = message(&script)
        try require(try publisher.send(frames: frames) == .sent, "the message was not sent")
        let isEvent = frames.count == 2 && frames[0].count == EventPublisher.topicBytes
        if isEvent { expected.append(frames) } else { malformed += 1 }
    }
    var received: [[[UInt8]]] = []
    let taken = try ear.receive(max: 100) { topic, frame in received.append([[UInt8](topic), frame.array]) }
    try require(received == expected, "\(expected.count) events came as \(received.count): \(received)")
    try require(ear.malformed == malformed, "of \(malformed) messages of a wrong shape \(ear.malformed) were counted")
    try require(taken == expected.count + Int(malformed), "\(taken) messages were taken")
}

private func message(_ script: inout Script) -> [[UInt8]] {
    let shape = script.byte()
    var frames = (0..<Int(shape & 3) + 1).map { _ in script.piece() }
    // Half of them start with a topic.
    let length = EventPublisher.topicBytes
    if shape & 4 != 0 { frames[0] = Array((frames[0] + [UInt8](repeating: 0xFF, count: length)).prefix(length)) }
    return frames
}

private let eventSeeds: [[UInt8]] = [
    [5, 1, 7, 3, 1, 2, 3], [4, 0, 5, 0, 1, 9], [6, 1, 1, 1, 2, 1, 3, 5, 0, 0],
    [0, 0, 1, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0],
    [1, 15, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 1, 5, 2, 1, 1, 1, 4],
]
