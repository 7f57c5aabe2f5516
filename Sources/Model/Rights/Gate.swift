/// The one place where rights are judged. It stands in the broker's core, before dispatch, so that a change of rights
/// has its place in the serial order.
package struct Gate: Sendable {
    package typealias Rule = @Sendable (Principal, Request.Body) -> Result<Scope, Refusal>
    /// `nil`: everybody may do everything, which costs nothing to find out.
    private let rule: Rule?

    package static let open = Gate(rule: nil)

    package init(rule: Rule?) { self.rule = rule }

    /// - Returns: how much of what the request touches (``Operation/touches``) it may see and change.
    package func judge(_ principal: Principal, _ body: Request.Body) -> Result<Scope, Refusal> {
        rule.map { $0(principal, body) } ?? .success(.everything)
    }
}
