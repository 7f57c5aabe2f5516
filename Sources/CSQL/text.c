#include "csql.h"

#include <string.h>

int membus_is_utf8(const void *bytes, size_t count) {
    const uint8_t *at = bytes, *end = at + count;
    while (at < end) {
        uint64_t word;
        if (end - at >= 8 && (memcpy(&word, at, 8), !(word & 0x8080808080808080))) {
            at += 8;
            continue;
        }
        uint8_t first = *at;
        if (first < 0x80) {
            at++;
            continue;
        }
        int more = 0;
        if (first >= 0xC2 && first < 0xE0) more = 1;
        if (first >= 0xE0 && first < 0xF0) more = 2;
        if (first >= 0xF0 && first < 0xF5) more = 3;
        if (!more || end - at <= more) return 0;
        for (int index = 1; index <= more; index++)
            if ((at[index] & 0xC0) != 0x80) return 0;
        // No longer forms than need be, no surrogates, nothing beyond the last.
        if ((first == 0xE0 && at[1] < 0xA0) || (first == 0xED && at[1] >= 0xA0) ||
            (first == 0xF0 && at[1] < 0x90) || (first == 0xF4 && at[1] >= 0x90))
            return 0;
        at += 1 + more;
    }
    return 1;
}
