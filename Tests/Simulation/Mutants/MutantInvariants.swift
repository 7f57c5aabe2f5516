import MembusChecker

// What each mutant breaks. It counts as found only by a violation of that: another may be a fault of the
// world, or follow from the harm by detours that a change of the world could close.

extension Mutant {
    package var breaks: Set<Invariant> {
        switch self {
        case .retryExecutedTwice, .lastResultOnly, .conflictsNotStored: [.takesEffectOnce]
        case .publishBeforeCommit, .readBeyondVisible: [.nothingSeenIsLost]
        // A view that waits for what is acknowledged finds that the broker does not show it.
        case .replyBeforePublish: [.linearizable, .ownHistory]
        case .halfACommit, .gapUnnoticed, .gapTolerated, .countAnewAtReconnect, .deltaFromBelowFloor, .pagesOneByOne,
            .tombstonesSweptEarly, .pageTargetReadLast, .pageFromCache, .expiredResurrected:
            [.filteredTruth]
        case .newStreamPreviousZero, .commitMatchedBeforeRegistration: [.filteredTruth, .completeUpTo]
        case .watchSkipsWhatCameBetween, .watchSkipsToTheFloor, .watchSkipsToTheCut: [.filteredTruth, .staleIsMarked]
        case .rangePagesOfHead, .diffPagesOfHead, .diffOfOwnLine, .partsOfHead, .fillAtHead, .mixedCuts,
            .largeByKeyAlone, .evictedIsDeleted:
            [.oneState]
        case .bookmarkLowersCut, .cutGoesBack, .readsFromAnOldSnapshot: [.neverBack]
        case .bookmarkAheadOfData, .bookmarkOfDurableHead, .acknowledgementAsBookmark, .heartbeatFromAnywhere,
            .heartbeatsUnbroken, .heartbeatOfDroppedStream, .newStreamUnlisted:
            [.completeUpTo]
        // Bookmarks that say nothing of the tail prove as fresh what lacks it.
        case .tailUnnoticed: [.staleIsMarked, .boundedAge, .liveAgain]
        case .staleUnmarked: [.staleIsMarked]
        case .lateFill, .expiryForgotten: [.trueFills]
        case .ownWritesNotAwaited: [.ownWrites]
        case .getFromLaggingCopy, .waitIgnored: [.linearizable]
        // The proof that a linearizable read waits for says how fresh the view is, too.
        case .oldAnswerReused: [.linearizable, .boundedAge]
        case .ageFromReceipt, .freshnessOfAnotherHistory: [.boundedAge]
        case .preconditionBeforeBatch, .namedExpiryLeftOut, .mergeOfOlder, .rollbackToLater, .revertOfAnother,
            .pickOfAnother, .quarantineOfAnother, .cascadeOfAnother, .planUnchecked, .deletedNameReused,
            .expiryOnClosed:
            [.replayedOutcomes]
        case .frozenExpires: [.trueFills]
        case .tagDoesNotPin: [.oneState]
        case .oldReplyResets: [.ownHistory]
        // Where an old copy was put back the lineage is the same, and the token's place is missed.
        case .waitersSurviveReset: [.ownHistory, .linearizable]
        // A state of a lost history passes for one of the broker's: it moves on, is read, and is thought to be fresh.
        case .hashUnchecked: [.ownHistory, .oneState, .boundedAge]
        // The view takes a lost history's acknowledgement for one that is still to come.
        case .resumeWithoutAcknowledged: [.ownWrites, .ownHistory, .liveAgain]
        case .warmFileOfOldHistory, .warmFileIncomplete: [.warmFiles]
        case .neverEvicts, .heldUnbounded, .notesNeverDropped, .queueUnbounded, .resultsNeverDropped: [.caps]
        case .recordNotApplied: [.equalAtRest]
        case .commitLeftOut, .branchLeftOut, .derivedLeftOut, .numberLeftOut, .openingLeftOut, .droppingLeftOut,
            .notesLeftOut, .floorLeftOut:
            [.replicaEquals]
        case .deafForEver: [.liveAgain]
        case .replacedNotSubtracted, .projectionOverReplacedHistory, .projectionOverTheFloor: [.projections]
        case .searchedTooEarly, .searchedBeforeLast, .searchedPastTheFork, .searchedWithGaps, .indexSkipsAfterKill,
            .indexOfReplacedHistory, .staleVectorsCompared, .hiddenVectorsCompared, .otherSpaceCompared,
            .vectorsLostOnRestart, .vectorsLostBelowTheFloor, .damageTrusted, .phraseWithoutOrder, .prefixOfHead,
            .fieldUnheeded,
            .scopeUnheeded, .settingsOfHead:
            [.retrieval]
        case .vectorsNotStored: [.replayedOutcomes]
        }
    }

    /// Checked invariants without a mutant that breaks nothing else, and why there is none.
    package static let withoutMutant: [Invariant: String] = [
        .realTimeOrder:
            "One writer draws all revisions in the order of its commits. A commit can only seem older than what its "
            + "author knew if it was acknowledged under another's revision, or known before it was on disk; and those are "
            + "takesEffectOnce and nothingSeenIsLost."
    ]
}
