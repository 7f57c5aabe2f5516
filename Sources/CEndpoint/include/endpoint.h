#ifndef MEMBUS_ENDPOINT_H
#define MEMBUS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One POST after the other, by the system's libcurl. It is opened when the first is made: nothing links it, and who has no
// endpoint needs none.

/// Keeps connections open from one call to the next, and what the last one brought. For one thread at a time.
typedef struct membus_post membus_post;

typedef struct {
    const char *url;
    /// Whole lines, `Name: value`.
    const char *const *headers;
    size_t header_count;
    const void *body;
    size_t size;
    /// Of the whole call, and of its connection's making.
    int64_t timeout_ms;
    int64_t connect_timeout_ms;
    /// An answer of more bytes is not taken.
    size_t most;
    /// Asked ten times a second and more: whether to end the call.
    bool (*cancelled)(void *context);
    void *context;
} membus_post_request;

typedef enum {
    membus_post_answered,
    membus_post_cancelled,
    membus_post_timed_out,
    membus_post_too_large,
    /// The server's certificate is not trusted.
    membus_post_untrusted,
    /// There was no connection, or it broke.
    membus_post_broken,
} membus_post_outcome;

/// Opens libcurl, once in a process. NULL: it is there; otherwise why it is not.
const char *membus_post_unusable(void);

/// NULL: libcurl is not there, or there is no memory.
membus_post *membus_post_open(void);
void membus_post_close(membus_post *post);

/// No redirect is followed, no other protocol than HTTP spoken, no signal raised. Proxies are those of the environment, and so is
/// whom to trust, if SSL_CERT_FILE says so.
membus_post_outcome membus_post_send(membus_post *post, const membus_post_request *request);

// What the last call brought; theirs until the next one, or `membus_post_forget`.

/// 0: no answer began.
long membus_post_status(const membus_post *post);
const void *membus_post_body(const membus_post *post, size_t *size);
/// The headers Retry-After and Location; "": there is none.
const char *membus_post_retry_after(const membus_post *post);
const char *membus_post_location(const membus_post *post);
/// In libcurl's words, what went wrong.
const char *membus_post_error(const membus_post *post);
/// Frees the body.
void membus_post_forget(membus_post *post);

#endif
