import MembusBus

// The frames of messages at the broker's door, through real sockets within the process: which shapes are requests,
// which are counted and dropped, and that a reply finds its way back in the shape of its request.

extension FuzzTarget {
    static let frames = FuzzTarget(name: "frames", check: checkFrames, seeds: { frameSeeds }, mutations: 10)
}

/// A script: of each message the number of its frames, then the frames.
private func checkFrames(_ bytes: [UInt8]) throws {
    let context = try Context()
    let endpoint = "inproc://door"
    var server = try RequestServer(in: context, endpoints: [endpoint], options: SocketOptions())
    let peer = try Socket(.dealer, in: context)
    try peer.connect(endpoint)
    var script = Script(bytes)
    for _ in 0..<32 where !script.isAtEnd {
        let count = Int(script.byte() & 7) + 1
        try checkMessage((0..<count).map { _ in script.piece() }, from: peer, at: &server)
    }
}

private func checkMessage(_ frames: [[UInt8]], from peer: borrowing Socket, at server: inout RequestServer) throws {
    let malformed = server.malformed
    try require(try peer.send(frames: frames) == .sent, "the door takes no message")
    var received: [(peer: PeerEnvelope, body: [UInt8])] = []
    _ = try server.receive(max: 10) { peer, frame in received.append((peer, frame.array)) }
    let isDelimited = frames.count == 2 && frames[0].isEmpty
    guard frames.count == 1 || isDelimited else {
        try require(received.isEmpty, "\(frames.count) frames were taken for a request")
        return try require(server.malformed == malformed + 1, "a message of a wrong shape was not counted")
    }
    try require(received.count == 1 && server.malformed == malformed, "a request was not taken")
    try require(received[0].body == frames.last, "the request's bytes changed")
    try require(received[0].peer.isDelimited == isDelimited, "the shape was not noticed")
    try require(try server.reply(to: received[0].peer, received[0].body) == .sent, "the reply was not sent")
    try require(try peer.receiveMessage() == frames, "the reply did not come back in the request's shape")
}

private let frameSeeds: [[UInt8]] = [
    [0, 3, 1, 2, 3], [1, 0, 3, 1, 2, 3], [0, 0, 1, 0, 0, 2, 0, 0, 1, 5], [1, 1, 7, 1, 8, 0, 1, 9],
    [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
]
