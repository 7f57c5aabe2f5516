#ifndef MEMBUS_PROCESS_H
#define MEMBUS_PROCESS_H

#include <stdint.h>

/// Keeps descriptors in reserve, by which connections are turned away while the table of open files is full. Call it
/// once for each broker, and again from time to time: it replaces what was lost meanwhile.
void membus_reserve_keep(void);

/// Opens the reserve, if it is short of something.
void membus_reserve_refill(void);

/// The end of what `membus_reserve_keep` began.
void membus_reserve_release(void);

/// How many connections were turned away so far.
uint64_t membus_turned_away(void);

/// Gives memory that is free back to the system, wherever it lies between what is in use.
void membus_give_memory_back(void);

#endif
