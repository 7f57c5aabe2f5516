#ifndef MEMBUS_PROCESS_H
#define MEMBUS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

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

/// Runs a program that outlives this process: in a session of its own, its output at the end of the file `log`, with the
/// signals' defaults and no other descriptor of this process. Returns an error's number, or 0.
int membus_start_in_background(
    const char *program, char *const arguments[], char *const environment[], const char *log, pid_t *process);

/// Runs a command by `/bin/sh`, in a group of processes of its own: without input, its output on this process's standard error,
/// with the signals' defaults and no other descriptor of this process. Returns an error's number, or 0.
int membus_start_shell(const char *command, char *const environment[], pid_t *process);

#endif
