/*
 * membus.h: Membus for C, and for every language that speaks C.
 *
 * Membus is shared memory for teams of AI agents: a broker keeps records under keys, agents write by transactions and
 * read from coherent local caches. This is the same client that Swift programmes use, behind plain functions.
 *
 *     membus_call call;
 *     const membus_answer *answer;
 *
 *     // Anything that may take long is a call: it is begun, waited for, and freed with its answer.
 *     if (membus_connect(&(membus_connection){.agent = MEMBUS_TEXT("planner")}, &call)
 *         || membus_wait(call, MEMBUS_FOREVER, &answer))
 *         return fail(membus_last_error());
 *     membus_memory memory = answer->object;
 *     membus_free(call);
 *
 *     // What is followed is read locally.
 *     membus_text topics[] = {MEMBUS_TEXT("plans/")};
 *     if (membus_follow(memory, &(membus_following){.topics = topics, .topic_count = 1}, &call)
 *         || membus_wait(call, MEMBUS_FOREVER, &answer))
 *         return fail(membus_last_error());
 *     membus_view plans = answer->object;
 *     membus_free(call);
 *
 *     char value[512];
 *     membus_version version;
 *     if (membus_view_copy(plans, MEMBUS_TEXT("plans/paris"), value, sizeof value, &version) == MEMBUS_OK)
 *         printf("%.*s, of revision %lld\n", (int)version.size, value, (long long)version.revision);
 *
 *     // Several reads and changes, all or nothing; run again if what was read has changed meanwhile.
 *     membus_transaction tx;
 *     membus_transaction_begin(memory, &(membus_transacting){.message = MEMBUS_TEXT("book"), .retries = 5}, &tx);
 *     do {
 *         membus_transaction_change(tx, &(membus_change){
 *             .action = MEMBUS_INCREMENT, .key = MEMBUS_TEXT("plans/paris/cost"), .amount = 120});
 *         if (membus_transaction_commit(tx, &call) || membus_wait(call, MEMBUS_FOREVER, &answer))
 *             return fail(membus_last_error());
 *         outcome = answer->outcome;
 *         membus_free(call);
 *     } while (outcome == MEMBUS_RUN_AGAIN);
 *     membus_free(tx);
 *
 * Objects are numbers. A number of something that was freed, or that is something else, gives MEMBUS_BAD_HANDLE, and
 * never anything worse. All functions may be called from any thread, also with the same object; the answer of a call
 * is read-only and stays until the call is freed.
 *
 * Errors. Every function that can fail returns 0 (MEMBUS_OK) or a code below. `membus_last_error` tells more about the
 * last code of an error that a function returned on this thread.
 *
 * Waiting. `membus_wait` blocks. `membus_call_descriptor` gives a descriptor that becomes readable when the call is
 * done, so that any event loop can wait for it.
 *
 * Forks. A child that `fork` made gets MEMBUS_FORKED for every object of its parent, and can connect anew. A process
 * may end without closing anything.
 *
 * Texts are UTF-8, with a length; they need no zero at their end. In answers there is one. Texts that are given to a
 * function are copied before it returns.
 *
 * Times are in milliseconds; 0 stands for "as long as the connection gives". Structs in which everything is 0 but what
 * is said mean the defaults. Structs and numbers stay as they are within one MEMBUS_API.
 */
#ifndef MEMBUS_H
#define MEMBUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What this header says; `membus_api` tells what the library does. */
#define MEMBUS_API 1

/* ---- Values ---------------------------------------------------------------------------------------------------- */

/* An object: a memory, view, handle, transaction, list, watch, a view's changes, or a call. 0 is none. */
typedef uint64_t membus_object;
typedef membus_object membus_memory;
typedef membus_object membus_view;
typedef membus_object membus_handle;
typedef membus_object membus_transaction;
typedef membus_object membus_list;
typedef membus_object membus_watch;
typedef membus_object membus_changes;
typedef membus_object membus_call;

typedef struct membus_text {
    const char *data;
    size_t size;
} membus_text;

/* Of a literal. */
#define MEMBUS_TEXT(literal) ((membus_text){(literal), sizeof(literal) - 1})

/* A place in one history: carries "at least this" from one agent to another. */
typedef struct membus_token {
    uint64_t lineage;
    int64_t revision;
    uint64_t hash;
} membus_token;

/* Results that are no errors are below 10, those of the client below 100; from 100 on they are the protocol's, with the
 * numbers of protos/membus/v1/errors.proto. */
enum {
    MEMBUS_OK = 0,
    /* There is no record under the key. */
    MEMBUS_ABSENT = 1,
    /* The buffer does not hold it; nothing was copied. Of a value, its version tells the size. */
    MEMBUS_TOO_SMALL = 2,
    /* The call is not done yet. */
    MEMBUS_NOT_DONE = 3,
    /* A signal came while the call was waited for. Wait again, or cancel it. */
    MEMBUS_INTERRUPTED = 4,

    /* Preconditions failed; nothing was written. */
    MEMBUS_CONFLICT = 10,
    /* No answer in time. `outcome_unknown` tells whether it may have taken effect. */
    MEMBUS_TIMEOUT = 11,
    /* The view cannot vouch for its state, and its policy is not to serve it. */
    MEMBUS_STALE = 12,
    /* The memory or view was closed. */
    MEMBUS_CLOSED = 13,
    /* The record is there, but its value is not in the cache: membus_view_get fetches it. */
    MEMBUS_NOT_HERE = 14,
    /* No topic of the view covers the key. */
    MEMBUS_NOT_FOLLOWED = 15,
    /* It is committed, but an own view did not reach it in time. */
    MEMBUS_COMMITTED_BUT_NOT_SEEN = 16,
    /* The broker holds another history than the one that was read. */
    MEMBUS_HISTORY_CHANGED = 17,
    /* The topics' keys alone need more memory than the view may use. */
    MEMBUS_OVER_CAPACITY = 18,
    /* A key, topic or branch has no valid name. */
    MEMBUS_INVALID_NAME = 19,
    /* A warm file cannot be used. */
    MEMBUS_WARM_FILE = 20,
    /* A local file could not be read or written. */
    MEMBUS_FILE = 21,
    /* The call was cancelled. */
    MEMBUS_CANCELLED = 22,
    /* The broker's address cannot be used, or the system gave no socket or thread. */
    MEMBUS_SYSTEM = 23,
    /* Of a merge or revert: somebody has to decide about some keys; nothing was written. */
    MEMBUS_UNSETTLED = 24,

    /* The number names no object of this process, or one of another kind. */
    MEMBUS_BAD_HANDLE = 40,
    /* The object belongs to the process that this one was forked from. */
    MEMBUS_FORKED = 41,
    /* An argument is none that the function takes. */
    MEMBUS_BAD_ARGUMENT = 42,
    /* The watch, list, transaction or view's changes has a call under way. */
    MEMBUS_OCCUPIED = 43,

    /* The request is wrong. */
    MEMBUS_MALFORMED = 100,
    MEMBUS_UNKNOWN_REQUEST = 101,
    MEMBUS_UNSUPPORTED_VERSION = 102,
    MEMBUS_REFUSED_NAME = 103,
    MEMBUS_INVALID_ARGUMENT = 104,
    MEMBUS_LIMIT_EXCEEDED = 105,
    MEMBUS_UNKNOWN_BRANCH = 106,
    MEMBUS_BRANCH_EXISTS = 107,
    MEMBUS_WRONG_KIND = 108,
    MEMBUS_INVALID_VALUE = 109,
    MEMBUS_BELOW_FLOOR = 110,
    MEMBUS_BEYOND_HEAD = 111,
    MEMBUS_NUMBER_REUSED = 112,
    MEMBUS_NUMBER_FORGOTTEN = 113,
    MEMBUS_UNKNOWN_BACKUP = 114,
    MEMBUS_PLAN_CHANGED = 120,
    MEMBUS_OPEN_CONFLICTS = 121,
    MEMBUS_NOT_WRITABLE = 115,
    MEMBUS_UNKNOWN_TAG = 116,
    MEMBUS_TAG_EXISTS = 117,
    /* It may succeed later. */
    MEMBUS_BUSY = 200,
    MEMBUS_OUT_OF_ORDER = 201,
    MEMBUS_DISK_FULL = 202,
    MEMBUS_STORE_FAILED = 203,
    MEMBUS_DEADLINE_EXCEEDED = 204,
    MEMBUS_SHUTTING_DOWN = 205,
    MEMBUS_NOT_YET_VISIBLE = 206,
    /* The client's picture of the broker is out of date. */
    MEMBUS_INSTANCE_CHANGED = 300,
    MEMBUS_HISTORY_DIFFERS = 301,
    MEMBUS_UNKNOWN_STREAM = 302,
    MEMBUS_UNKNOWN_SESSION = 303,
    MEMBUS_PULL_BROKEN = 304
};

/* Who can do something about an error. */
enum {
    MEMBUS_REMEDY_NONE = 0,
    MEMBUS_FIX_REQUEST = 1,
    MEMBUS_RETRY = 2,
    MEMBUS_RESYNC = 3
};

/* What a version of a key is. */
enum {
    /* There is none, and never was. */
    MEMBUS_NONE = 0,
    MEMBUS_PRESENT = 1,
    /* Its value did not travel: `value.size` tells how large it is. */
    MEMBUS_ANNOUNCED = 2,
    /* The commit deleted the record. */
    MEMBUS_DELETED = 3
};

typedef struct membus_attribute {
    membus_text name;
    membus_text value;
} membus_attribute;

/* A named link from a record to another key. */
typedef struct membus_link {
    membus_text relation;
    membus_text target;
} membus_link;

/* One version of a key. */
typedef struct membus_record {
    membus_text key;
    int64_t revision;
    /* The change's place within its commit, from 0. */
    uint32_t ordinal;
    /* MEMBUS_PRESENT … */
    int32_t state;
    membus_text value;
    membus_text kind;
    /* The agent that put it. */
    membus_text owner;
    /* When the broker will delete it, since 1970; 0: never. */
    int64_t expires_ms;
    /* In the order of the names' bytes. */
    const membus_attribute *attributes;
    size_t attribute_count;
    const membus_link *links;
    size_t link_count;
} membus_record;

/* A commit, with those of its records that were asked for: records[first_record] and those that follow. */
typedef struct membus_commit {
    int64_t revision;
    uint64_t hash;
    membus_text branch;
    membus_text agent;
    membus_text context;
    membus_text message;
    int64_t time_ms;
    /* 0: not by a client. */
    uint64_t session;
    uint64_t number;
    size_t first_record;
    size_t record_count;
} membus_commit;

/* What a precondition asks for. */
enum {
    /* The key's newest version is that of `revision`. */
    MEMBUS_AT = 0,
    /* The key has no record. */
    MEMBUS_IS_ABSENT = 1,
    /* No key of the topic changed after `revision`. */
    MEMBUS_UNCHANGED = 2,
    /* Nothing that the transaction read, or that was read in its context before, was undone or quarantined since. `name` is
     * empty. */
    MEMBUS_SOUND = 3
};

typedef struct membus_precondition {
    int32_t sort;
    /* A key; a topic for MEMBUS_UNCHANGED. */
    membus_text name;
    int64_t revision;
} membus_precondition;

/* A precondition that failed, with what is there instead. */
typedef struct membus_conflict {
    membus_precondition precondition;
    /* The key that failed it. */
    membus_text key;
    /* Of the newest version, a deletion's too; 0: the key never had a record. */
    int64_t revision;
    /* state MEMBUS_NONE: there is no record, or it is no longer kept. */
    membus_record current;
} membus_conflict;

/* Why a key of a merge or revert is to be decided by somebody. */
enum {
    MEMBUS_BOTH_CHANGED = 1,
    MEMBUS_BOTH_CREATED = 2,
    /* Ours deleted it, theirs changed it. */
    MEMBUS_DELETED_AND_CHANGED = 3,
    MEMBUS_CHANGED_AND_DELETED = 4,
    MEMBUS_DIFFERENT_KINDS = 5,
    /* It would bring back what was undone here. */
    MEMBUS_UNDONE = 6,
    /* What both had in common can't be told. */
    MEMBUS_NO_BASE = 7,
    /* Of a pick: the commit had read `base`, and there is `ours`. No resolution settles it. */
    MEMBUS_OTHER_READ = 8
};

/* One side of a key that is to be decided, and who wrote it. */
typedef struct membus_side {
    /* It may be MEMBUS_DELETED; MEMBUS_ANNOUNCED beyond 4 MiB of values in all; MEMBUS_NONE: there never was one. */
    membus_record record;
    /* revision 0: it is no longer kept. */
    membus_commit commit;
} membus_side;

/* A key that somebody has to decide about. */
typedef struct membus_unsettled {
    membus_text key;
    /* MEMBUS_BOTH_CHANGED … */
    int32_t kind;
    /* What both had in common; MEMBUS_NONE: nothing, or it is not known. */
    membus_side base;
    /* What is there: in the branch that is merged into. */
    membus_side ours;
    /* In the branch that is merged. */
    membus_side theirs;
} membus_unsettled;

typedef struct membus_error {
    int32_t code;
    int32_t remedy;
    /* The code's name: "conflict", "belowFloor". */
    membus_text name;
    /* What happened, to which thing. */
    membus_text message;
    /* What to do next. */
    membus_text hint;
    /* The key, limit, branch, topics or path that it is about; may be empty. */
    membus_text subject;
    /* Whether a transaction may have taken effect, or may yet. */
    int32_t outcome_unknown;
    /* MEMBUS_CONFLICT, MEMBUS_UNSETTLED: the state in which it failed. MEMBUS_COMMITTED_BUT_NOT_SEEN: the commit. */
    membus_token token;
    /* MEMBUS_CONFLICT: each precondition that failed. */
    const membus_conflict *conflicts;
    size_t conflict_count;
    /* MEMBUS_UNSETTLED: each key that is to be decided, and how many more there are. */
    const membus_unsettled *unsettled;
    size_t unsettled_count;
    size_t unlisted_count;
} membus_error;

/* ---- The library ----------------------------------------------------------------------------------------------- */

/* MEMBUS_API of the library. */
int membus_api(void);

/* What the last error on this thread was; never NULL. It stays until a function returns the next one on this thread. */
const membus_error *membus_last_error(void);

/* The same as an object: it stays until `kept` is freed, whatever fails meanwhile. */
const membus_error *membus_keep_error(membus_object *kept);

/* Lets go of an object, from any thread. A call that is under way is cancelled. The connection of a memory ends once the
 * memory and all that was made of it is freed, or by membus_close. 0, and what was freed before, are passed over. */
void membus_free(membus_object object);

/* Where a broker is: what is said, else MEMBUS_BROKER of the environment, else the broker that has the data directory
 * (MEMBUS_DATA, else ~/.membus), else tcp://127.0.0.1:7401. Writes it with a zero at its end. -> MEMBUS_TOO_SMALL
 * Where `program` is not empty, and nobody listens there either, a broker is started in the background on the data
 * directory, by that file of `membus`; it outlives this process, and is told of on standard error. That takes some
 * hundred milliseconds, and blocks. -> MEMBUS_SYSTEM: it could not be started; MEMBUS_INTERRUPTED: a signal's handler ran,
 * call it again or not */
int membus_find_broker(membus_text said, membus_text program, char *buffer, size_t capacity);

/* A token's text form, `lineage:revision:hash`, which the command line takes and prints too; at most 64 bytes, with the
 * zero at the end. */
void membus_token_write(membus_token token, char buffer[64]);
/* -> MEMBUS_BAD_ARGUMENT: it is none. */
int membus_token_read(membus_text text, membus_token *token);

/* ---- Calls ----------------------------------------------------------------------------------------------------- */

/* As a time to wait. */
#define MEMBUS_FOREVER (-1)

enum {
    MEMBUS_COMMITTED = 1,
    /* There was nothing to write; the preconditions held. */
    MEMBUS_HELD = 2,
    /* Nothing was written, as what was read has changed. The transaction is empty again: read and change anew. */
    MEMBUS_RUN_AGAIN = 3,
    /* Of a view's changes: more changed than could be listed, or the history is another one. */
    MEMBUS_EVERYTHING = 4
};

/* What a merge wrote. */
typedef struct membus_merge_report {
    /* The source's newest commit that was brought in. */
    int64_t source;
    /* Keys that were written. */
    int64_t written;
    /* Keys that both sides had changed in the same way. */
    int64_t agreed;
    /* Conflicts that a resolution or a policy settled. */
    int64_t settled;
    /* Conflicts that were left for later. */
    int64_t parked;
} membus_merge_report;

/* What a call came to; each function says which fields it fills. */
typedef struct membus_answer {
    /* A new memory or view. It is the caller's once the answer was looked at, and has to be freed. */
    membus_object object;
    /* The state that it is of; the commit. */
    membus_token token;
    const membus_record *records;
    size_t record_count;
    const membus_commit *commits;
    size_t commit_count;
    /* MEMBUS_COMMITTED … */
    int32_t outcome;
    /* A list: nothing follows. */
    int32_t is_last;
    int64_t number;
    membus_text text;
    /* Of a merge that was committed; else NULL. */
    const membus_merge_report *merged;
} membus_answer;

/* Waits until the call is done, for so long at most (0: not at all; MEMBUS_FOREVER).
 * -> what the call came to; MEMBUS_NOT_DONE; MEMBUS_INTERRUPTED, if a signal's handler ran. `answer` may be NULL: then
 * the answer is not looked at, nor put together, which takes as long as it is large. */
int membus_wait(membus_call call, int64_t timeout_ms, const membus_answer **answer);

/* A descriptor that is readable once the call is done. It is the call's, and closed with it; do not read from it.
 * -> MEMBUS_SYSTEM */
int membus_call_descriptor(membus_call call, int *descriptor);

/* The call is done at once, as MEMBUS_CANCELLED, unless it was done already. A transaction that was not sent yet never
 * is; of another one the outcome is not known. */
int membus_cancel(membus_call call);

/* ---- Connecting ------------------------------------------------------------------------------------------------ */

typedef struct membus_connection {
    /* tcp://HOST:PORT or ipc://PATH; empty: see membus_find_broker. */
    membus_text broker;
    /* Who the agent is: the author of its commits. Required. */
    membus_text agent;
    /* The run, task or conversation that it acts in. */
    membus_text context;
    /* What calls mean unless they name one; empty: main. */
    membus_text branch;
    /* How long every call waits that does not say; 0: 30 s. */
    int64_t timeout_ms;
} membus_connection;

/* A call; its answer's object is the memory. It reconnects by itself from then on. */
int membus_connect(const membus_connection *connection, membus_call *call);

/* The same memory in another run, task or conversation: what it reads and writes is recorded with that one. It shares the
 * connection, which membus_close of either ends, and which stays until both are freed. */
int membus_memory_context(membus_memory memory, membus_text context, membus_memory *other);

/* A call: puts on record what was read, ends the connection and its views. Every call under way ends with
 * MEMBUS_CLOSED. */
int membus_close(membus_memory memory, membus_call *call);

enum {
    MEMBUS_CONNECTING = 0,
    MEMBUS_CONNECTED = 1,
    /* Nothing was heard from the broker for so long; it is being tried. */
    MEMBUS_DISCONNECTED = 2,
    /* The broker answers, but no event comes. Views are stale. */
    MEMBUS_WITHOUT_EVENTS = 3,
    MEMBUS_IS_CLOSED = 4
};

/* `since_ms`: for how long; may be NULL. */
int membus_memory_state(membus_memory memory, int32_t *state, int64_t *since_ms);
/* A call: waits until the connection stands otherwise than `known` (none of them: not at all). The answer's number is
 * how. -> MEMBUS_CLOSED: it is closed, as is known */
int membus_memory_state_next(membus_memory memory, int32_t known, membus_call *call);

/* ---- Views ----------------------------------------------------------------------------------------------------- */

enum {
    /* Values travel along. */
    MEMBUS_UPDATE = 0,
    /* Only the news of changes does; values are fetched when read. */
    MEMBUS_INVALIDATE = 1
};

/* What reads do while the view cannot vouch for its state. */
enum {
    MEMBUS_SERVE = 0,
    /* membus_view_get waits until it is live, reads that cannot wait fail. */
    MEMBUS_WAIT = 1,
    MEMBUS_FAIL = 2
};

typedef struct membus_following {
    /* Prefixes that end in `/`, exact keys, or `/` for everything. */
    const membus_text *topics;
    size_t topic_count;
    int32_t mode;
    int32_t when_stale;
    /* Bytes that the cache may use; 0: 256 MiB. */
    uint64_t capacity;
    /* Empty: the connection's. */
    membus_text branch;
    membus_text context;
    /* A warm file to start from: the view can be read at once, and catches up. */
    membus_text warm;
    int64_t timeout_ms;
} membus_following;

/* A call; its answer's object is the view, once it is complete. */
int membus_follow(membus_memory memory, const membus_following *following, membus_call *call);

/* Tells one version of a key from another, and whether a copy of it is still good: two are the same if all of it is. */
typedef struct membus_version {
    int64_t revision;
    uint32_t ordinal;
    /* Rises when the view's history is replaced. */
    uint32_t history;
    /* Of the value, in bytes. */
    size_t size;
} membus_version;

/* The local reads. -> MEMBUS_ABSENT; MEMBUS_STALE by the view's policy; MEMBUS_NOT_HERE; MEMBUS_NOT_FOLLOWED;
 * MEMBUS_CLOSED. */
int membus_view_version(membus_view view, membus_text key, membus_version *version);
/* Copies the value. -> also MEMBUS_TOO_SMALL, with the version's size */
int membus_view_copy(membus_view view, membus_text key, char *buffer, size_t capacity, membus_version *version);
/* Lends the record to `take`, for as long as that runs; what `context` is, is yours. The view goes on meanwhile. */
typedef void (*membus_taker)(void *context, const membus_record *record, const membus_version *version);
int membus_view_lend(membus_view view, membus_text key, membus_taker take, void *context);

/* The same for several keys, as of one revision: `take` gets a record for each, in their order, before this returns;
 * state MEMBUS_NONE where there is none, and a version of zeros. `token` is what they are of; may be NULL.
 * -> as above, and then `take` got none; never MEMBUS_ABSENT */
int membus_view_lend_all(
    membus_view view, const membus_text *keys, size_t key_count, membus_taker take, void *context,
    membus_token *token);

/* A key, resolved once, for the fastest reads. Free it. */
int membus_view_handle(membus_view view, membus_text key, membus_handle *handle);

/* The same view, whose reads are recorded with another context: several contexts share a cache. It ends with the view that it
 * was made from. */
int membus_view_context(membus_view view, membus_text context, membus_view *other);
int membus_handle_version(membus_handle handle, membus_version *version);
int membus_handle_copy(membus_handle handle, char *buffer, size_t capacity, membus_version *version);
int membus_handle_lend(membus_handle handle, membus_taker take, void *context);

/* A call that is done at once: several keys from the cache, as of one revision. The answer has a record for each key,
 * in their order, and the token. -> as above, if one of them is not to be had; never MEMBUS_ABSENT */
int membus_view_read(membus_view view, const membus_text *keys, size_t key_count, membus_call *call);
/* The same for all that the view holds, in the order of the keys. */
int membus_view_all(membus_view view, membus_call *call);

/* How fresh a state must be. */
enum {
    /* What the view holds. */
    MEMBUS_CACHED = 0,
    /* It contains what `token` stands for. */
    MEMBUS_AT_LEAST = 1,
    /* It contains what was visible `within_ms` ago. */
    MEMBUS_WITHIN = 2,
    /* It contains everything that was acknowledged to anybody before. */
    MEMBUS_LINEARIZABLE = 3,
    /* The view is live (membus_view_await alone). */
    MEMBUS_LIVE = 4
};

typedef struct membus_freshness {
    int32_t sort;
    membus_token token;
    int64_t within_ms;
} membus_freshness;

/* A call: several keys as of one revision, as fresh as this, fetched if they are not in the cache. The answer has a
 * record for each key, in their order, and the token. `freshness` may be NULL. */
int membus_view_get(
    membus_view view, const membus_text *keys, size_t key_count, const membus_freshness *freshness, int64_t timeout_ms,
    membus_call *call);
/* A call: waits until the view is as fresh as this. The answer has the token. */
int membus_view_await(membus_view view, const membus_freshness *freshness, int64_t timeout_ms, membus_call *call);
/* A call that is done at once: the fingerprint of an update view's state, in `text` as 64 hexadecimal digits, of
 * `number` records, as of the token. */
int membus_view_digest(membus_view view, membus_call *call);
/* A call: writes the state as a warm file, with the value of every record: those that did not travel are fetched. */
int membus_view_save(membus_view view, membus_text path, membus_call *call);

enum {
    MEMBUS_VIEW_LIVE = 0,
    /* Its state is a whole, older one; it has not been vouched for, for `stale_ms`. */
    MEMBUS_VIEW_STALE = 1,
    /* It can't be had at all. */
    MEMBUS_VIEW_FAILED = 2,
    MEMBUS_VIEW_CLOSED = 3
};

typedef struct membus_view_state {
    int32_t phase;
    int64_t stale_ms;
    /* What it is at. */
    membus_token token;
    /* Records held. */
    size_t count;
} membus_view_state;

int membus_view_status(membus_view view, membus_view_state *state);

/* What happens to the view's records, from now on. Joined by key: who is slow gets the newest version of each record
 * that changed, once. Free it. */
int membus_view_changes(membus_view view, membus_changes *changes);
/* A call: what has changed since the last one, at least something. The answer has a record for each key that changed, as
 * the view held it when it was taken; MEMBUS_DELETED with the revision that deleted it; MEMBUS_NONE with the version's
 * revision if the view does not hold the record. `outcome` MEMBUS_EVERYTHING: read again what you need. A call that is
 * cancelled, or freed before its answer was looked at, has taken nothing. -> MEMBUS_CLOSED; MEMBUS_OCCUPIED, as above */
int membus_changes_next(membus_changes changes, membus_call *call);

/* ---- Transactions ---------------------------------------------------------------------------------------------- */

typedef struct membus_transacting {
    membus_text message;
    membus_text branch;
    /* How often it may be run again. */
    int32_t retries;
    /* Of all of it, reruns included. */
    int64_t timeout_ms;
} membus_transacting;

/* Begins a transaction, which is empty. All of it happens in one commit, or nothing. `transacting` may be NULL. */
int membus_transaction_begin(
    membus_memory memory, const membus_transacting *transacting, membus_transaction *transaction);

/* A call: reads keys, all reads of one attempt as of one revision. What is read becomes a precondition (`is_required`),
 * or is only noted as what the transaction builds on. The answer has a record for each key, and the token. */
int membus_transaction_get(
    membus_transaction transaction, const membus_text *keys, size_t key_count, int32_t is_required, membus_call *call);

int membus_transaction_require(membus_transaction transaction, const membus_precondition *precondition);

enum {
    /* A whole new record: value, kind, attributes, links, expiry. */
    MEMBUS_PUT = 0,
    MEMBUS_DELETE = 1,
    /* Adds `amount` to a counter. Never conflicts, as the next two. */
    MEMBUS_INCREMENT = 2,
    /* Appends `value` to a text. */
    MEMBUS_APPEND = 3,
    /* Merges `value`, a JSON merge patch (RFC 7396), into a JSON document. */
    MEMBUS_PATCH = 4
};

typedef struct membus_change {
    int32_t action;
    membus_text key;
    membus_text value;
    int64_t amount;
    /* Of a put; empty: `text`. */
    membus_text kind;
    const membus_attribute *attributes;
    size_t attribute_count;
    const membus_link *links;
    size_t link_count;
    /* Of a put: deleted so long after the commit; or at this time since 1970. 0: never. */
    int64_t expires_after_ms;
    int64_t expires_at_ms;
} membus_change;

/* Mistakes in what is changed (a bad key, two changes of one key that do not combine) are told by the commit. */
int membus_transaction_change(membus_transaction transaction, const membus_change *change);

/* Vectors of a value that was put in this transaction, one behind the other, in a space of the agents' own: a search that brings
 * "space" and "vector" compares with them. Several spaces are several calls; the same space again replaces. They are of this
 * version: a change of the record that brings none leaves none. Added after MEMBUS_API 1 was first there: look for the symbol. */
int membus_transaction_vectors(
    membus_transaction transaction, membus_text key, membus_text space, const float *values, size_t dimensions,
    size_t count);

/* A call: commits. The answer has `outcome` and, unless it is to run again, the token. It is told once the own views of
 * the branch show the commit. -> MEMBUS_CONFLICT after the last try */
int membus_transaction_commit(membus_transaction transaction, membus_call *call);

/* After a read within the transaction failed: whether running all of it again can help. If so, it is empty again, and
 * MEMBUS_OK is returned; else the read's error. -> MEMBUS_INVALID_ARGUMENT: no read has failed, or it is over */
int membus_transaction_rerun(membus_transaction transaction);

typedef struct membus_forking {
    membus_text name;
    /* Empty: the connection's branch. */
    membus_text parent;
    /* Of the parent; 0: the newest. */
    int64_t revision;
    membus_text message;
    int64_t timeout_ms;
    /* Whether records that it inherits expire on it, though it starts below the head. */
    int32_t expires;
} membus_forking;

/* A call: makes a branch that starts as the parent was. The answer has the token; of one that starts below the head
 * `number` tells how many of the records that it inherited would expire, and do not on it (where there are very many: at
 * least so many). */
int membus_fork(membus_memory memory, const membus_forking *forking, membus_call *call);

enum {
    /* Nothing is written to it, and nothing on it expires; it can be read, forked, and merged into others. */
    MEMBUS_CLOSE_BRANCH = 1,
    MEMBUS_REOPEN_BRANCH = 2,
    /* Only merges write to it, and it can't be deleted. */
    MEMBUS_PROTECT_BRANCH = 3,
    MEMBUS_UNPROTECT_BRANCH = 4,
    /* For good: its views and watches fail, and its name is never used again. */
    MEMBUS_DELETE_BRANCH = 5
};

typedef struct membus_branch_changing {
    membus_text name;
    int32_t action;
    membus_text message;
    int64_t timeout_ms;
} membus_branch_changing;

/* A call: has a branch be used otherwise from now on. The answer has the token and `outcome`, MEMBUS_HELD if it is so
 * already. -> MEMBUS_UNKNOWN_BRANCH, MEMBUS_INVALID_ARGUMENT (main can't be closed or deleted) */
int membus_change_branch(membus_memory memory, const membus_branch_changing *changing, membus_call *call);

typedef struct membus_tagging {
    membus_text name;
    /* What it names: a branch (empty: the connection's) as of a revision (0: the newest). */
    membus_text branch;
    int64_t revision;
    /* Take the tag away. */
    int32_t remove;
    membus_text message;
    int64_t timeout_ms;
} membus_tagging;

/* A call: gives a state a name, which keeps it, or takes the name away. The answer has the token.
 * -> MEMBUS_TAG_EXISTS, MEMBUS_BRANCH_EXISTS, MEMBUS_UNKNOWN_TAG */
int membus_tag(membus_memory memory, const membus_tagging *tagging, membus_call *call);

/* A call: what a state's name means: those of membus_diff, and moments ("10m", "2026-03-01"), which like all that names no
 * branch are of `branch` (empty: the connection's). The answer's `text` is the branch, its `number` the revision.
 * -> MEMBUS_UNKNOWN_TAG, MEMBUS_UNKNOWN_BRANCH, MEMBUS_BELOW_FLOOR */
int membus_find_state(
    membus_memory memory, membus_text name, membus_text branch, int64_t timeout_ms, membus_call *call);

/* What somebody decides of a key. */
enum {
    MEMBUS_OURS = 1,
    MEMBUS_THEIRS = 2,
    /* What both had in common. */
    MEMBUS_BASE = 3,
    MEMBUS_REMOVE = 4,
    /* What `put` says. */
    MEMBUS_REPLACE = 5
};

/* A decision. It names the versions that it settles: where one of them is another by now, it settles nothing. */
typedef struct membus_resolution {
    membus_text key;
    /* The revisions of `ours.record` and `theirs.record`; 0: there never was one. */
    int64_t ours;
    int64_t theirs;
    /* MEMBUS_OURS … Required. */
    int32_t choice;
    /* Of MEMBUS_REPLACE: value, kind, attributes, links, expiry; its action and key are not looked at. Vectors have no place
     * in it: `carry_out` (membus_ask) takes "vectors" with the "put" of a resolution, or a transaction sends them later. */
    const membus_change *put;
} membus_resolution;

typedef struct membus_merging {
    /* The branch to bring in. Required. */
    membus_text source;
    /* Where to; empty: the connection's branch. */
    membus_text target;
    /* Of the source; 0: the newest. */
    int64_t revision;
    const membus_resolution *resolutions;
    size_t resolution_count;
    /* Records under .membus/policies/ and .membus/rights/ come along. */
    int32_t carries_rules;
    /* What nobody has decided is left for later, as records under .membus/conflicts/. */
    int32_t parks;
    membus_text message;
    int64_t timeout_ms;
} membus_merging;

/* A call: brings what another branch has into a branch, by one commit. The answer has the token and `outcome`:
 * MEMBUS_COMMITTED, and `merged`; or MEMBUS_HELD: the target contains all of the source already.
 * -> MEMBUS_UNSETTLED: decide, and call again with resolutions */
int membus_merge(membus_memory memory, const membus_merging *merging, membus_call *call);

typedef struct membus_rolling_back {
    /* The revision to go back to. */
    int64_t revision;
    /* None: everything. */
    const membus_text *topics;
    size_t topic_count;
    /* Empty: the connection's. */
    membus_text branch;
    membus_text message;
    int64_t timeout_ms;
} membus_rolling_back;

/* A call: has a branch, or some topics of it, be again as they were, by one commit. What has expired does not return.
 * The answer has the token and `outcome`: MEMBUS_COMMITTED, or MEMBUS_HELD: nothing has changed since. */
int membus_rollback(membus_memory memory, const membus_rolling_back *rolling_back, membus_call *call);

/* Names one version. */
typedef struct membus_version_name {
    membus_text key;
    /* Of the commit that wrote it. */
    int64_t revision;
} membus_version_name;

typedef struct membus_reverting {
    const membus_version_name *versions;
    size_t version_count;
    /* All that these commits wrote. */
    const int64_t *revisions;
    size_t revision_count;
    /* All that this agent wrote on the branch, in this context, after `since`; both empty: nobody's. */
    membus_text agent;
    membus_text context;
    int64_t since;
    /* Of keys whose history can't be told without what is reverted. MEMBUS_OURS leaves what is there. */
    const membus_resolution *resolutions;
    size_t resolution_count;
    /* Empty: the connection's. */
    membus_text branch;
    membus_text message;
    int64_t timeout_ms;
} membus_reverting;

/* A call: leaves versions out of the history of their keys, by one commit. Each key gets what its history gives without
 * them; later whole writes stay. The answer has the token and `outcome`: MEMBUS_COMMITTED, or MEMBUS_HELD: nothing of
 * it is there any more. -> MEMBUS_UNSETTLED, as above */
int membus_revert(membus_memory memory, const membus_reverting *reverting, membus_call *call);

/* ---- Looking things up ----------------------------------------------------------------------------------------- */

/* A state. */
typedef struct membus_place {
    /* 0: the newest. */
    int64_t revision;
    /* Empty: the connection's. */
    membus_text branch;
    int64_t timeout_ms;
} membus_place;

/* A call: several keys of one state, asked of the broker. The answer has a record for each key, in their order, and the
 * token. `place` may be NULL. */
int membus_get(
    membus_memory memory, const membus_text *keys, size_t key_count, const membus_place *place, membus_call *call);
/* A call: the fingerprint of some topics' records, as membus_view_digest gives it. */
int membus_digest(
    membus_memory memory, const membus_text *topics, size_t topic_count, const membus_place *place, membus_call *call);

/* Lists are read in pages: membus_list_next until `is_last`. */
typedef struct membus_listing {
    const membus_text *topics;
    size_t topic_count;
    membus_place place;
    /* Values do not travel. */
    int32_t keys_only;
    /* Records in a page, at most; 0: 1000. */
    int32_t page_size;
} membus_listing;

/* Records in the order of their keys, all as of one revision. */
int membus_range(membus_memory memory, const membus_listing *listing, membus_list *list);
/* The versions of a key, newest first: those before `place.revision`, if it is not 0. Each has its commit. */
int membus_history(
    membus_memory memory, membus_text key, const membus_place *place, int32_t page_size, membus_list *list);

typedef struct membus_logging {
    /* None: of everything. */
    const membus_text *topics;
    size_t topic_count;
    /* Only commits by this agent, in this context; empty: any. */
    membus_text agent;
    membus_text context;
    /* Only commits of these times, since 1970; 0: any. */
    int64_t since_ms;
    int64_t until_ms;
    /* Empty: of every branch. */
    membus_text branch;
    /* Oldest first. */
    int32_t ascending;
    /* Records come with their values. */
    int32_t values;
    int32_t page_size;
    int64_t timeout_ms;
} membus_logging;

/* Commits, newest first, each with its records. A large commit may come in pieces. `logging` may be NULL. */
int membus_log(membus_memory memory, const membus_logging *logging, membus_list *list);

/* Two states, each by its name: a branch ("main"), a branch as of a revision ("main@60"), as it was a while ago ("main@2h")
 * or at a time ("main@2026-03-01T12:00:00Z"), or before its newest commits ("main~3"); without the branch, of the
 * connection's ("60", "@2h", "~3"); or what a tag names. Empty: that branch as it is now. */
typedef struct membus_differing {
    membus_text from;
    membus_text to;
    /* None: everything. */
    const membus_text *topics;
    size_t topic_count;
    /* Values do not travel. */
    int32_t keys_only;
    /* Differences in a page, at most; 0: 1000. */
    int32_t page_size;
    int64_t timeout_ms;
} membus_differing;

/* What differs between two states: each key that has other records in them, once, in no order that means anything. Records
 * come in pairs: what the key has in the first, and in the second; where it has none the state is MEMBUS_NONE. */
int membus_diff(membus_memory memory, const membus_differing *differing, membus_list *list);
/* A call: how two states stand to each other, in `text` as JSON, with the names that `membus diff --stat --json` prints. */
int membus_compare(
    membus_memory memory, membus_text from, membus_text to, int64_t timeout_ms, membus_call *call);

/* A call: the next page. One that is cancelled, or freed before its answer was looked at, has taken nothing.
 * -> MEMBUS_OCCUPIED: another one is under way, or its answer was not looked at */
int membus_list_next(membus_list list, membus_call *call);

typedef struct membus_watching {
    const membus_text *topics;
    size_t topic_count;
    membus_text branch;
    /* From now on. Else after `after`: of this revision alone, if its lineage is 0. */
    int32_t from_now;
    membus_token after;
} membus_watching;

/* Every change to some topics, in order, each once, over reconnects and restarts of the broker too. */
int membus_watch_begin(membus_memory memory, const membus_watching *watching, membus_watch *watch);
/* A call: the next changes, at least one, at most so many (0: as many as are there). The answer has commits and their
 * records, oldest first, and in `token` the place of the last one. Waits for one, and for a broker that is away. A call
 * that is cancelled, or freed before its answer was looked at, has taken nothing.
 * -> MEMBUS_BELOW_FLOOR; MEMBUS_HISTORY_CHANGED; MEMBUS_OCCUPIED: another one is under way, or its answer was not looked at */
int membus_watch_next(membus_watch watch, int32_t most, membus_call *call);

/* ---- Upkeep ---------------------------------------------------------------------------------------------------- */

/* What there is to be told, in `text` as JSON, with the names that `membus COMMAND --json` prints. */
enum {
    MEMBUS_STATUS = 0,
    /* An array. */
    MEMBUS_BRANCHES = 1,
    /* What one request may hold. */
    MEMBUS_LIMITS = 2,
    /* Checks the store: `problems` tells what is wrong. Takes as long as the store is large. */
    MEMBUS_VERIFICATION = 3,
    /* An array. */
    MEMBUS_TAGS = 4
};

/* A call. `timeout_ms` 0: of a verification an hour, else as usual. */
int membus_report(membus_memory memory, int32_t report, int64_t timeout_ms, membus_call *call);

/* A call: what is asked for rarely, and wants no speed. Question and answer (`text`) are JSON; the question is an object with one
 * member, whose name says what is asked. Names are those of the protocol and of `membus COMMAND --json`.
 *
 *   {"impact": {"versions": [{"key": "facts/visa", "revision": 41}], "revisions": [], "excluded": [], "own_only": false,
 *               "below_floor": false}}, or with "author": {"agent": "scout", "since": 40}
 *   {"knowledge": {"agent": "booker", "context": "trip-42", "at": 47}}
 *       -> {"commits": […], "readers": […], "unjudged": […]}
 *   {"blame": {"key": "plans/lisbon", "at": 40}}
 *       -> an array, or null: there is no record
 *   {"plan": {"revert": {"revisions": [41], "cascade": true}}}
 *       -> {"plan": "9f0c…", "changes": […], "conflicts": […]}; nothing is written
 *   {"carry_out": {"revert": {"revisions": [41], "cascade": {"excluded": [44]}}, "plan": "9f0c…", "message": "…"}}
 *       -> {"revision": 72, "committed": true, "token": "…"}; MEMBUS_PLAN_CHANGED, MEMBUS_UNSETTLED
 *   {"conflicts": {}}, {"claim": {"conflict": "74/1", "expires_after_ms": 600000}},
 *   {"resolve": {"conflict": "74/1", "choice": "theirs"}}, or with "put" as in a transaction
 *   {"rebase": {"branch": "trial", "as": "trial-2", "onto": "main"}}
 *   {"search": {"question": "night train", "topics": ["plans/"], "limit": 10, "offset": 0, "meaning": "where_complete",
 *               "explain": false, "passages": true}}, or "meaning" "always" or "never"
 *       -> {"at": {"revision": …}, "indexed": …, "found": …, "meaning": false, "embedded": 0.83, "hits": [{"key": …,
 *           "revision": …, "score": …, "passage": {"text": …}}]}
 *   {"recall": {"question": "night train", "topics": [], "budget": 4000, "unit": "characters", "since": 41}}
 *       -> {"at": …, "block": "…", "citations": [{"key": …, "revision": …}], "size": …, "left_out": …}
 *   {"links": {"keys": ["plans/lisbon"], "depth": 2, "direction": "both", "relations": [], "to": "people/ada", "limit": 1000}}
 *       -> {"at": …, "nodes": [{"key": …, "depth": …, "revision": …}], "edges": [{"source": …, "relation": …, "target": …}],
 *           "cut": false}; a node without "revision" has no record
 *   {"query": {"sql": "SELECT key FROM records", "limit": 10000}}
 *       -> {"at": …, "columns": […], "rows": [[…]], "cut": false}; bytes are {"base64": "…"}
 *   {"reindex": {}}
 *       -> {"versions": 300}; the report MEMBUS_STATUS tells how far the index is
 *
 * Search and recall may bring a vector of the question, made by the model of a space that agents send vectors in: "space": "mine",
 * "vector": [0.1, …]. Then "question" may be left out.
 *
 * Search, recall, links and query take "at", a revision, and "at_least", a token that the index has to have reached; passages
 * and what is recalled count as read.
 *
 * `plan` and `carry_out` take one of merge {source, at, resolutions, carries_rules, park}, rollback {to, topics}, revert and
 * quarantine {versions, revisions, author, cascade}, with a reason for quarantine and resolutions for revert, and
 * pick {revisions, same_reads, resolutions}. All but rebase take "branch"; else it is the connection's. */
int membus_ask(membus_memory memory, membus_text question, int64_t timeout_ms, membus_call *call);

/* A call: drops history: what is older than this, or below this revision, or (both 0) by the broker's window. The
 * answer's number is the new floor. */
int membus_compact(
    membus_memory memory, int64_t older_than_ms, int64_t below, int64_t timeout_ms, membus_call *call);

/* A call: writes a consistent copy of the store into a file, which appears whole or not at all. `timeout_ms` is that of
 * each piece; 0: 10 minutes. The answer's number is the revision that the copy holds. */
int membus_backup(membus_memory memory, membus_text path, int64_t timeout_ms, membus_call *call);

#ifdef __cplusplus
}
#endif

#endif
