extension UInt64 {
    /// 16 digits.
    package var hexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// 16 hexadecimal digits and nothing else: by itself `UInt64` also takes a sign.
    package init?(hexadecimal text: String) {
        guard text.utf8.count == 16, !text.hasPrefix("+"), !text.hasPrefix("-") else { return nil }
        self.init(text, radix: 16)
    }
}

extension Sequence<UInt8> {
    /// Two digits a byte.
    package var hexadecimal: String { map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}
