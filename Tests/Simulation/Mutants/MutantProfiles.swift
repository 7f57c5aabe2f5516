import MembusModel

// In what kind of world a mutant shows, as swarm testing does it: a fault that is needed for it happens
// more often than in a plain world. Without a line here the plain worlds do.

extension Mutant {
    /// Histories within which the checker must find it, from the usual seed on.
    package var bound: Int { 100 }

    /// Sees to what it needs in order to do harm.
    func provoke(_ profile: inout Profile) {
        switch self {
        case .publishBeforeCommit: profile.often(.kill, 10)
        case .readBeyondVisible:
            profile.writing = 5...80
            profile.often(.direct, 30)
        case .pageTargetReadLast, .pageFromCache, .commitMatchedBeforeRegistration:
            profile.reading = 5...80
            profile.often(.follow, 10)
            profile.often(.restartAgent, 5)
        case .deltaFromBelowFloor, .tombstonesSweptEarly:
            profile.often(.compact, 10)
            profile.often(.overflow, 8)
        case .heartbeatFromAnywhere, .heartbeatsUnbroken:
            // The loss must be older than what heartbeats list, and nothing else may tell of it.
            profile.pace = 20...250
            profile.often(.write, 20)
            profile.often(.partition, 8)
            profile.often(.overflow, 15)
        case .countAnewAtReconnect:
            profile.often(.cutEvents, 8)
            profile.often(.overflow, 8)
        case .gapTolerated: profile.lostEvents = 20
        case .newStreamUnlisted, .newStreamPreviousZero:
            profile.lostEvents = 20
            profile.often(.kill, 8)
            profile.often(.restartAgent, 8)
        case .lateFill, .fillAtHead, .largeByKeyAlone:
            profile.reading = 5...80
            profile.cacheBytes = 1500
            profile.crowd()
        case .mixedCuts, .readsFromAnOldSnapshot: profile.crowd()
        case .watchSkipsWhatCameBetween:
            profile.reading = 5...80
            profile.often(.watch, 20)
        case .watchSkipsToTheFloor:
            profile.often(.watch, 20)
            profile.often(.compact, 20)
        case .watchSkipsToTheCut:
            profile.often(.watch, 20)
            profile.often(.overflow, 8)
        case .partsOfHead:
            profile.crowd()
            profile.reading = 5...80
            profile.answerRecords = 1
            profile.often(.direct, 60)
        case .rangePagesOfHead, .diffPagesOfHead, .diffOfOwnLine:
            profile.reading = 5...80
            profile.often(.direct, 40)
        case .waitIgnored, .oldAnswerReused: profile.often(.dialled, 40)
        case .staleUnmarked:
            profile.often(.partition, 8)
            profile.often(.deafen, 4)
        case .conflictsNotStored: profile.lostReplies = 20
        case .pickOfAnother:
            profile.often(.fork, 8)
            profile.often(.write, 30)
            profile.often(.merge, 80)
        case .mergeOfOlder, .rollbackToLater, .revertOfAnother, .quarantineOfAnother, .cascadeOfAnother:
            profile.often(.fork, 8)
            profile.often(.merge, 40)
        case .planUnchecked:
            profile.reading = 5...80
            profile.often(.fork, 8)
            profile.often(.merge, 60)
        case .deletedNameReused, .expiryOnClosed, .frozenExpires: profile.often(.life, 60)
        case .tagDoesNotPin:
            profile.often(.life, 60)
            profile.often(.compact, 10)
        // Where a new lineage begins, the read itself would notice.
        case .waitersSurviveReset:
            profile.often(.copyBack, 8)
            profile.often(.dialled, 40)
        case .warmFileOfOldHistory:
            profile.strictViews = 0
            profile.often(.restore, 12)
            profile.often(.copyBack, 12)
            profile.often(.restartAgent, 30)
            profile.often(.read, 60)
        case .hashUnchecked, .resumeWithoutAcknowledged:
            profile.often(.copyBack, 6)
            profile.lostReplies = 10
        case .freshnessOfAnotherHistory:
            profile.often(.restore, 5)
            profile.often(.copyBack, 5)
            profile.often(.dialled, 60)
        case .oldReplyResets:
            profile.often(.restore, 6)
            profile.often(.deafen, 10)
        case .projectionOverReplacedHistory: profile.often(.copyBack, 8)
        case .projectionOverTheFloor: profile.often(.compact, 10)
        case .searchedTooEarly, .searchedBeforeLast, .phraseWithoutOrder, .prefixOfHead, .fieldUnheeded, .scopeUnheeded:
            profile.searches = true
        case .settingsOfHead: (profile.searches, profile.setsSearch) = (true, true)
        case .searchedPastTheFork:
            profile.searches = true
            profile.often(.fork, 8)
        case .searchedWithGaps:
            (profile.searches, profile.indexLags) = (true, true)
            profile.pace = 5...60
            // Of a key that is put again nothing is missed.
            profile.keys = (0..<8).map { Key(unchecked: "a/\($0)") }
            profile.deletions = 40
            profile.often(.write, 80)
            profile.often(.compact, 50)
        case .indexSkipsAfterKill:
            profile.searches = true
            profile.often(.kill, 10)
        case .indexOfReplacedHistory:
            profile.searches = true
            profile.often(.restore, 8)
            profile.often(.copyBack, 8)
        case .hiddenVectorsCompared, .otherSpaceCompared, .vectorsNotStored: profile.searchByVectors()
        case .staleVectorsCompared, .vectorsLostOnRestart, .damageTrusted:
            profile.searchByVectors()
            profile.often(.kill, 10)
        case .vectorsLostBelowTheFloor:
            profile.searchByVectors()
            profile.often(.kill, 10)
            profile.often(.compact, 10)
        case .deafForEver: profile.often(.deafen, 10)
        case .recordNotApplied:
            // Who reads finds it, too.
            profile.lostEvents = 20
            for move in [Move.read, .dialled] { profile.often(move, 0) }
        case .branchLeftOut: profile.often(.fork, 10)
        case .floorLeftOut: profile.often(.compact, 10)
        case .namedExpiryLeftOut:
            profile.crowd()
            profile.writing = 5...80
            profile.often(.write, 60)
        case .droppingLeftOut:
            (profile.bounds.history, profile.bounds.sessionLife) = (.seconds(2), .seconds(1))
            profile.often(.jumpClock, 10)
        case .neverEvicts, .notesNeverDropped:
            profile.cacheBytes = 1500
            profile.often(.read, 80)
        case .heldUnbounded, .queueUnbounded:
            (profile.writing, profile.reading) = (5...80, 5...80)
            profile.bounds.tighten()
            profile.pace = 0...10
            profile.lostEvents = 20
            profile.often(.follow, 10)
        default: break
        }
    }
}

extension Profile {
    /// Much is written and read at the same time, under few keys.
    fileprivate mutating func crowd() {
        pace = 5...60
        keys = Array(keys.prefix(4))
        isWide = false
        often(.read, 80)
        often(.follow, 10)
    }

    /// Gives the move this weight.
    fileprivate mutating func often(_ move: Move, _ weight: Int) {
        moves.removeAll { $0.0 == move }
        moves.append((move, weight))
    }
}
