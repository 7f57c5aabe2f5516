import MembusDice
import MembusModel

/// What kind of world a seed gives: how many agents, how bad the network is, what else happens.
struct Profile {
    var agents = 2
    var keys: [Key] = []
    /// In percent.
    var lostRequests = 0
    var lostReplies = 0
    var lostEvents = 0
    /// In milliseconds.
    var delay = 0...3
    var slowDelay = 0...3
    var slow = 0
    var writing = 0...3
    var reading = 0...3
    var pace = 5...60
    /// Of changes, in percent.
    var deletions = 12
    /// Records that a page of a pull holds.
    var pageRecords = 2
    var cacheBytes = 1 << 20
    /// Everything between the cores goes through the wire's codec.
    var isWired = false
    /// The store is a file on a disk that can lose power.
    var isOnDisk = false
    /// How many agents have a view from the start, in percent.
    var earlyViews = 0
    /// What new views do while they are stale, at random.
    var strictViews = 0
    var moves: [(Move, weight: Int)] = []
    var bounds = SmallBounds()
    /// Records in the answer to a get, and whether the log announces what does not travel in an event; `nil`: as the
    /// broker has it, whose answers have room for all that a world holds.
    var answerRecords: Int?
    /// Writes that depend on what was read for them, in percent.
    var readingWriters = 0
    /// An index follows, and is asked.
    var searches = false
    /// It has long pauses between its turns, so that compaction overtakes it, and is asked in each.
    var indexLags = false
    /// What is put comes with vectors now and then.
    var sendsVectors = false
    /// So does a setting of how it is searched.
    var setsSearch = false
    /// Many keys, written first.
    var isWide = false

    static let topics = [["a/"], ["/"], ["b/", "c"], ["a/0", "b/1"], ["a/", "n"]]
    /// More than this does not travel in an event.
    static let inlineValueBytes = 48
    static let eventBytes = 420

    init(_ dice: inout Dice) {
        agents = dice.within(1...4)
        let hot = dice.chance(60)
        let names = hot ? ["a/0", "a/1", "b/0", "c"] : (0..<8).map { "a/\($0)" } + (0..<4).map { "b/\($0)" } + ["c"]
        keys = names.map { Key(unchecked: $0) }
        lostRequests = dice.pick([0, 0, 2, 10])
        lostReplies = dice.pick([0, 0, 2, 10])
        lostEvents = dice.pick([0, 0, 1, 5, 20])
        delay = dice.pick([0...1, 0...5, 1...20])
        slow = dice.pick([0, 2, 10])
        slowDelay = dice.pick([20...100, 100...600])
        writing = dice.pick([0...2, 0...10, 5...80])
        reading = dice.pick([0...2, 0...10, 5...80])
        pace = dice.pick([0...10, 5...60, 20...250])
        pageRecords = dice.pick([1, 2, 3, 1000])
        cacheBytes = dice.pick([1 << 20, 1 << 20, 3000, 1500])
        isWired = dice.chance(25)
        isOnDisk = dice.chance(25)
        earlyViews = dice.pick([0, 60, 100])
        strictViews = dice.pick([0, 20, 60])
        moves =
            [
                (.write, 40), (.read, 30), (.dialled, 10), (.direct, 6), (.follow, 4), (.unfollow, 2), (.fork, 2),
                (.watch, 2), (.merge, 4), (.life, 4),
            ] + faults(&dice)
    }

    private func faults(_ dice: inout Dice) -> [(Move, weight: Int)] {
        [
            (.restartAgent, dice.pick([0, 1, 3])), (.pause, dice.pick([0, 1, 3])), (.kill, dice.pick([0, 1, 4])),
            (.partition, dice.pick([0, 1, 4])), (.cutEvents, dice.pick([0, 1, 4])), (.deafen, dice.pick([0, 0, 1])),
            (.halfOpen, dice.pick([0, 0, 1])), (.overflow, dice.pick([0, 1, 4])), (.compact, dice.pick([0, 1, 2])),
            (.fullDisk, dice.pick([0, 0, 1])), (.restore, dice.pick([0, 0, 0, 1])),
            (.copyBack, dice.pick([0, 0, 0, 1])), (.slowDown, dice.pick([0, 1, 2])),
            (.slowDisk, dice.pick([0, 0, 1])), (.pauseBroker, dice.pick([0, 0, 1])),
            (.jumpClock, dice.pick([0, 0, 2])), (.powerLoss, isOnDisk ? dice.pick([0, 2, 5]) : 0),
            (.diskError, isOnDisk ? dice.pick([0, 1, 3]) : 0), (.cutRequests, dice.pick([0, 1, 3])),
        ]
    }
}

/// What happens next.
enum Move {
    case write, read, dialled, direct, follow, unfollow, fork, merge, life, restartAgent, pause, compact, watch
    case kill, pauseBroker, powerLoss, diskError, fullDisk, slowDisk, slowDown, jumpClock, restore, copyBack
    case partition, cutEvents, cutRequests, deafen, halfOpen, overflow

    /// Whether it is done by or to one agent.
    var isAnAgents: Bool {
        switch self {
        case .kill, .pauseBroker, .powerLoss, .diskError, .fullDisk, .slowDisk, .slowDown, .jumpClock, .restore,
            .copyBack:
            false
        case .write, .read, .dialled, .direct, .follow, .unfollow, .fork, .merge, .life, .restartAgent, .pause,
            .compact,
            .watch,
            .partition,
            .cutEvents, .cutRequests, .deafen, .halfOpen, .overflow:
            true
        }
    }
}
