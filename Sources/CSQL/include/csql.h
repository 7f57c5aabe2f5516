#ifndef MEMBUS_SQL_H
#define MEMBUS_SQL_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

// What Swift cannot say to SQLite, or says too slowly.

/// A virtual table and a cursor as SQLite holds them: its own part first, then whose they are.
typedef struct membus_table {
    sqlite3_vtab base;
    void *owner;
} membus_table;

typedef struct membus_cursor {
    sqlite3_vtab_cursor base;
    void *owner;
} membus_cursor;

// Variadic in SQLite.

int membus_sql_harmless(sqlite3 *db);
/// Nothing is loaded, and nothing that a schema says is trusted.
int membus_sql_harden(sqlite3 *db);

/// What a query's temporary files take. It belongs to the thread that runs the query.
typedef struct membus_temporary {
    int64_t used;
    int64_t limit;
    int is_over;
} membus_temporary;

/// The file system of queries: it opens nothing but temporary files, and counts their bytes.
/// Returns its name; NULL if SQLite takes no further one.
const char *membus_sql_files(void);
/// Temporary files that this thread opens count here from now on; NULL: it opens none.
void membus_sql_count(membus_temporary *temporary);

/// A set of keys, told apart by a hash of 128 bits under a secret of the set's own.
typedef struct membus_keys membus_keys;
/// NULL: there is no memory.
membus_keys *membus_keys_make(uint64_t secret, uint64_t other);
void membus_keys_free(membus_keys *keys);
/// 1: it is new; 0: it was there; -1: there is no memory.
int membus_keys_add(membus_keys *keys, const void *bytes, size_t count);

/// Has a connection know `membus_unseen(set, key)`: whether a key is new to a set that is bound by
/// ``membus_keys_bind``, which it belongs to afterwards.
int membus_keys_install(sqlite3 *db);
int membus_keys_bind(sqlite3_stmt *statement, int column, membus_keys *keys);

/// Functions of SQLite's that may take hours for one call, which no limit of time ends: replaced by linear ones.
int membus_sql_functions(sqlite3 *db);

/// Whether bytes are UTF-8.
int membus_is_utf8(const void *bytes, size_t count);

// SQLITE_TRANSIENT is a cast that Swift does not import. SQLite takes a copy.

void membus_result_text(sqlite3_context *context, const void *bytes, size_t count);
void membus_result_blob(sqlite3_context *context, const void *bytes, size_t count);
int membus_bind_text(sqlite3_stmt *statement, int column, const void *bytes, size_t count);

/// A copy that SQLite frees.
char *membus_sql_copy(const char *text);

#endif
