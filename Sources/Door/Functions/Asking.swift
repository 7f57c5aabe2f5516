// The functions have C's names, by which the compiler finds and checks what the header declares.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CMembus
import Membus
import MembusDocuments

@c @implementation
public func membus_ask(
    _ memory: membus_memory, _ question: membus_text, _ timeout: Int64, _ call: UnsafeMutablePointer<membus_call>?
) -> Int32 {
    begin(memory, .memory, MemoryObject.self, call, cancelled: UnknownOutcome(CancellationError())) { object, call in
        let asked: Question
        do { asked = try Question(try question.string("question")) } catch let error as JSONError {
            throw DoorError.badArgument("the question is not understood: \(error)", hint: "see membus_ask in membus.h")
        }
        let (memory, patience) = (object.memory, try duration(timeout))
        return TaskErrand {
            do {
                call.tell(.success(.report(try await asked.answer(by: memory, timeout: patience))))
            } catch {
                call.tell(.failure(UnknownOutcome.ifOpen(error)))
            }
        }
    }
}
