import Membus
import MembusBus

/// Hands what a reader brings (a page, changes) to C's calls: each once, in order, whatever becomes of a call.
///
///   call ─▶ kept from before: told at once
///        └▶ a request of a cancelled call is still under way: its answer
///        └▶ the reader is asked
///
/// What nobody looked at (the call was cancelled just then, or freed) is kept for the next call. So a cancelled call has
/// taken nothing, and never ends one that comes after it.
final class Delivery: Sendable {
    private struct State {
        /// Told, or to be told, and not looked at; how much it takes.
        var call: DoorCall?
        var most = Int.max
        var isUnderWay = false
        var kept: Product?
    }
    private let state = Lock(State())
    private let kind: ObjectKind
    private let ask: @Sendable (_ most: Int, @escaping Telling<Product>) -> Void

    /// - Parameter ask: has the reader bring the next; not called again before it was told.
    init(_ kind: ObjectKind, _ ask: @escaping @Sendable (_ most: Int, @escaping Telling<Product>) -> Void) {
        self.kind = kind
        self.ask = ask
    }

    /// A cancelled call leaves the reader at work, for the next one.
    /// - Throws: ``DoorError/occupied(_:)``: the call before is under way, or its answer was not looked at.
    func next(for call: DoorCall, most: Int = .max) throws {
        let isToAsk = try state.withLock { state throws(DoorError) in
            if let before = state.call, !before.isOver { throw .occupied(kind) }
            (state.call, state.most) = (call, most)
            if let kept = state.kept {
                state.kept = nil
                hand(kept, &state)
                return false
            }
            defer { state.isUnderWay = true }
            return !state.isUnderWay
        }
        if isToAsk { ask(most) { [self] result in state.withLock { took(result, &$0) } } }
    }

    private func took(_ result: Result<Product, any Error>, _ state: inout State) {
        state.isUnderWay = false
        switch result {
        case .success(let product): hand(product, &state)
        // Whoever asks next learns of it again, if it is still so. A reader is called off only when it is freed.
        case .failure(let error):
            state.call?.tell(.failure(error is CancellationError ? MembusError.closed : error))
        }
    }

    private func hand(_ product: Product, _ state: inout State) {
        let (now, rest) = product.split(most: state.most)
        let isTaken = state.call?.tell(.success(now)) { [weak self] in self?.keep(product) }
        state.kept = isTaken == true ? rest : product
    }

    private func keep(_ product: Product) { state.withLock { $0.kept = product } }
}

extension Product {
    /// Of changes no more than so many, and what is left of them.
    fileprivate func split(most: Int) -> (Product, rest: Product?) {
        guard case .changes(let changes) = self, changes.count > most else { return (self, nil) }
        return (.changes(Array(changes.prefix(most))), .changes(Array(changes.dropFirst(most))))
    }
}
