/* What C may do wrong: every mistake has a code, and none does harm. */
#include <membus.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int line;
#define EXPECT(code, expression)                                                                                       \
    do {                                                                                                               \
        int got = (expression);                                                                                        \
        if (got != (code)) {                                                                                           \
            fprintf(stderr, "%d: %s gave %d, not %d: %s\n", __LINE__, #expression, got, (code),                        \
                    membus_last_error()->message.data);                                                                \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static const membus_text KEY = {"k/1", 3}, TOPIC = {"k/", 2};

static membus_object object_of(membus_call call)
{
    const membus_answer *answer;
    EXPECT(MEMBUS_OK, membus_wait(call, MEMBUS_FOREVER, &answer));
    membus_object object = answer->object;
    membus_free(call);
    return object;
}

static membus_memory connect_to(const char *broker)
{
    membus_call call;
    EXPECT(MEMBUS_OK, membus_connect(
        &(membus_connection){.broker = {broker, strlen(broker)}, .agent = MEMBUS_TEXT("c")}, &call));
    return object_of(call);
}

static membus_view follow(membus_memory memory)
{
    membus_call call;
    EXPECT(MEMBUS_OK, membus_follow(memory, &(membus_following){.topics = &TOPIC, .topic_count = 1}, &call));
    return object_of(call);
}

static void put(membus_memory memory, const char *value)
{
    membus_transaction tx;
    membus_call call;
    const membus_answer *answer;
    EXPECT(MEMBUS_OK, membus_transaction_begin(memory, NULL, &tx));
    EXPECT(MEMBUS_OK, membus_transaction_change(tx, &(membus_change){.key = KEY, .value = {value, strlen(value)}}));
    EXPECT(MEMBUS_OK, membus_transaction_commit(tx, &call));
    EXPECT(MEMBUS_OK, membus_wait(call, MEMBUS_FOREVER, &answer));
    EXPECT(MEMBUS_COMMITTED, answer->outcome);
    membus_free(call);
    EXPECT(MEMBUS_INVALID_ARGUMENT, membus_transaction_commit(tx, &call));
    membus_free(tx);
}

static void numbers(membus_memory memory, membus_view view)
{
    membus_version version;
    membus_call call;
    char value[4];
    /* No object, objects of other kinds, and numbers that were never given. */
    EXPECT(MEMBUS_BAD_HANDLE, membus_view_version(0, KEY, &version));
    EXPECT(MEMBUS_BAD_HANDLE, membus_view_version(memory, KEY, &version));
    EXPECT(MEMBUS_BAD_HANDLE, membus_get(view, &KEY, 1, NULL, &call));
    EXPECT(MEMBUS_BAD_HANDLE, membus_wait(view, 0, NULL));
    for (int i = 0; i < 100000; i++) {
        membus_object any = ((uint64_t)random() << 33) ^ ((uint64_t)random() << 11) ^ (uint64_t)random();
        int code = membus_view_version(any, KEY, &version);
        if (code != MEMBUS_BAD_HANDLE && any != view) EXPECT(MEMBUS_BAD_HANDLE, code);
        membus_free(any == view || any == memory ? 0 : any);
    }
    /* Null pointers, and texts that are none. */
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_follow(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_get(memory, NULL, 1, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_get(memory, &KEY, 1, NULL, NULL));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_connect(&(membus_connection){.broker = TOPIC}, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_get(memory, &(membus_text){"\xff", 1}, 1, NULL, &call));
    EXPECT(MEMBUS_INVALID_NAME, membus_view_version(view, (membus_text){"\xff", 1}, &version));
    EXPECT(MEMBUS_NOT_FOLLOWED, membus_view_version(view, MEMBUS_TEXT("other"), &version));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_report(memory, 77, 0, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_report(memory, MEMBUS_STATUS, -5, &call));
    EXPECT(MEMBUS_INVALID_NAME, membus_get(memory, &(membus_text){"a//b", 4}, 1, NULL, &call));
    if (!strstr(membus_last_error()->message.data, "a//b")) exit(2);
    /* Buffers. */
    EXPECT(MEMBUS_ABSENT, membus_view_copy(view, MEMBUS_TEXT("k/none"), value, sizeof value, &version));
    EXPECT(MEMBUS_TOO_SMALL, membus_view_copy(view, KEY, value, sizeof value, &version));
    if (version.size != 5) exit(3);
    EXPECT(MEMBUS_OK, membus_view_copy(view, KEY, NULL, 5, &version));
}

static void freed(membus_memory memory)
{
    membus_version version;
    membus_call call;
    membus_view view = follow(memory);
    membus_handle handle;
    EXPECT(MEMBUS_OK, membus_view_handle(view, KEY, &handle));
    EXPECT(MEMBUS_OK, membus_handle_version(handle, &version));
    membus_free(view);
    membus_free(view);
    EXPECT(MEMBUS_BAD_HANDLE, membus_view_version(view, KEY, &version));
    EXPECT(MEMBUS_CLOSED, membus_handle_version(handle, &version));
    membus_free(handle);
    EXPECT(MEMBUS_BAD_HANDLE, membus_handle_version(handle, &version));
    /* A call that is freed before its answer was looked at takes what it made with it. */
    EXPECT(MEMBUS_OK, membus_follow(memory, &(membus_following){.topics = &TOPIC, .topic_count = 1}, &call));
    membus_free(call);
    /* One call at a time. */
    membus_watch watch;
    membus_call other;
    EXPECT(MEMBUS_OK, membus_watch_begin(
        memory, &(membus_watching){.topics = &TOPIC, .topic_count = 1, .from_now = 1}, &watch));
    EXPECT(MEMBUS_OK, membus_watch_next(watch, 0, &call));
    EXPECT(MEMBUS_OCCUPIED, membus_watch_next(watch, 0, &other));
    EXPECT(MEMBUS_NOT_DONE, membus_wait(call, 20, NULL));
    EXPECT(MEMBUS_OK, membus_cancel(call));
    EXPECT(MEMBUS_CANCELLED, membus_wait(call, MEMBUS_FOREVER, NULL));
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_watch_next(watch, 0, &call));
    membus_free(watch);
    EXPECT(MEMBUS_CLOSED, membus_wait(call, MEMBUS_FOREVER, NULL));
    membus_free(call);
    /* Nothing is to be run again where nothing was read. */
    membus_transaction transaction;
    EXPECT(MEMBUS_OK, membus_transaction_begin(memory, NULL, &transaction));
    EXPECT(MEMBUS_INVALID_ARGUMENT, membus_transaction_rerun(transaction));
    membus_free(transaction);
    /* An error that is kept is what it was, whatever fails next. */
    membus_object kept;
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_token_read(MEMBUS_TEXT("none"), NULL));
    const membus_error *error = membus_keep_error(&kept);
    for (int i = 0; i < 100; i++) EXPECT(MEMBUS_BAD_HANDLE, membus_view_version(1234, KEY, &version));
    EXPECT(MEMBUS_BAD_ARGUMENT, error->code);
    membus_free(kept);
}

static int done(membus_call call, const membus_answer **answer)
{
    return membus_wait(call, MEMBUS_FOREVER, answer);
}

static void put_on(membus_memory memory, membus_text branch, const char *value)
{
    membus_transaction tx;
    membus_call call;
    EXPECT(MEMBUS_OK, membus_transaction_begin(memory, &(membus_transacting){.branch = branch}, &tx));
    EXPECT(MEMBUS_OK, membus_transaction_change(tx, &(membus_change){.key = KEY, .value = {value, strlen(value)}}));
    EXPECT(MEMBUS_OK, membus_transaction_commit(tx, &call));
    EXPECT(MEMBUS_OK, done(call, NULL));
    membus_free(call);
    membus_free(tx);
}

static void branches(membus_memory memory)
{
    const membus_text name = MEMBUS_TEXT("brief"), tag = MEMBUS_TEXT("kept");
    const membus_answer *answer;
    membus_call call;
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_fork(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_change_branch(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_tag(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_change_branch(memory, &(membus_branch_changing){.action = 1}, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_change_branch(memory, &(membus_branch_changing){.name = name}, &call));
    EXPECT(MEMBUS_INVALID_NAME, membus_tag(memory, &(membus_tagging){0}, &call));
    EXPECT(MEMBUS_INVALID_NAME, membus_tag(memory, &(membus_tagging){.name = MEMBUS_TEXT("10m")}, &call));
    EXPECT(MEMBUS_INVALID_NAME, membus_find_state(memory, MEMBUS_TEXT("a/b"), (membus_text){0}, 0, &call));
    EXPECT(MEMBUS_OK, membus_fork(memory, &(membus_forking){.name = name}, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    int64_t made = answer->token.revision;
    membus_free(call);
    membus_branch_changing changing = {.name = name, .action = MEMBUS_CLOSE_BRANCH};
    EXPECT(MEMBUS_OK, membus_change_branch(memory, &changing, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(MEMBUS_COMMITTED, answer->outcome);
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_change_branch(memory, &changing, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(MEMBUS_HELD, answer->outcome);
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_tag(memory, &(membus_tagging){.name = tag, .branch = name, .revision = made}, &call));
    EXPECT(MEMBUS_OK, done(call, NULL));
    membus_free(call);
    changing.action = MEMBUS_DELETE_BRANCH;
    EXPECT(MEMBUS_OK, membus_change_branch(memory, &changing, &call));
    EXPECT(MEMBUS_OK, done(call, NULL));
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_find_state(memory, tag, (membus_text){0}, 0, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(1, answer->number == made && answer->text.size == name.size && !memcmp(answer->text.data, "brief", 5));
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_tag(memory, &(membus_tagging){.name = tag, .remove = 1}, &call));
    EXPECT(MEMBUS_OK, done(call, NULL));
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_tag(memory, &(membus_tagging){.name = tag, .remove = 1}, &call));
    EXPECT(MEMBUS_UNKNOWN_TAG, done(call, NULL));
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_report(memory, MEMBUS_TAGS, 0, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(2, (int)answer->text.size);
    membus_free(call);
}

static void merges(membus_memory memory)
{
    const membus_text trial = MEMBUS_TEXT("trial");
    const membus_answer *answer;
    membus_call call;
    /* What is missing, or none that is taken. */
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_rollback(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_revert(memory, NULL, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, &(membus_merging){0}, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, &(membus_merging){.source = trial, .resolution_count = 1}, &call));
    membus_resolution decided = {.key = KEY};
    membus_merging merging = {.source = trial, .resolutions = &decided, .resolution_count = 1};
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, &merging, &call));
    decided.choice = 77;
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, &merging, &call));
    decided.choice = MEMBUS_REPLACE;
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, &merging, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_merge(memory, &(membus_merging){.source = trial, .timeout_ms = -1}, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_revert(memory, &(membus_reverting){.version_count = 1}, &call));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_revert(memory, &(membus_reverting){.revision_count = 1}, &call));
    EXPECT(MEMBUS_INVALID_NAME, membus_merge(memory, &(membus_merging){.source = MEMBUS_TEXT("a//b")}, &call));
    EXPECT(MEMBUS_OK, membus_revert(memory, &(membus_reverting){.since = 1}, &call));
    EXPECT(MEMBUS_INVALID_ARGUMENT, done(call, NULL));
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_merge(memory, &(membus_merging){.source = trial}, &call));
    EXPECT(MEMBUS_UNKNOWN_BRANCH, done(call, NULL));
    membus_free(call);
    /* Both sides of what is to be decided, and by whom. */
    EXPECT(MEMBUS_OK, membus_fork(memory, &(membus_forking){.name = trial}, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    int64_t forked_at = answer->token.revision - 1;
    membus_free(call);
    put_on(memory, trial, "theirs");
    put_on(memory, (membus_text){0}, "ours");
    EXPECT(MEMBUS_OK, membus_merge(memory, &(membus_merging){.source = trial}, &call));
    EXPECT(MEMBUS_UNSETTLED, done(call, &answer));
    membus_object kept;
    const membus_error *error = membus_keep_error(&kept);
    EXPECT(1, (int)error->unsettled_count);
    EXPECT(0, (int)(error->unlisted_count + error->conflict_count));
    const membus_unsettled *unsettled = error->unsettled;
    EXPECT(MEMBUS_BOTH_CHANGED, unsettled->kind);
    EXPECT(0, strcmp("ours", unsettled->ours.record.value.data));
    EXPECT(0, strcmp("theirs", unsettled->theirs.record.value.data));
    EXPECT(0, strcmp("value", unsettled->base.record.value.data));
    EXPECT(0, strcmp("trial", unsettled->theirs.commit.branch.data));
    EXPECT(0, strcmp("c", unsettled->theirs.commit.agent.data));
    /* Decided by what a put would put. */
    membus_change put = {.value = MEMBUS_TEXT("both"), .kind = MEMBUS_TEXT("note")};
    decided = (membus_resolution){
        .key = unsettled->key, .ours = unsettled->ours.record.revision, .theirs = unsettled->theirs.record.revision,
        .choice = MEMBUS_REPLACE, .put = &put};
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_merge(memory, &merging, &call));
    membus_free(kept);
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(MEMBUS_COMMITTED, answer->outcome);
    if (!answer->merged || answer->merged->written != 1 || answer->merged->settled != 1) exit(4);
    int64_t merged_at = answer->token.revision;
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_merge(memory, &(membus_merging){.source = trial}, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(MEMBUS_HELD, answer->outcome);
    if (answer->merged) exit(5);
    membus_free(call);
    /* Taken back. */
    EXPECT(MEMBUS_OK, membus_revert(
        memory, &(membus_reverting){.revisions = &merged_at, .revision_count = 1}, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(MEMBUS_COMMITTED, answer->outcome);
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_rollback(memory, &(membus_rolling_back){.revision = forked_at}, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(MEMBUS_COMMITTED, answer->outcome);
    membus_free(call);
    EXPECT(MEMBUS_OK, membus_get(memory, &KEY, 1, NULL, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    EXPECT(0, strcmp("value", answer->records[0].value.data));
    membus_free(call);
}

static int committed(membus_transaction tx)
{
    membus_call call;
    EXPECT(MEMBUS_OK, membus_transaction_commit(tx, &call));
    int code = done(call, NULL);
    membus_free(call);
    membus_free(tx);
    return code;
}

static void vectors(membus_memory memory)
{
    const membus_text key = MEMBUS_TEXT("v/1"), space = MEMBUS_TEXT("mine");
    const float east[] = {0, 0, 1, 0}, none[] = {0, 0};
    const membus_answer *answer;
    membus_transaction tx;
    membus_call call;
    EXPECT(MEMBUS_BAD_HANDLE, membus_transaction_vectors(memory, key, space, east, 2, 1));
    EXPECT(MEMBUS_OK, membus_transaction_begin(memory, NULL, &tx));
    EXPECT(MEMBUS_OK, membus_transaction_change(tx, &(membus_change){.key = key, .value = MEMBUS_TEXT("x")}));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_transaction_vectors(tx, key, space, NULL, 2, 1));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_transaction_vectors(tx, key, space, east, 0, 1));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_transaction_vectors(tx, key, space, east, 2, 0));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_transaction_vectors(tx, key, space, east, SIZE_MAX, 1));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_transaction_vectors(tx, key, space, east, 2, SIZE_MAX / 2));
    EXPECT(MEMBUS_BAD_ARGUMENT, membus_transaction_vectors(tx, key, (membus_text){"\xff", 1}, east, 2, 1));
    /* Those of the same space are replaced. */
    EXPECT(MEMBUS_OK, membus_transaction_vectors(tx, key, space, none, 2, 1));
    EXPECT(MEMBUS_OK, membus_transaction_vectors(tx, key, space, east + 2, 2, 1));
    EXPECT(MEMBUS_OK, committed(tx));
    EXPECT(MEMBUS_OK, membus_ask(memory, MEMBUS_TEXT("{\"search\": {\"space\": \"mine\", \"vector\": [2, 0]}}"), 0, &call));
    EXPECT(MEMBUS_OK, done(call, &answer));
    if (!strstr(answer->text.data, "v/1") || !strstr(answer->text.data, "\"cosine\":1")) exit(6);
    membus_free(call);
    /* Of nothing that is put, and what has no direction. */
    EXPECT(MEMBUS_OK, membus_transaction_begin(memory, NULL, &tx));
    EXPECT(MEMBUS_OK, membus_transaction_vectors(tx, key, space, east, 2, 1));
    EXPECT(MEMBUS_INVALID_ARGUMENT, committed(tx));
    EXPECT(MEMBUS_OK, membus_transaction_begin(memory, NULL, &tx));
    EXPECT(MEMBUS_OK, membus_transaction_change(tx, &(membus_change){.key = key, .value = MEMBUS_TEXT("y")}));
    EXPECT(MEMBUS_OK, membus_transaction_vectors(tx, key, space, east, 2, 2));
    EXPECT(MEMBUS_INVALID_ARGUMENT, committed(tx));
    const char *wrong[] = {"{\"space\": \"mine\"}", "{\"vector\": [1]}", "{\"space\": \"mine\", \"vector\": [\"1\"]}",
                           "{\"space\": \"mine\", \"vector\": [1e99]}", "{\"space\": 5, \"vector\": [1]}", "{}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[200];
        int size = snprintf(text, sizeof text, "{\"search\": %s}", wrong[i]);
        int code = membus_ask(memory, (membus_text){text, (size_t)size}, 0, &call);
        EXPECT(MEMBUS_BAD_ARGUMENT, code ? code : done(call, NULL));
        if (!code) membus_free(call);
    }
}

static void *race(void *place)
{
    membus_view view = *(membus_view *)place;
    membus_version version;
    int code;
    while (!(code = membus_view_version(view, KEY, &version))) {}
    EXPECT(MEMBUS_BAD_HANDLE, code == MEMBUS_CLOSED ? MEMBUS_BAD_HANDLE : code);
    return NULL;
}

static void races(membus_memory memory)
{
    for (int i = 0; i < 50; i++) {
        membus_view view = follow(memory);
        pthread_t threads[4];
        for (int t = 0; t < 4; t++) pthread_create(&threads[t], NULL, race, &view);
        usleep(1000);
        membus_free(view);
        for (int t = 0; t < 4; t++) pthread_join(threads[t], NULL);
    }
}

static void forked(membus_memory memory, membus_view view, const char *broker)
{
    pid_t child = fork();
    if (child == 0) {
        membus_version version;
        membus_call call;
        EXPECT(MEMBUS_FORKED, membus_view_version(view, KEY, &version));
        EXPECT(MEMBUS_FORKED, membus_get(memory, &KEY, 1, NULL, &call));
        membus_free(view);
        membus_memory own = connect_to(broker);
        put(own, "child");
        EXPECT(MEMBUS_OK, membus_view_version(follow(own), KEY, &version));
        exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    EXPECT(0, status);
    membus_version version;
    EXPECT(MEMBUS_OK, membus_view_version(view, KEY, &version));
}

int main(int count, char **arguments)
{
    (void)count, (void)line;
    membus_memory memory = connect_to(arguments[1]);
    put(memory, "value");
    membus_view view = follow(memory);
    numbers(memory, view);
    freed(memory);
    branches(memory);
    merges(memory);
    vectors(memory);
    races(memory);
    forked(memory, view, arguments[1]);
    membus_call call;
    EXPECT(MEMBUS_OK, membus_close(memory, &call));
    EXPECT(MEMBUS_OK, membus_wait(call, MEMBUS_FOREVER, NULL));
    EXPECT(MEMBUS_CLOSED, membus_get(memory, &KEY, 1, NULL, &call) ? MEMBUS_CLOSED : membus_wait(call, -1, NULL));
    EXPECT(MEMBUS_CLOSED, membus_view_version(view, KEY, &(membus_version){0}));
    puts("fine");
    return 0;
}
