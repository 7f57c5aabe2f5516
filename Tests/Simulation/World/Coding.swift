import MembusModel
import MembusWire

@testable import Membus

// In some worlds everything between the cores is written as bytes and read again, as it is in the product.

extension World {
    /// Has the broker take it: as a request, or as something that it cannot read.
    func coded(
        _ request: Request, for broker: BrokerProcess, from peer: Peer, _ receive: (Request) -> Void
    ) throws {
        guard profile.isWired else { return receive(request) }
        let decoded = WireCodec.decodeRequest(try WireCodec.encode(request))
        switch decoded.result {
        case .success(let request): receive(request)
        case .failure(let failure): broker.receiveUndecodable(decoded.id, failure, from: peer)
        }
    }

    func coded(_ reply: Reply) throws -> Reply {
        guard profile.isWired else { return reply }
        return try WireCodec.decodeReply(WireCodec.encode(reply)).get()
    }

    func coded(_ message: Published) throws -> Published {
        guard profile.isWired else { return message }
        return try WireCodec.decodePublished(topic: message.topic.bytes, WireCodec.encode(message)).get()
    }
}
