#include "csql.h"

#include <string.h>

int membus_sql_harmless(sqlite3 *db) { return sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS); }

int membus_sql_harden(sqlite3 *db) {
    const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},             {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        // "name" in double quotes that is no column is an error, and no text.
        {SQLITE_DBCONFIG_DQS_DML, 0},
    };
    for (size_t index = 0; index < sizeof options / sizeof options[0]; index++) {
        int code = sqlite3_db_config(db, options[index].option, options[index].value, NULL);
        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}

void membus_result_text(sqlite3_context *context, const void *bytes, size_t count) {
    sqlite3_result_text64(context, count ? bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

void membus_result_blob(sqlite3_context *context, const void *bytes, size_t count) {
    if (count) sqlite3_result_blob64(context, bytes, count, SQLITE_TRANSIENT);
    else sqlite3_result_zeroblob(context, 0);
}

int membus_bind_text(sqlite3_stmt *statement, int column, const void *bytes, size_t count) {
    return sqlite3_bind_text64(statement, column, count ? bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

char *membus_sql_copy(const char *text) {
    size_t count = strlen(text) + 1;
    char *copy = sqlite3_malloc64(count);
    if (copy) memcpy(copy, text, count);
    return copy;
}
