// A process of its own: in a session of its own, with the signals' defaults, nothing open but /dev/null and its log, and the
// root as its directory, so that it holds nothing of whoever started it.

#define _GNU_SOURCE
#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>

int membus_start_in_background(
    const char *program, char *const arguments[], char *const environment[], const char *log, pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        sigset_t all, none;
        sigfillset(&all);
        sigemptyset(&none);
        posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        if (code == 0) code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (code == 0) code = posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_APPEND, 0);
        if (code == 0) code = posix_spawn_file_actions_adddup2(&actions, 1, 2);
        // Pipes and files of whoever called would stay open for as long as the process runs.
        if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (code == 0) code = posix_spawn_file_actions_addchdir_np(&actions, "/");
        // What it makes, its sockets among it, is for nobody else.
        mode_t before = umask(077);
        if (code == 0) code = posix_spawn(process, program, &actions, &attributes, arguments, environment);
        umask(before);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}
