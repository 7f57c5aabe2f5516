import Foundation
import MembusModel

// JSON texts and merge patches. An input holds two texts, with a line end of the form "\n\n" between them: a value
// and the patch to it.

extension FuzzTarget {
    static let json = FuzzTarget(name: "json", check: checkJSON, seeds: jsonSeeds)
}

private func checkJSON(_ bytes: [UInt8]) throws {
    let (text, patch) = halves(bytes)
    let value = try parsed(text)
    guard let patch, let change = try parsed(patch), let value else { return }
    let merged = value.merging(change)
    try checkWritten(merged)
    try require(merged.merging(change) == merged, "the same patch again changes more")
    try require(
        value.merging(.object([:])) == (isObject(value) ? value : .object([:])), "an empty patch changes something")
    try require(merged == plainly(value, change), "RFC 7396's own words give another result")
}

private func halves(_ bytes: [UInt8]) -> (text: [UInt8], patch: [UInt8]?) {
    for index in bytes.indices.dropLast() where bytes[index] == 0x0A && bytes[index + 1] == 0x0A {
        return ([UInt8](bytes[..<index]), [UInt8](bytes[(index + 2)...]))
    }
    return (bytes, nil)
}

private func parsed(_ text: [UInt8]) throws -> JSON? {
    let data = Data(text)
    let fault = JSON.fault(in: data)
    switch Result(catching: { () throws(JSONFault) in try JSON(parsing: data) }) {
    case .success(let value):
        try require(fault == nil, "checked it is refused (\(fault.map { "\($0)" } ?? "")), read it is not")
        try checkWritten(value)
        return value
    case .failure(let error):
        try require(fault == error, "checked and read it is refused for different reasons")
        try requireClear(error.description, "JSON")
        try require(0...text.count ~= error.offset, "the fault lies outside of the text")
        return nil
    }
}

/// Equal values give equal bytes, and the bytes give the value.
private func checkWritten(_ value: JSON) throws {
    let written = value.serialised
    try require(JSON.fault(in: written) == nil, "what it writes is no JSON")
    try require(try JSON(parsing: written) == value, "what it writes reads differently")
}

private func isObject(_ value: JSON) -> Bool { if case .object = value { true } else { false } }

/// RFC 7396, section 2, word for word.
private func plainly(_ target: JSON, _ patch: JSON) -> JSON {
    guard case .object(let changes) = patch else { return patch }
    var members = JSON.object([:])
    if case .object = target { members = target }
    guard case .object(var result) = members else { return members }
    for (name, change) in changes {
        if change.isNull {
            result.removeValue(forKey: name)
        } else {
            result[name] = plainly(result[name] ?? .scalar(Array("null".utf8)), change)
        }
    }
    return .object(result)
}

private func jsonSeeds() throws -> [[UInt8]] {
    [
        "{\"a\":\"b\"}\n\n{\"a\":\"c\",\"b\":null}",
        "{\"a\":[{\"b\":\"c\"}],\"d\":{\"e\":1}}\n\n{\"a\":[1],\"d\":{\"e\":null,\"f\":{}}}",
        "[1, -2.5e+10, \"\\u00e9\\ud83d\\ude00\\ud800\", true, false, null]",
        "{\"a\":1,\"\\u0061\":2}\n\n{\"\\u0061\":{\"x\":null}}",
        "[[[[[[[[]]]]]]]]", " {\t\"é\" : \"\\\\\\\"\\/\\b\\f\\n\\r\\t\" }\r\n", "\"x\"\n\n{}", "0\n\n[]", "-0.0E-1",
        "01", "[1,]",
    ].map { Array($0.utf8) }
}
