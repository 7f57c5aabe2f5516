import MembusModel

extension PBError {
    init(_ failure: Failure) {
        self.init()
        code = PBErrorCode(rawValue: failure.code.rawValue) ?? .unspecified
        message = failure.message
        hint = failure.hint
        subject = failure.subject
    }
}

extension Failure {
    init(_ error: PBError) {
        self.init(Code(number: error.code.rawValue), error.message, hint: error.hint, subject: error.subject)
    }
}

extension Failure.Code {
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
