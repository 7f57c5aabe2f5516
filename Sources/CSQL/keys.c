// Which keys a scan has met. A key is told by SipHash-1-3 in its form of 128 bits, under a secret that nobody can know:
// that two of a million keys meet has a chance of one in 10²⁶. So a key takes 16 to 32 bytes, whatever its length.
// (Aumasson and Bernstein, "SipHash: a fast short-input PRF".)
//
// Memory comes from SQLite, so that what limits a query counts it.

#include "csql.h"

#include <string.h>

typedef struct {
    uint64_t low, high;
} hash;

struct membus_keys {
    uint64_t secret, other;
    size_t count, size;
    /// {0, 0} is free.
    hash *places;
};

enum { FIRST_SIZE = 1024 };
static const char *const kind = "membus-keys";

membus_keys *membus_keys_make(uint64_t secret, uint64_t other) {
    membus_keys *keys = sqlite3_malloc64(sizeof *keys);
    if (!keys) return NULL;
    *keys = (membus_keys){.secret = secret, .other = other, .size = FIRST_SIZE};
    keys->places = sqlite3_malloc64(FIRST_SIZE * sizeof(hash));
    if (!keys->places) {
        sqlite3_free(keys);
        return NULL;
    }
    memset(keys->places, 0, FIRST_SIZE * sizeof(hash));
    return keys;
}

void membus_keys_free(membus_keys *keys) {
    if (!keys) return;
    sqlite3_free(keys->places);
    sqlite3_free(keys);
}

static uint64_t rotated(uint64_t word, int by) { return word << by | word >> (64 - by); }

static void round_of(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[2] = rotated(v[2], 32);
}

static hash hash_of(const membus_keys *keys, const uint8_t *bytes, size_t count) {
    uint64_t v[4] = {
        keys->secret ^ 0x736f6d6570736575, keys->other ^ 0x646f72616e646f6d ^ 0xee,
        keys->secret ^ 0x6c7967656e657261, keys->other ^ 0x7465646279746573};
    uint64_t word, last = (uint64_t)count << 56;
    size_t left = count;
    for (; left >= 8; left -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        v[3] ^= word;
        round_of(v);
        v[0] ^= word;
    }
    for (size_t index = 0; index < left; index++) last |= (uint64_t)bytes[index] << (8 * index);
    v[3] ^= last;
    round_of(v);
    v[0] ^= last;
    v[2] ^= 0xee;
    for (int index = 0; index < 3; index++) round_of(v);
    hash found = {.low = v[0] ^ v[1] ^ v[2] ^ v[3]};
    v[1] ^= 0xdd;
    for (int index = 0; index < 3; index++) round_of(v);
    found.high = v[0] ^ v[1] ^ v[2] ^ v[3];
    if (!(found.low | found.high)) found.low = 1;
    return found;
}

static hash *place_of(hash *places, size_t size, hash key) {
    size_t place = key.low & (size - 1);
    while ((places[place].low | places[place].high) &&
           (places[place].low != key.low || places[place].high != key.high))
        place = (place + 1) & (size - 1);
    return places + place;
}

static int grow(membus_keys *keys) {
    size_t size = 2 * keys->size;
    hash *places = sqlite3_malloc64(size * sizeof(hash));
    if (!places) return -1;
    memset(places, 0, size * sizeof(hash));
    for (size_t index = 0; index < keys->size; index++) {
        hash key = keys->places[index];
        if (key.low | key.high) *place_of(places, size, key) = key;
    }
    sqlite3_free(keys->places);
    keys->places = places;
    keys->size = size;
    return 0;
}

int membus_keys_add(membus_keys *keys, const void *bytes, size_t count) {
    hash key = hash_of(keys, bytes, count);
    hash *place = place_of(keys->places, keys->size, key);
    if (place->low | place->high) return 0;
    *place = key;
    // Full to four fifths at most.
    if (5 * ++keys->count > 4 * keys->size && grow(keys) != 0) return -1;
    return 1;
}

static void unseen(sqlite3_context *context, int count, sqlite3_value **values) {
    membus_keys *keys = sqlite3_value_pointer(values[0], kind);
    if (!keys) {
        sqlite3_result_error(context, "no set of keys is bound", -1);
        return;
    }
    const void *bytes = sqlite3_value_blob(values[1]);
    int added = membus_keys_add(keys, bytes, (size_t)sqlite3_value_bytes(values[1]));
    if (added < 0) sqlite3_result_error_nomem(context);
    else sqlite3_result_int(context, added);
}

int membus_keys_install(sqlite3 *db) {
    // To say it again would have SQLite prepare every statement of the connection anew.
    sqlite3_stmt *known = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT membus_unseen(NULL, NULL)", -1, &known, NULL);
    sqlite3_finalize(known);
    if (code == SQLITE_OK) return code;
    return sqlite3_create_function_v2(
        db, "membus_unseen", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, unseen, NULL, NULL, NULL);
}

static void let_go(void *keys) { membus_keys_free(keys); }

int membus_keys_bind(sqlite3_stmt *statement, int column, membus_keys *keys) {
    return sqlite3_bind_pointer(statement, column, keys, kind, let_go);
}
