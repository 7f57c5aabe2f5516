#ifndef FAULTY_DISK_H
#define FAULTY_DISK_H

#include <stdint.h>

// A layer under SQLite (a VFS) that makes the disk of one directory fail as disks fail. Files elsewhere pass
// through it untouched. What was written since the last sync of a file is kept in a journal, so that a loss of
// power can take back any part of it.
//
// One thread uses one disk at a time; disks of several threads do not disturb each other.

typedef struct faulty_disk faulty_disk;

enum faulty_disk_fault {
    /// Power goes: this operation and everything after it fails, until the disk is rewound.
    FAULTY_DISK_STOPS = 1,
    /// One sync fails.
    FAULTY_DISK_SYNC_FAILS = 2,
    /// One write fails.
    FAULTY_DISK_WRITE_FAILS = 3
};

enum faulty_disk_counter {
    FAULTY_DISK_STOPPED_AT_WRITE = 0,
    FAULTY_DISK_STOPPED_AT_SYNC,
    FAULTY_DISK_FAILED_SYNCS,
    FAULTY_DISK_FAILED_WRITES,
    FAULTY_DISK_FULL_WRITES,
    FAULTY_DISK_LOST_WRITES,
    FAULTY_DISK_TORN_WRITES,
    FAULTY_DISK_KEPT_WRITES,
    FAULTY_DISK_COUNTERS
};

/// Watches the files of a directory; makes the layer SQLite's default when it is first called.
/// \return NULL without memory, or if SQLite refuses the layer.
faulty_disk *faulty_disk_attach(const char *directory);
/// All connections to files of the directory must be closed.
void faulty_disk_detach(faulty_disk *disk);

/// The fault strikes at the first fitting operation after `operations` others (writes and syncs) from now.
void faulty_disk_plan(faulty_disk *disk, enum faulty_disk_fault fault, int64_t operations);
void faulty_disk_cancel(faulty_disk *disk);
/// Whether a planned fault has not struck yet.
int faulty_disk_is_planned(const faulty_disk *disk);
/// Writes that make a file longer fail while it is full.
void faulty_disk_set_full(faulty_disk *disk, int is_full);
void faulty_disk_stop(faulty_disk *disk);
int faulty_disk_has_stopped(const faulty_disk *disk);

/// After a stop, with all connections closed: works again.
/// \param loses_power each write that was not synced is kept, torn or lost, as `seed` decides; else all are kept,
///   as when only the process was killed.
void faulty_disk_rewind(faulty_disk *disk, int loses_power, uint64_t seed);
/// What others did to the files behind SQLite's back is taken for synced.
void faulty_disk_forget(faulty_disk *disk);

int64_t faulty_disk_count(const faulty_disk *disk, enum faulty_disk_counter counter);

#endif
