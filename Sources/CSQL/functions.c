// SQLite looks for one text in another by comparing them at every place, and ends for nothing meanwhile: `instr`, `replace`
// and `trim` of values of some megabytes would take an hour. These give the same in time that grows with the lengths alone.

#define _GNU_SOURCE
#include "csql.h"

#include <string.h>

static int is_null(int count, sqlite3_value **values) {
    for (int index = 0; index < count; index++)
        if (sqlite3_value_type(values[index]) == SQLITE_NULL) return 1;
    return 0;
}

/// Blobs by their bytes, all else by its characters, as SQLite does; a mixture counts as text.
static void instr(sqlite3_context *context, int count, sqlite3_value **values) {
    if (is_null(count, values)) return;
    int is_blob = sqlite3_value_type(values[0]) == SQLITE_BLOB && sqlite3_value_type(values[1]) == SQLITE_BLOB;
    const uint8_t *text = is_blob ? sqlite3_value_blob(values[0]) : sqlite3_value_text(values[0]);
    const uint8_t *part = is_blob ? sqlite3_value_blob(values[1]) : sqlite3_value_text(values[1]);
    size_t text_count = (size_t)sqlite3_value_bytes(values[0]), part_count = (size_t)sqlite3_value_bytes(values[1]);
    if (part_count == 0) {
        sqlite3_result_int(context, 1);
        return;
    }
    if (!text || !part) {
        if (text_count) sqlite3_result_error_nomem(context);
        else sqlite3_result_int(context, 0);
        return;
    }
    const uint8_t *found = memmem(text, text_count, part, part_count);
    sqlite3_int64 place = found ? 1 : 0;
    if (found && is_blob) place = found - text + 1;
    if (found && !is_blob)
        for (const uint8_t *at = text; at < found; at++) place += (*at & 0xC0) != 0x80;
    sqlite3_result_int64(context, place);
}

static void replace(sqlite3_context *context, int count, sqlite3_value **values) {
    if (is_null(count, values)) return;
    const uint8_t *text = sqlite3_value_text(values[0]), *part = sqlite3_value_text(values[1]);
    const uint8_t *other = sqlite3_value_text(values[2]);
    size_t text_count = (size_t)sqlite3_value_bytes(values[0]), part_count = (size_t)sqlite3_value_bytes(values[1]);
    size_t other_count = (size_t)sqlite3_value_bytes(values[2]);
    if (!text || !part || !other) {
        sqlite3_result_error_nomem(context);
        return;
    }
    // As SQLite does: what begins with a NUL is looked for in vain.
    if (part_count == 0 || part[0] == 0) {
        sqlite3_result_value(context, values[0]);
        return;
    }
    sqlite3_str *result = sqlite3_str_new(sqlite3_context_db_handle(context));
    const uint8_t *at = text, *end = text + text_count, *found;
    while (at < end && (found = memmem(at, (size_t)(end - at), part, part_count))) {
        sqlite3_str_append(result, (const char *)at, (int)(found - at));
        sqlite3_str_append(result, (const char *)other, (int)other_count);
        at = found + part_count;
    }
    sqlite3_str_append(result, (const char *)at, (int)(end - at));
    int code = sqlite3_str_errcode(result), length = sqlite3_str_length(result);
    char *bytes = sqlite3_str_finish(result);
    if (code == SQLITE_TOOBIG) sqlite3_result_error_toobig(context);
    else if (code != SQLITE_OK) sqlite3_result_error_nomem(context);
    else if (!bytes) sqlite3_result_text(context, "", 0, SQLITE_STATIC);
    else {
        sqlite3_result_text64(context, bytes, (sqlite3_uint64)length, sqlite3_free, SQLITE_UTF8);
        return;
    }
    sqlite3_free(bytes);
}

enum { FROM_START = 1, FROM_END = 2, MOST_TRIMMED = 256 };

static int character(const uint8_t *bytes, const uint8_t *end) {
    int count = 1;
    while (bytes + count < end && (bytes[count] & 0xC0) == 0x80) count++;
    return count;
}

/// How many bytes of the set's character stand at the start, or the end, of what is left; 0: none does.
static int trimmed(const uint8_t *from, const uint8_t *to, const uint8_t *set, const uint8_t *set_end, int at_end) {
    while (set < set_end) {
        int count = character(set, set_end);
        if (to - from >= count && memcmp(at_end ? to - count : from, set, (size_t)count) == 0) return count;
        set += count;
    }
    return 0;
}

static void trim(sqlite3_context *context, int count, sqlite3_value **values) {
    if (is_null(count, values)) return;
    int sides = (int)(intptr_t)sqlite3_user_data(context);
    const uint8_t *from = sqlite3_value_text(values[0]);
    const uint8_t *to = from + sqlite3_value_bytes(values[0]);
    const uint8_t *set = count == 2 ? sqlite3_value_text(values[1]) : (const uint8_t *)" ";
    if (!from || !set) {
        sqlite3_result_error_nomem(context);
        return;
    }
    // As SQLite does: what follows a NUL does not count.
    const uint8_t *set_end = set + strlen((const char *)set);
    if (set_end - set > MOST_TRIMMED) {
        sqlite3_result_error(context, "trim() takes at most 256 bytes of characters to remove", -1);
        return;
    }
    int step;
    if (sides & FROM_START)
        while (from < to && (step = trimmed(from, to, set, set_end, 0))) from += step;
    if (sides & FROM_END)
        while (from < to && (step = trimmed(from, to, set, set_end, 1))) to -= step;
    membus_result_text(context, from, (size_t)(to - from));
}

int membus_sql_functions(sqlite3 *db) {
    const struct {
        const char *name;
        int arguments;
        intptr_t data;
        void (*function)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"instr", 2, 0, instr},          {"replace", 3, 0, replace},      {"trim", 1, FROM_START | FROM_END, trim},
        {"trim", 2, FROM_START | FROM_END, trim}, {"ltrim", 1, FROM_START, trim}, {"ltrim", 2, FROM_START, trim},
        {"rtrim", 1, FROM_END, trim},    {"rtrim", 2, FROM_END, trim},
    };
    for (size_t index = 0; index < sizeof functions / sizeof functions[0]; index++) {
        int code = sqlite3_create_function_v2(
            db, functions[index].name, functions[index].arguments,
            SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, (void *)functions[index].data,
            functions[index].function, NULL, NULL, NULL);
        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}
