// A command for `sh`, in a group of processes of its own, so that all of it can be ended. It reads nothing, and what it prints
// goes to standard error, as standard output is its caller's own.

#define _GNU_SOURCE
#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

int membus_start_shell(const char *command, char *const environment[], pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        // The caller ignores some signals, and listens to others.
        sigset_t all, none;
        sigfillset(&all);
        sigemptyset(&none);
        posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        if (code == 0) code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (code == 0) code = posix_spawn_file_actions_adddup2(&actions, 2, 1);
        // The caller's sockets and files are nothing to it.
        if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        char *const words[] = {"sh", "-c", (char *)command, 0};
        if (code == 0) code = posix_spawn(process, "/bin/sh", &actions, &attributes, words, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}
