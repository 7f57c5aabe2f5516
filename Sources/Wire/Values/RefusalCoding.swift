import MembusModel

extension PBError {
    init(_ refusal: Refusal) {
        self.init()
        code = PBErrorCode(rawValue: refusal.code.rawValue) ?? .unspecified
        message = refusal.message
        hint = refusal.hint
        subject = refusal.subject
    }
}

extension Refusal {
    init(_ error: PBError) {
        self.init(Code(number: error.code.rawValue), error.message, hint: error.hint, subject: error.subject)
    }
}

extension Refusal.Code {
    /// The code of this number. One that a newer broker has added becomes the plainest of its hundred, which
    /// has the same remedy; the broker's words say the rest. A number of no hundred is never retried.
    init(number: Int) {
        if let known = Self(rawValue: number) {
            self = known
        } else {
            switch number / 100 {
            case 2: self = .busy
            case 3: self = .historyDiffers
            default: self = .invalidArgument
            }
        }
    }
}
