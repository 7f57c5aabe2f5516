// A call: its options are set, it is driven until it ends or nobody wants it any more, and what it brought is kept.
//
//   - Every byte of the answer is counted: beyond the bound the call ends.
//   - Headers count of the last answer alone: a proxy's own, and an interim 100, come before it.
//   - While libcurl runs, this thread takes no SIGPIPE: a server that closes early would end the process otherwise.

#include "endpoint.h"
#include "libcurl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct membus_post {
    const libcurl *curl;
    curl_handle *handle;
    curl_multi *multi;
    long status;
    char *body;
    size_t size;
    size_t capacity;
    size_t most;
    bool is_too_large;
    char retry_after[128];
    char location[512];
    char error[CURL_ERROR_SIZE];
};

/// How long a cancellation may wait to be seen.
static const int glance_ms = 100;

const char *membus_post_unusable(void) {
    const char *why;
    return membus_libcurl(&why) != NULL ? NULL : why;
}

// MARK: What comes in

static size_t take_body(char *bytes, size_t one, size_t count, void *context) {
    membus_post *post = context;
    count *= one;
    if (count > post->most - post->size) {
        post->is_too_large = true;
        return 0;
    }
    if (post->size + count > post->capacity) {
        size_t capacity = post->capacity * 2 > post->size + count ? post->capacity * 2 : post->size + count;
        char *grown = realloc(post->body, capacity);
        if (grown == NULL) return 0;
        post->body = grown;
        post->capacity = capacity;
    }
    memcpy(post->body + post->size, bytes, count);
    post->size += count;
    return count;
}

/// The value of a header, if it has this name. One that has no room is none.
static void keep(const char *line, size_t count, const char *name, char *value, size_t room) {
    size_t length = strlen(name);
    if (count <= length || strncasecmp(line, name, length) != 0) return;
    line += length;
    count -= length;
    while (count > 0 && (*line == ' ' || *line == '\t')) line++, count--;
    while (count > 0 && strchr(" \t\r\n", line[count - 1]) != NULL) count--;
    if (count >= room) count = 0;
    memcpy(value, line, count);
    value[count] = 0;
}

static size_t take_header(char *line, size_t one, size_t count, void *context) {
    membus_post *post = context;
    count *= one;
    if (count >= 5 && memcmp(line, "HTTP/", 5) == 0) post->retry_after[0] = post->location[0] = 0;
    keep(line, count, "retry-after:", post->retry_after, sizeof post->retry_after);
    keep(line, count, "location:", post->location, sizeof post->location);
    return count;
}

// MARK: A call

static int prepare(membus_post *post, const membus_post_request *request, const curl_list *headers) {
    const libcurl *curl = post->curl;
    const struct {
        int option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_NOPROGRESS, 1},
        {CURLOPT_POST, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_PROTOCOLS, CURLPROTO_HTTP_AND_HTTPS},
        {CURLOPT_TIMEOUT_MS, (long)request->timeout_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms},
    };
    const struct {
        int option;
        const void *value;
    } pointers[] = {
        {CURLOPT_URL, request->url},
        {CURLOPT_HTTPHEADER, headers},
        {CURLOPT_POSTFIELDS, request->body},
        {CURLOPT_ERRORBUFFER, post->error},
        {CURLOPT_WRITEDATA, post},
        {CURLOPT_HEADERDATA, post},
        {CURLOPT_WRITEFUNCTION, (const void *)take_body},
        {CURLOPT_HEADERFUNCTION, (const void *)take_header},
    };
    int code = CURLE_OK;
    for (size_t index = 0; code == CURLE_OK && index < sizeof numbers / sizeof *numbers; index++)
        code = curl->easy_setopt(post->handle, numbers[index].option, numbers[index].value);
    for (size_t index = 0; code == CURLE_OK && index < sizeof pointers / sizeof *pointers; index++)
        code = curl->easy_setopt(post->handle, pointers[index].option, pointers[index].value);
    if (code == CURLE_OK)
        code = curl->easy_setopt(post->handle, CURLOPT_POSTFIELDSIZE_LARGE, (int64_t)request->size);
    // Where a machine trusts others than Debian does, as OpenSSL has it; libcurl itself does not look.
    const char *trusted = getenv("SSL_CERT_FILE");
    if (code == CURLE_OK && trusted != NULL && trusted[0] != 0)
        code = curl->easy_setopt(post->handle, CURLOPT_CAINFO, trusted);
    // A look-up of a name that hangs is left behind. Older libraries do not know it, and wait.
    curl->easy_setopt(post->handle, CURLOPT_QUICK_EXIT, 1L);
    return code;
}

static void explain(membus_post *post, const char *words) {
    if (post->error[0] == 0) strncpy(post->error, words, sizeof post->error - 1);
}

static membus_post_outcome outcome(membus_post *post, int code) {
    post->curl->easy_getinfo(post->handle, CURLINFO_RESPONSE_CODE, &post->status);
    if (code == CURLE_OK) return membus_post_answered;
    explain(post, post->curl->easy_strerror(code));
    if (post->is_too_large) return membus_post_too_large;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return membus_post_timed_out;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return membus_post_untrusted;
    default: return membus_post_broken;
    }
}

/// - Returns: once the transfer has ended, or should.
static membus_post_outcome drive(membus_post *post, const membus_post_request *request) {
    const libcurl *curl = post->curl;
    for (int running = 1;;) {
        if (request->cancelled != NULL && request->cancelled(request->context)) return membus_post_cancelled;
        int code = curl->multi_perform(post->multi, &running);
        if (code == CURLE_OK && running == 0) break;
        if (code == CURLE_OK) code = curl->multi_poll(post->multi, NULL, 0, glance_ms, NULL);
        if (code != CURLE_OK) {
            explain(post, curl->multi_strerror(code));
            return membus_post_broken;
        }
    }
    int left, code = CURLE_OUT_OF_MEMORY;
    for (curl_message *message; (message = curl->multi_info_read(post->multi, &left)) != NULL;)
        if (message->message == CURLMSG_DONE) code = message->data.result;
    return outcome(post, code);
}

static membus_post_outcome send_with(membus_post *post, const membus_post_request *request, const curl_list *headers) {
    int code = prepare(post, request, headers);
    if (code != CURLE_OK) return outcome(post, code);
    code = post->curl->multi_add_handle(post->multi, post->handle);
    if (code != CURLE_OK) {
        explain(post, post->curl->multi_strerror(code));
        return membus_post_broken;
    }
    membus_post_outcome end = drive(post, request);
    post->curl->multi_remove_handle(post->multi, post->handle);
    return end;
}

membus_post_outcome membus_post_send(membus_post *post, const membus_post_request *request) {
    membus_post_forget(post);
    post->status = 0;
    post->most = request->most;
    post->is_too_large = false;
    post->retry_after[0] = post->location[0] = post->error[0] = 0;

    curl_list *headers = NULL;
    for (size_t index = 0; index < request->header_count; index++) {
        curl_list *longer = post->curl->slist_append(headers, request->headers[index]);
        if (longer == NULL) {
            post->curl->slist_free_all(headers);
            return outcome(post, CURLE_OUT_OF_MEMORY);
        }
        headers = longer;
    }

    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    membus_post_outcome end = send_with(post, request, headers);
    // One that came meanwhile is libcurl's.
    const struct timespec now = {0, 0};
    if (!was_pending) sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    post->curl->slist_free_all(headers);
    return end;
}

// MARK: Its life, and what it brought

membus_post *membus_post_open(void) {
    const char *why;
    const libcurl *curl = membus_libcurl(&why);
    membus_post *post = curl != NULL ? calloc(1, sizeof *post) : NULL;
    if (post == NULL) return NULL;
    post->curl = curl;
    post->handle = curl->easy_init();
    post->multi = curl->multi_init();
    if (post->handle != NULL && post->multi != NULL) return post;
    membus_post_close(post);
    return NULL;
}

void membus_post_close(membus_post *post) {
    membus_post_forget(post);
    if (post->handle != NULL) post->curl->easy_cleanup(post->handle);
    if (post->multi != NULL) post->curl->multi_cleanup(post->multi);
    free(post);
}

long membus_post_status(const membus_post *post) { return post->status; }
const char *membus_post_retry_after(const membus_post *post) { return post->retry_after; }
const char *membus_post_location(const membus_post *post) { return post->location; }
const char *membus_post_error(const membus_post *post) { return post->error; }

const void *membus_post_body(const membus_post *post, size_t *size) {
    *size = post->size;
    return post->body;
}

void membus_post_forget(membus_post *post) {
    free(post->body);
    post->body = NULL;
    post->size = post->capacity = 0;
}
