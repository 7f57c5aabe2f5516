/* Two agents share a plan, in C.
 *
 *     cc -std=c11 -ISources/Door/C/include Sources/Examples/c/team.c -L DIRECTORY -lmembus -o team
 *     ./team tcp://127.0.0.1:7401
 */
#include <membus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static membus_text text(const char *words) { return (membus_text){words, strlen(words)}; }

static _Noreturn void fail(const char *what)
{
    const membus_error *error = membus_last_error();
    fprintf(stderr, "%s: %s; %s\n", what, error->message.data, error->hint.data);
    exit(1);
}

/* What a call came to. Free it. */
static const membus_answer *answer_of(const char *what, int code, membus_call call)
{
    const membus_answer *answer;
    if (code || membus_wait(call, MEMBUS_FOREVER, &answer)) fail(what);
    return answer;
}

static membus_memory connect_as(const char *broker, const char *agent)
{
    membus_call call;
    int code = membus_connect(&(membus_connection){.broker = text(broker), .agent = text(agent)}, &call);
    membus_memory memory = answer_of("connecting", code, call)->object;
    membus_free(call);
    return memory;
}

/* Puts a plan if it is still at the revision; -> the revision of the commit, 0 after a conflict. */
static int64_t put(membus_memory memory, const char *plan, int64_t at)
{
    membus_transaction tx;
    membus_call call;
    const membus_answer *answer;
    if (membus_transaction_begin(memory, &(membus_transacting){.message = MEMBUS_TEXT("plan")}, &tx)) fail("beginning");
    membus_transaction_require(tx, &(membus_precondition){MEMBUS_AT, MEMBUS_TEXT("plans/paris"), at});
    membus_transaction_change(tx, &(membus_change){
        .action = MEMBUS_PUT, .key = MEMBUS_TEXT("plans/paris"), .value = text(plan)});
    if (membus_transaction_commit(tx, &call)) fail("committing");
    int code = membus_wait(call, MEMBUS_FOREVER, &answer);
    int64_t revision = code ? 0 : answer->token.revision;
    if (code == MEMBUS_CONFLICT) {
        const membus_record *now = &membus_last_error()->conflicts[0].current;
        printf("conflict: %s is at revision %lld: %s\n", now->key.data, (long long)now->revision, now->value.data);
    } else if (code) fail("committing");
    membus_free(call);
    membus_free(tx);
    return revision;
}

int main(int count, char **arguments)
{
    const char *broker = count > 1 ? arguments[1] : "";
    membus_memory planner = connect_as(broker, "planner"), critic = connect_as(broker, "critic");
    membus_text topic = MEMBUS_TEXT("plans/");
    membus_call call;
    int code = membus_follow(critic, &(membus_following){.topics = &topic, .topic_count = 1}, &call);
    membus_view plans = answer_of("following", code, call)->object;
    membus_free(call);

    int64_t first = put(planner, "night train", 0);
    put(planner, "morning flight", first);
    put(critic, "hostel", first); /* is refused, with what is there now */

    /* At least what the planner wrote, from the critic's own cache. */
    membus_freshness fresh = {.sort = MEMBUS_LINEARIZABLE};
    code = membus_view_await(plans, &fresh, 0, &call);
    answer_of("waiting", code, call);
    membus_free(call);
    char value[64];
    membus_version version;
    if (membus_view_copy(plans, MEMBUS_TEXT("plans/paris"), value, sizeof value, &version)) fail("reading");
    printf("%.*s\n", (int)version.size, value);

    /* Every change, by an event loop's means. */
    membus_watch watch;
    if (membus_watch_begin(critic, &(membus_watching){.topics = &topic, .topic_count = 1}, &watch)
        || membus_watch_next(watch, 0, &call))
        fail("watching");
    struct pollfd ready = {.events = POLLIN};
    if (membus_call_descriptor(call, &ready.fd) || poll(&ready, 1, 10000) != 1) fail("polling");
    const membus_answer *changes = answer_of("watching", 0, call);
    for (size_t i = 0; i < changes->record_count; i++)
        printf("%lld  %s  %s\n", (long long)changes->records[i].revision, changes->records[i].key.data,
               changes->records[i].value.data);
    return 0; /* A process may end without closing anything. */
}
