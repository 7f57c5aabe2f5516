#include "faulty_disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A write's way: SQLite -> here (does a fault strike? what was there before?) -> the real file.
//
// The journal holds, oldest first, every change of a file since that file was last synced. A loss of power
// takes all of them back, newest first, and then makes some of them again, in order, one of them perhaps in
// part: any of the states that a disk that reorders may be found in.

typedef struct change {
    char *path;
    sqlite3_int64 offset;
    // The file's size before.
    sqlite3_int64 size;
    unsigned char *old_bytes;
    sqlite3_int64 old_count;
    // NULL for a cut to `offset`.
    unsigned char *new_bytes;
    sqlite3_int64 new_count;
    struct change *next, *previous;
} change;

struct faulty_disk {
    char *directory;
    size_t length;
    change *first, *last;
    enum faulty_disk_fault planned;
    int64_t operations_left;
    int is_full, has_stopped;
    int64_t counters[FAULTY_DISK_COUNTERS];
    struct faulty_disk *next;
};

typedef struct watched_file {
    sqlite3_file base;
    faulty_disk *disk;
    char *path;
    // The real file follows in memory.
    sqlite3_file real[];
} watched_file;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static faulty_disk *disks;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs layer;

static faulty_disk *disk_of(const char *path) {
    faulty_disk *found = NULL;
    if (path == NULL) return NULL;
    pthread_mutex_lock(&lock);
    for (faulty_disk *disk = disks; disk != NULL && found == NULL; disk = disk->next)
        if (strncmp(path, disk->directory, disk->length) == 0 && path[disk->length] == '/') found = disk;
    pthread_mutex_unlock(&lock);
    return found;
}

// MARK: Faults

// Whether the planned fault strikes at this operation.
static int strikes(faulty_disk *disk, int is_sync) {
    if (disk->planned == 0) return 0;
    if (disk->operations_left > 0) {
        disk->operations_left -= 1;
        return 0;
    }
    if (disk->planned == FAULTY_DISK_SYNC_FAILS && !is_sync) return 0;
    if (disk->planned == FAULTY_DISK_WRITE_FAILS && is_sync) return 0;
    return 1;
}

static int fault_at_write(faulty_disk *disk, int grows) {
    if (disk->has_stopped) return SQLITE_IOERR_WRITE;
    if (strikes(disk, 0)) {
        if (disk->planned == FAULTY_DISK_STOPS) {
            disk->has_stopped = 1;
            disk->counters[FAULTY_DISK_STOPPED_AT_WRITE] += 1;
        } else {
            disk->counters[FAULTY_DISK_FAILED_WRITES] += 1;
        }
        disk->planned = 0;
        return SQLITE_IOERR_WRITE;
    }
    if (disk->is_full && grows) {
        disk->counters[FAULTY_DISK_FULL_WRITES] += 1;
        return SQLITE_FULL;
    }
    return SQLITE_OK;
}

static int fault_at_sync(faulty_disk *disk) {
    if (disk->has_stopped) return SQLITE_IOERR_FSYNC;
    if (!strikes(disk, 1)) return SQLITE_OK;
    if (disk->planned == FAULTY_DISK_STOPS) {
        disk->has_stopped = 1;
        disk->counters[FAULTY_DISK_STOPPED_AT_SYNC] += 1;
    } else {
        disk->counters[FAULTY_DISK_FAILED_SYNCS] += 1;
    }
    disk->planned = 0;
    return SQLITE_IOERR_FSYNC;
}

// MARK: The journal

static void free_change(change *entry) {
    free(entry->path);
    free(entry->old_bytes);
    free(entry->new_bytes);
    free(entry);
}

static void unlink_change(faulty_disk *disk, change *entry) {
    if (entry->previous) entry->previous->next = entry->next; else disk->first = entry->next;
    if (entry->next) entry->next->previous = entry->previous; else disk->last = entry->previous;
}

static void forget_changes(faulty_disk *disk, const char *path) {
    for (change *entry = disk->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (path != NULL && strcmp(entry->path, path) != 0) continue;
        unlink_change(disk, entry);
        free_change(entry);
    }
}

// Remembers what a write, or a cut if `bytes` is NULL, will do.
static int note_change(watched_file *file, const void *bytes, sqlite3_int64 count, sqlite3_int64 offset) {
    sqlite3_int64 size = 0;
    int result = file->real->pMethods->xFileSize(file->real, &size);
    if (result != SQLITE_OK) return result;
    change *entry = calloc(1, sizeof(change));
    if (entry == NULL) return SQLITE_NOMEM;
    entry->path = strdup(file->path);
    entry->offset = offset;
    entry->size = size;
    sqlite3_int64 end = bytes == NULL ? size : offset + count;
    entry->old_count = offset < size ? (end < size ? end : size) - offset : 0;
    entry->old_bytes = malloc(entry->old_count > 0 ? entry->old_count : 1);
    if (bytes != NULL) {
        entry->new_count = count;
        entry->new_bytes = malloc(count > 0 ? count : 1);
    }
    if (entry->path == NULL || entry->old_bytes == NULL || (bytes != NULL && entry->new_bytes == NULL)) {
        free_change(entry);
        return SQLITE_NOMEM;
    }
    if (bytes != NULL) memcpy(entry->new_bytes, bytes, count);
    if (entry->old_count > 0) {
        result = file->real->pMethods->xRead(file->real, entry->old_bytes, (int)entry->old_count, offset);
        if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ) {
            free_change(entry);
            return result;
        }
    }
    entry->previous = file->disk->last;
    if (file->disk->last) file->disk->last->next = entry; else file->disk->first = entry;
    file->disk->last = entry;
    return SQLITE_OK;
}

// MARK: A file's methods

static watched_file *watched(sqlite3_file *file) { return (watched_file *)file; }
static sqlite3_file *real(sqlite3_file *file) { return watched(file)->real; }

static int file_close(sqlite3_file *file) {
    int result = real(file)->pMethods->xClose(real(file));
    free(watched(file)->path);
    watched(file)->path = NULL;
    return result;
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    if (watched(file)->disk->has_stopped) return SQLITE_IOERR_READ;
    return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    faulty_disk *disk = watched(file)->disk;
    sqlite3_int64 size = 0;
    int result = real(file)->pMethods->xFileSize(real(file), &size);
    if (result != SQLITE_OK) return result;
    result = fault_at_write(disk, offset + count > size);
    // A write that power cuts short reached the cache, and perhaps the disk in part.
    if (result == SQLITE_IOERR_WRITE && disk->has_stopped) (void)note_change(watched(file), bytes, count, offset);
    if (result != SQLITE_OK) return result;
    result = note_change(watched(file), bytes, count, offset);
    if (result != SQLITE_OK) return result;
    return real(file)->pMethods->xWrite(real(file), bytes, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    faulty_disk *disk = watched(file)->disk;
    int result = fault_at_write(disk, 0);
    if (result != SQLITE_OK) return result == SQLITE_IOERR_WRITE ? SQLITE_IOERR_TRUNCATE : result;
    result = note_change(watched(file), NULL, 0, size);
    if (result != SQLITE_OK) return result;
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
    int result = fault_at_sync(watched(file)->disk);
    if (result != SQLITE_OK) return result;
    forget_changes(watched(file)->disk, watched(file)->path);
    (void)flags;  // The real file need not last longer than the test.
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int file_lock(sqlite3_file *file, int level) {
    if (watched(file)->disk->has_stopped) return SQLITE_IOERR_LOCK;
    return real(file)->pMethods->xLock(real(file), level);
}
static int file_unlock(sqlite3_file *file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
static int file_check_lock(sqlite3_file *file, int *is_reserved) {
    return real(file)->pMethods->xCheckReservedLock(real(file), is_reserved);
}
static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int file_sector(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
// None of the promises that a real disk may make: a page may be torn, writes may change places.
static int file_traits(sqlite3_file *file) {
    (void)file;
    return 0;
}
static int shm_map(sqlite3_file *file, int page, int size, int extends, void volatile **place) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extends, place);
}
static int shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void shm_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }
static int shm_unmap(sqlite3_file *file, int deletes) { return real(file)->pMethods->xShmUnmap(real(file), deletes); }

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

// MARK: The layer's methods

static int layer_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *given) {
    (void)vfs;
    faulty_disk *disk = disk_of(path);
    // Any other file is the real one, without a layer.
    if (disk == NULL) return real_vfs->xOpen(real_vfs, path, file, flags, given);
    if (disk->has_stopped) return SQLITE_CANTOPEN;
    watched_file *opened = watched(file);
    memset(opened, 0, sizeof(watched_file));
    int result = real_vfs->xOpen(real_vfs, path, opened->real, flags, given);
    if (result != SQLITE_OK) {
        if (opened->real->pMethods) opened->real->pMethods->xClose(opened->real);
        return result;
    }
    opened->disk = disk;
    opened->path = strdup(path);
    opened->base.pMethods = &methods;
    return SQLITE_OK;
}

static int layer_delete(sqlite3_vfs *vfs, const char *path, int syncs) {
    (void)vfs;
    faulty_disk *disk = disk_of(path);
    if (disk != NULL && disk->has_stopped) return SQLITE_IOERR_DELETE;
    if (disk != NULL) forget_changes(disk, path);
    return real_vfs->xDelete(real_vfs, path, syncs);
}

static int install(void) {
    real_vfs = sqlite3_vfs_find(NULL);
    if (real_vfs == NULL) return SQLITE_ERROR;
    layer = *real_vfs;
    layer.pNext = NULL;
    layer.zName = "membus-faulty";
    layer.szOsFile = (int)sizeof(watched_file) + real_vfs->szOsFile;
    layer.xOpen = layer_open;
    layer.xDelete = layer_delete;
    return sqlite3_vfs_register(&layer, 1);
}

// MARK: From outside

faulty_disk *faulty_disk_attach(const char *directory) {
    faulty_disk *disk = calloc(1, sizeof(faulty_disk));
    if (disk == NULL) return NULL;
    disk->directory = strdup(directory);
    disk->length = strlen(directory);
    pthread_mutex_lock(&lock);
    int result = real_vfs == NULL ? install() : SQLITE_OK;
    if (result == SQLITE_OK) {
        disk->next = disks;
        disks = disk;
    }
    pthread_mutex_unlock(&lock);
    if (result == SQLITE_OK) return disk;
    free(disk->directory);
    free(disk);
    return NULL;
}

void faulty_disk_detach(faulty_disk *disk) {
    pthread_mutex_lock(&lock);
    for (faulty_disk **place = &disks; *place != NULL; place = &(*place)->next)
        if (*place == disk) {
            *place = disk->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    forget_changes(disk, NULL);
    free(disk->directory);
    free(disk);
}

void faulty_disk_plan(faulty_disk *disk, enum faulty_disk_fault fault, int64_t operations) {
    disk->planned = fault;
    disk->operations_left = operations;
}
void faulty_disk_cancel(faulty_disk *disk) { disk->planned = 0; }
int faulty_disk_is_planned(const faulty_disk *disk) { return disk->planned != 0; }
void faulty_disk_set_full(faulty_disk *disk, int is_full) { disk->is_full = is_full; }
void faulty_disk_stop(faulty_disk *disk) { disk->has_stopped = 1; }
int faulty_disk_has_stopped(const faulty_disk *disk) { return disk->has_stopped; }
void faulty_disk_forget(faulty_disk *disk) { forget_changes(disk, NULL); }
int64_t faulty_disk_count(const faulty_disk *disk, enum faulty_disk_counter counter) {
    return counter < FAULTY_DISK_COUNTERS ? disk->counters[counter] : 0;
}

// MARK: Loss of power

static uint64_t next_random(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15ull;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static void put(const char *path, const unsigned char *bytes, sqlite3_int64 count, sqlite3_int64 offset) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    while (count > 0) {
        ssize_t done = pwrite(descriptor, bytes, (size_t)count, offset);
        if (done <= 0) break;
        bytes += done;
        count -= done;
        offset += done;
    }
    close(descriptor);
}

static void take_back(const change *entry) {
    if (truncate(entry->path, entry->size) != 0) return;
    if (entry->old_count > 0) put(entry->path, entry->old_bytes, entry->old_count, entry->offset);
}

// Bytes of a write are lost from somewhere on, in steps of a sector.
static void make_again(faulty_disk *disk, const change *entry, uint64_t *random) {
    uint64_t draw = next_random(random) % 4;
    if (draw == 0) {
        disk->counters[FAULTY_DISK_LOST_WRITES] += 1;
    } else if (entry->new_bytes == NULL) {
        disk->counters[FAULTY_DISK_KEPT_WRITES] += 1;
        if (truncate(entry->path, entry->offset) != 0) return;
    } else if (draw == 1 && entry->new_count > 1) {
        disk->counters[FAULTY_DISK_TORN_WRITES] += 1;
        sqlite3_int64 step = entry->new_count > 512 ? 512 : 1;
        sqlite3_int64 kept = (sqlite3_int64)(next_random(random) % (uint64_t)(entry->new_count / step)) * step;
        put(entry->path, entry->new_bytes, kept, entry->offset);
    } else {
        disk->counters[FAULTY_DISK_KEPT_WRITES] += 1;
        put(entry->path, entry->new_bytes, entry->new_count, entry->offset);
    }
}

void faulty_disk_rewind(faulty_disk *disk, int loses_power, uint64_t seed) {
    if (loses_power) {
        // Now and then everything is lost, or nothing.
        uint64_t random = seed, kind = next_random(&random) % 8;
        for (change *entry = disk->last; entry != NULL; entry = entry->previous) take_back(entry);
        for (change *entry = disk->first; entry != NULL && kind != 0; entry = entry->next) {
            if (kind != 1) {
                make_again(disk, entry, &random);
            } else if (entry->new_bytes != NULL) {
                put(entry->path, entry->new_bytes, entry->new_count, entry->offset);
            } else if (truncate(entry->path, entry->offset) != 0) {
                break;
            }
        }
    }
    forget_changes(disk, NULL);
    disk->planned = 0;
    disk->has_stopped = 0;
    disk->is_full = 0;
}
