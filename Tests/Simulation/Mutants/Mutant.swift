/// Bugs that this field keeps making, as switches of the world: each changes what passes one of the seams
/// between disk, broker, network, client, view machine and cache. The code under test is the product's, unchanged.
///
/// A line above each says what is done wrong; where somebody reported it of another system, that follows. All
/// of them must be found: ``bound`` says within how many histories, ``provoke(_:)`` in what kind of world.
package enum Mutant: String, CaseIterable, Sendable {
    // MARK: The order of commit, publishing and reply

    /// Publish before COMMIT: a crash in between leaves what everybody saw and nobody has.
    case publishBeforeCommit = "publish-before-commit"
    /// A reply at a revision that is not published yet.
    case replyBeforePublish = "reply-before-publish"
    /// A get at a revision that is not published yet.
    case readBeyondVisible = "read-beyond-visible"
    /// Half a commit applied: several keys of one transaction are not one event.
    /// etcd's client cache: https://github.com/etcd-io/etcd/pull/20274
    case halfACommit = "half-a-commit"
    /// Gets are answered from a copy that lags behind.
    /// NATS KV: https://github.com/nats-io/nats-server/issues/4162, https://github.com/nats-io/nats-server/issues/4710;
    /// Kubernetes: https://github.com/kubernetes/kubernetes/pull/60478
    case getFromLaggingCopy = "get-from-lagging-copy"

    // MARK: Bookmarks and heartbeats

    /// A bookmark ahead of its data.
    /// etcd: https://github.com/etcd-io/etcd/issues/15220; Electric: https://github.com/electric-sql/electric/issues/4755
    case bookmarkAheadOfData = "bookmark-ahead-of-data"
    /// A bookmark that mixes the durable head with the published last.
    case bookmarkOfDurableHead = "bookmark-of-durable-head"
    /// A late bookmark lowers the cut.
    case bookmarkLowersCut = "bookmark-lowers-cut"
    /// An acknowledgement is taken for a bookmark, though it came on the other socket.
    /// Redis: https://github.com/redis/redis/issues/6867 ("two channels")
    case acknowledgementAsBookmark = "acknowledgement-as-bookmark"
    /// A heartbeat is trusted whatever revision it starts from.
    case heartbeatFromAnywhere = "heartbeat-from-anywhere"
    /// A gap is jumped by heartbeats that are unbroken among themselves but do not start at the cut.
    case heartbeatsUnbroken = "heartbeats-unbroken"
    /// A heartbeat is trusted although the broker dropped the stream.
    /// Redis: https://github.com/redis/redis/issues/11767 (the tracking is gone, nobody is told)
    case heartbeatOfDroppedStream = "heartbeat-of-dropped-stream"
    /// Bookmarks and heartbeats say nothing of the tail: a lost one is never noticed.
    /// Hazelcast: https://github.com/hazelcast/hazelcast/issues/25304
    case tailUnnoticed = "tail-unnoticed"

    // MARK: Streams and gaps

    /// A new stream is not listed in heartbeats. Every join pulls, which alone would hide it: so the client
    /// also joins by heartbeats, without a pull, if it has a state.
    case newStreamUnlisted = "new-stream-unlisted"
    /// `previous`, and last, 0 for a new stream. Every join pulls, which alone would hide it: so the broker also
    /// answers a pull from last, as one does that saves look-ups.
    case newStreamPreviousZero = "new-stream-previous-zero"
    /// Streams are matched to a commit before a registration that overtakes it.
    case commitMatchedBeforeRegistration = "commit-matched-before-registration"
    /// A socket that hears nothing is never replaced.
    case deafForEver = "deaf-for-ever"
    /// A gap between events is not noticed at all.
    case gapUnnoticed = "gap-unnoticed"
    /// A few lost events are tolerated.
    /// Hazelcast: https://github.com/hazelcast/hazelcast/issues/25304 (ten, by default)
    case gapTolerated = "gap-tolerated"
    /// The count starts anew with each connection: what was lost with the one before is not missed.
    /// Hazelcast: https://github.com/hazelcast/hazelcast/pull/2426; Redis: https://github.com/redis/redis/issues/11767
    case countAnewAtReconnect = "count-anew-at-reconnect"

    // MARK: Pulls

    /// A delta from below the floor.
    case deltaFromBelowFloor = "delta-from-below-floor"
    /// A cache loses a record of what a pull brings.
    case recordNotApplied = "record-not-applied"
    /// Pages are applied one by one.
    case pagesOneByOne = "pages-one-by-one"
    /// A late pull lowers the cut.
    /// https://github.com/opensandbox-group/OpenSandbox/issues/1673 (of a Kubernetes informer's cache)
    case cutGoesBack = "cut-goes-back"
    /// Compaction sweeps deletions that pulls from above the floor have yet to tell.
    /// etcd: https://github.com/etcd-io/etcd/issues/18089, https://github.com/etcd-io/etcd/issues/19179
    case tombstonesSweptEarly = "tombstones-swept-early"
    /// A page's records are of before, its target is read afterwards.
    /// Electric: https://github.com/electric-sql/electric/pull/2450
    case pageTargetReadLast = "page-target-read-last"
    /// A page comes from a cache, with the present target.
    /// Electric: https://github.com/electric-sql/electric/pull/3782
    case pageFromCache = "page-from-cache"

    // MARK: Reads

    /// A late fill is installed over an invalidation.
    /// Redis: https://github.com/redis/lettuce/issues/3481; Hazelcast: https://github.com/hazelcast/hazelcast/issues/4671;
    /// etcd: https://github.com/etcd-io/etcd/issues/20704
    case lateFill = "late-fill"
    /// A fill is taken at head.
    case fillAtHead = "fill-at-head"
    /// A multi-key read mixes cuts.
    case mixedCuts = "mixed-cuts"
    /// A large value is fetched by its key alone.
    case largeByKeyAlone = "large-by-key-alone"
    /// Eviction is taken for deletion.
    case evictedIsDeleted = "evicted-is-deleted"
    /// A cached read is answered from a snapshot that was taken for an earlier one.
    case readsFromAnOldSnapshot = "reads-from-an-old-snapshot"
    /// Age is counted from receipt.
    case ageFromReceipt = "age-from-receipt"
    /// A linearizable read reuses an old answer.
    case oldAnswerReused = "old-answer-reused"
    /// A read does not wait for what it asked for.
    case waitIgnored = "wait-ignored"
    /// A view that hears nothing goes on as if it were live.
    /// etcd: https://github.com/etcd-io/etcd/issues/19091 (a lease is not checked for its end)
    case staleUnmarked = "stale-unmarked"
    /// A transaction returns before the agent's own views show it.
    case ownWritesNotAwaited = "own-writes-not-awaited"

    /// A watch takes what the reply of the log says was visible for what has been read.
    case watchSkipsWhatCameBetween = "watch-skips-what-came-between"
    /// A watch from below the floor takes what is kept above it for all.
    case watchSkipsToTheFloor = "watch-skips-to-the-floor"
    /// A watch takes the signal's cut for how far there was nothing, though something came first.
    case watchSkipsToTheCut = "watch-skips-to-the-cut"
    /// Further pages of a range are of the head.
    case rangePagesOfHead = "range-pages-of-head"
    /// Further pages of a diff are of the head.
    case diffPagesOfHead = "diff-pages-of-head"
    /// A diff looks at what the second state's own branch wrote, not at what either contains of others.
    case diffOfOwnLine = "diff-of-own-line"
    /// Further parts of a large get are of the head.
    case partsOfHead = "parts-of-head"

    // MARK: Transactions

    /// A retry is applied twice.
    case retryExecutedTwice = "retry-executed-twice"
    /// The last result only is kept, with several in flight.
    case lastResultOnly = "last-result-only"
    /// Failed preconditions are not stored: their retry is decided anew.
    case conflictsNotStored = "conflicts-not-stored"
    /// A precondition is evaluated against the state before the batch.
    case preconditionBeforeBatch = "precondition-before-batch"
    /// A transaction is decided with what has expired, and is not swept yet, as it stands.
    case namedExpiryLeftOut = "named-expiry-left-out"
    /// An expired key is resurrected: its end is not told to those who hold it.
    /// Hazelcast: https://github.com/hazelcast/hazelcast/issues/5806; NATS: https://github.com/nats-io/nats-server/issues/6710
    case expiredResurrected = "expired-resurrected"

    // MARK: Merging and undoing

    /// A merge brings in an older state of its source than was asked for.
    case mergeOfOlder = "merge-of-older"
    /// A rollback goes back to the revision after the one that it names.
    case rollbackToLater = "rollback-to-later"
    /// A revert leaves out the commit before the one that it names.
    case revertOfAnother = "revert-of-another"
    /// A pick makes the changes of the commit after the one that it names.
    case pickOfAnother = "pick-of-another"
    /// A quarantine marks what another commit wrote.
    case quarantineOfAnother = "quarantine-of-another"
    /// A cascade forgets what it was asked to begin with.
    case cascadeOfAnother = "cascade-of-another"
    /// What was planned ahead is written, whatever has come since.
    case planUnchecked = "plan-unchecked"

    // MARK: The life of branches

    /// The name of a deleted branch is given to another one.
    case deletedNameReused = "deleted-name-reused"
    /// Records expire on a closed branch.
    case expiryOnClosed = "expiry-on-closed"
    /// What a fork of the past inherited expires on it.
    case frozenExpires = "frozen-expires"
    /// A tag keeps nothing of what it names.
    case tagDoesNotPin = "tag-does-not-pin"

    // MARK: Decided batches

    /// What each kind of entry tells is left out of the batch that a second store applies: a commit…
    case commitLeftOut = "commit-left-out"
    /// …that it made a branch…
    case branchLeftOut = "branch-left-out"
    /// …that a record is made of what its key had…
    case derivedLeftOut = "derived-left-out"
    /// …that a number is decided, and how…
    case numberLeftOut = "number-left-out"
    /// …a session opened…
    case openingLeftOut = "opening-left-out"
    /// …a session dropped…
    case droppingLeftOut = "dropping-left-out"
    /// …what was read…
    case notesLeftOut = "notes-left-out"
    /// …where the floor is.
    case floorLeftOut = "floor-left-out"

    // MARK: Caps

    /// A cache of what is asked for grows with every key that is read.
    case neverEvicts = "never-evicts"
    /// A joining view holds whatever arrives, however long its pull takes.
    case heldUnbounded = "held-unbounded"
    /// Reads wait to be put on record, however many they are.
    case notesNeverDropped = "notes-never-dropped"
    /// The broker takes on whatever it is asked for.
    case queueUnbounded = "queue-unbounded"
    /// A session's outcomes are kept although its client has them.
    case resultsNeverDropped = "results-never-dropped"

    // MARK: What follows the commits

    /// What a commit replaced is counted on.
    case replacedNotSubtracted = "replaced-not-subtracted"
    /// The commits of another history are taken for those that come next.
    case projectionOverReplacedHistory = "projection-over-replaced-history"
    /// What the floor has passed meanwhile is taken for never having been.
    case projectionOverTheFloor = "projection-over-the-floor"

    // MARK: Retrieval

    /// A state is searched that the index has not reached.
    case searchedTooEarly = "searched-too-early"
    /// What the newest commit replaced or deleted is found still.
    case searchedBeforeLast = "searched-before-last"
    /// What the parent wrote after the fork is found, too.
    case searchedPastTheFork = "searched-past-the-fork"
    /// What compaction dropped before it was read is not missed.
    case searchedWithGaps = "searched-with-gaps"
    /// An index that is opened goes on where the store is, instead of where it was.
    case indexSkipsAfterKill = "index-skips-after-kill"
    /// The index of another history is taken for that of this one.
    case indexOfReplacedHistory = "index-of-replaced-history"
    /// A key's vectors are compared though another value has come without any.
    case staleVectorsCompared = "stale-vectors-compared"
    /// The vectors of what the newest commit replaced or deleted are compared.
    case hiddenVectorsCompared = "hidden-vectors-compared"
    /// A question is compared with the vectors of another space.
    case otherSpaceCompared = "other-space-compared"
    /// An index that is opened lacks vectors that it had.
    case vectorsLostOnRestart = "vectors-lost-on-restart"
    /// What stays though the floor has passed it loses its vectors.
    case vectorsLostBelowTheFloor = "vectors-lost-below-the-floor"
    /// A damaged row is taken for a sound one.
    case damageTrusted = "damage-trusted"
    /// Words of a phrase are found in any order.
    case phraseWithoutOrder = "phrase-without-order"
    /// A prefix is looked for in the newest state's words, whatever state is asked for.
    case prefixOfHead = "prefix-of-head"
    /// A field's word is found wherever it stands.
    case fieldUnheeded = "field-unheeded"
    /// Hits are of all topics, whichever were named.
    case scopeUnheeded = "scope-unheeded"
    /// The past is searched in the way that is set now.
    case settingsOfHead = "settings-of-head"
    /// The vectors of what is put do not reach the store.
    case vectorsNotStored = "vectors-not-stored"

    /// The broker forgets when the next record expires.
    case expiryForgotten = "expiry-forgotten"

    // MARK: Other histories

    /// The hash is not checked on resume, nor anywhere else.
    case hashUnchecked = "hash-unchecked"
    /// Resume names the cut only, without the acknowledged revisions.
    case resumeWithoutAcknowledged = "resume-without-acknowledged"
    /// A late reply to an earlier registration is taken for that to the newest: what it says of the state that was
    /// named then resets the one that there is by now.
    case oldReplyResets = "old-reply-resets"
    /// A ping's answer proves how fresh a state is, whatever history the broker holds now.
    case freshnessOfAnotherHistory = "freshness-of-another-history"
    /// Waiters survive a reset.
    case waitersSurviveReset = "waiters-survive-reset"
    /// A warm file is accepted after its history was replaced.
    /// Electric: https://github.com/electric-sql/electric/pull/3828 (a handle that was kept and has expired)
    case warmFileOfOldHistory = "warm-file-of-old-history"
    /// A warm file loads although a record is missing.
    case warmFileIncomplete = "warm-file-incomplete"
}
