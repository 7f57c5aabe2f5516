// The file system of queries: the system's own, for temporary files alone.
//
//   - A file with a name is refused: a query opens none, whatever it says.
//   - Each temporary file counts where the thread says that opened it, from then on. What would go beyond the limit is
//     refused as on a full disk.
//
// SQLite's own limits know no bound for temporary files, and its limit of memory is the whole process's.

#include "csql.h"

#include <pthread.h>
#include <string.h>

typedef struct {
    sqlite3_file base;
    membus_temporary *temporary;
    int64_t size;
    /// Behind this: the system's own.
    sqlite3_file *real;
} counted_file;

static _Thread_local membus_temporary *counting;
static sqlite3_vfs *system_files;
static sqlite3_vfs files;
static const char *const name = "membus-temporary";

void membus_sql_count(membus_temporary *temporary) { counting = temporary; }

static sqlite3_file *real(sqlite3_file *file) { return ((counted_file *)file)->real; }

static int close_file(sqlite3_file *file) {
    counted_file *counted = (counted_file *)file;
    counted->temporary->used -= counted->size;
    return real(file)->pMethods->xClose(real(file));
}

static int read_file(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int write_file(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    counted_file *counted = (counted_file *)file;
    int64_t growth = offset + count - counted->size;
    if (growth > 0 && growth > counted->temporary->limit - counted->temporary->used) {
        counted->temporary->is_over = 1;
        return SQLITE_FULL;
    }
    int code = real(file)->pMethods->xWrite(real(file), bytes, count, offset);
    if (code == SQLITE_OK && growth > 0) {
        counted->size += growth;
        counted->temporary->used += growth;
    }
    return code;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size) {
    counted_file *counted = (counted_file *)file;
    int code = real(file)->pMethods->xTruncate(real(file), size);
    if (code == SQLITE_OK && size < counted->size) {
        counted->temporary->used -= counted->size - size;
        counted->size = size;
    }
    return code;
}

static int sync_file(sqlite3_file *file, int flags) { return SQLITE_OK; }
static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int lock(sqlite3_file *file, int level) { return SQLITE_OK; }
static int check_lock(sqlite3_file *file, int *is_reserved) {
    *is_reserved = 0;
    return SQLITE_OK;
}
/// A hint to make room would pass the count by.
static int control(sqlite3_file *file, int what, void *argument) { return SQLITE_NOTFOUND; }
static int sector_size(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
static int characteristics(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

// The first version has no mapping into memory, which would pass the count by too.
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = lock,
    .xCheckReservedLock = check_lock,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *given) {
    counted_file *counted = (counted_file *)file;
    memset(counted, 0, sizeof *counted);
    if (path || !counting) return SQLITE_CANTOPEN;
    counted->real = (sqlite3_file *)(counted + 1);
    int code = system_files->xOpen(system_files, NULL, counted->real, flags, given);
    if (code != SQLITE_OK) {
        // Without methods SQLite closes nothing.
        if (counted->real->pMethods) counted->real->pMethods->xClose(counted->real);
        return code;
    }
    counted->temporary = counting;
    counted->base.pMethods = &methods;
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync) { return SQLITE_IOERR_DELETE; }
static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *is_there) {
    *is_there = 0;
    return SQLITE_OK;
}
static int full_path(sqlite3_vfs *vfs, const char *path, int count, char *full) { return SQLITE_CANTOPEN; }
static void *no_library(sqlite3_vfs *vfs, const char *path) { return NULL; }
static void library_error(sqlite3_vfs *vfs, int count, char *message) {
    sqlite3_snprintf(count, message, "queries load nothing");
}
static void (*no_symbol(sqlite3_vfs *vfs, void *library, const char *symbol))(void) { return NULL; }
static void close_library(sqlite3_vfs *vfs, void *library) {}
static int randomness(sqlite3_vfs *vfs, int count, char *bytes) {
    return system_files->xRandomness(system_files, count, bytes);
}
static int sleep_for(sqlite3_vfs *vfs, int microseconds) {
    return system_files->xSleep(system_files, microseconds);
}
static int current_time(sqlite3_vfs *vfs, double *time) {
    return system_files->xCurrentTime(system_files, time);
}
static int current_milliseconds(sqlite3_vfs *vfs, sqlite3_int64 *time) {
    return system_files->xCurrentTimeInt64(system_files, time);
}
static int last_error(sqlite3_vfs *vfs, int count, char *message) {
    return system_files->xGetLastError(system_files, count, message);
}

static void register_files(void) {
    system_files = sqlite3_vfs_find(NULL);
    if (!system_files || system_files->iVersion < 2) return;
    files = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(counted_file) + system_files->szOsFile,
        .mxPathname = system_files->mxPathname,
        .zName = name,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_path,
        .xDlOpen = no_library,
        .xDlError = library_error,
        .xDlSym = no_symbol,
        .xDlClose = close_library,
        .xRandomness = randomness,
        .xSleep = sleep_for,
        .xCurrentTime = current_time,
        .xGetLastError = last_error,
        .xCurrentTimeInt64 = current_milliseconds,
    };
    sqlite3_vfs_register(&files, 0);
}

const char *membus_sql_files(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_files);
    return sqlite3_vfs_find(name) ? name : NULL;
}
