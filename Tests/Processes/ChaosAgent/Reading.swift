import Foundation
import Membus
import MembusDice
import MembusRecording

// Reads of views and of the broker, each on record with what it brought and as of when.

extension Worker {
    func read(_ dice: inout Dice) async {
        guard dice.chance(80), !seats.isEmpty else {
            return await dice.chance(40) ? list(&dice) : readDirectly(&dice)
        }
        let seat = dice.pick(seats)
        let keys = dice.some((profile.keys + ["n"]).filter { seat.view.topics.matches(Key(unchecked: $0)) }, most: 3)
        switch dice.below(10) {
        case 0..<4: await read(seat, keys, .cached, "cached")
        case 4..<6: readLocally(seat, keys)
        case 6:
            let token = dice.pick(board.newest() + [seat.view.token.description])
            guard let parsed = Token(token), parsed.lineage.id != 0 else { return }
            await read(seat, keys, .atLeast(parsed), "atLeast")
        case 7: await read(seat, keys, .within(dice.milliseconds(dice.pick([0...20, 20...500]))), "within")
        default: await read(seat, keys, .linearizable, "linearizable")
        }
    }

    private func read(_ seat: Seat, _ keys: [String], _ consistency: Consistency, _ how: String) async {
        let (asked, isJoined) = (monotonic(), seat.isJoined)
        do {
            let found = try await seat.view.get(keys, consistency, timeout: .seconds(5))
            note(seat, asked, isJoined, keys, how, consistency, found.token, found.records)
        } catch { failed("\(how) read", error) }
    }

    /// Without leaving the process: all of one moment, or not at all.
    private func readLocally(_ seat: Seat, _ keys: [String]) {
        let (asked, isJoined) = (monotonic(), seat.isJoined)
        do {
            let (token, found) = try seat.view.read { reading in
                var found: [Record] = []
                for key in keys { if let record = try reading[key] { found.append(record) } }
                return (reading.token, found)
            }
            note(seat, asked, isJoined, keys, "cached", .cached, token, found)
        } catch { failed("local read", error) }
    }

    private func note(
        _ seat: Seat, _ asked: Int64, _ isJoined: Bool, _ keys: [String], _ how: String, _ consistency: Consistency,
        _ token: Token, _ found: [Record]
    ) {
        var told = ToldRead(
            asked: asked, view: seat.number, isJoined: isJoined, branch: seat.view.branch.text, keys: keys, how: how,
            token: "\(token)", found: found.map(ToldRecord.init))
        switch consistency {
        case .atLeast(let wanted): told.atLeast = "\(wanted)"
        case .within(let age): told.within = age.wholeNanoseconds
        case .cached, .linearizable: break
        }
        recorder.note(.read(told))
    }

    private func readDirectly(_ dice: inout Dice) async {
        let (branch, asked) = (pickBranch(&dice), monotonic())
        let keys = dice.some(profile.keys, most: 3)
        do {
            let found = try await memory.get(keys, branch: branch, timeout: .seconds(5))
            recorder.note(
                .read(
                    ToldRead(
                        asked: asked, view: nil, isJoined: true, branch: branch.text, keys: keys, how: "direct",
                        token: "\(found.token)", found: found.records.map(ToldRecord.init))))
        } catch { failed("direct read", error) }
    }
}
