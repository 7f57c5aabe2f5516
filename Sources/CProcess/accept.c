// A listener that finds no free descriptor for a connection.
//
// libzmq leaves such a connection in its queue, is woken for it again at once, and so keeps a processor busy for as long
// as the table is full; whoever connects waits for ever. At an ipc endpoint it ends the process instead: the one error
// that its check forgot is EMFILE. There is no option about either.
//
// So `accept4`, which libzmq calls, is this one: in a process that keeps a reserve, it takes such a connection by a
// descriptor of the reserve and closes it at once; whoever connects knows where they stand. libzmq hears that
// nobody was waiting. All else goes to the system unchanged, and in a process that keeps no reserve everything does.
//
// The linker prefers a programme's own symbol to the library's; Tests/Processes holds that it still does.

#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RESERVE = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int holders;
static int reserve[RESERVE];
static int kept;
static atomic_ullong turned_away;

/// With the lock held.
static void refill(void) {
    while (kept < RESERVE) {
        int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) return;
        reserve[kept++] = descriptor;
    }
}

void membus_reserve_keep(void) {
    pthread_mutex_lock(&lock);
    holders++;
    refill();
    pthread_mutex_unlock(&lock);
}

void membus_reserve_refill(void) {
    int code = errno;
    if (pthread_mutex_trylock(&lock) == 0) {
        if (holders > 0) refill();
        pthread_mutex_unlock(&lock);
    }
    errno = code;
}

void membus_reserve_release(void) {
    pthread_mutex_lock(&lock);
    if (holders > 0 && --holders == 0)
        while (kept > 0) close(reserve[--kept]);
    pthread_mutex_unlock(&lock);
}

uint64_t membus_turned_away(void) { return atomic_load(&turned_away); }

/// A descriptor is given up and taken by the connection, whose end frees it again. Another thread may open a file in
/// between; then that one of the reserve is lost until there is room, and the next is tried.
static int turn_away(int listener) {
    while (kept > 0) {
        close(reserve[--kept]);
        int taken = (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC);
        int code = errno;
        if (taken >= 0) {
            close(taken);
            atomic_fetch_add(&turned_away, 1);
        }
        refill();
        if (taken >= 0 || (code != EMFILE && code != ENFILE)) return 1;
    }
    return 0;
}

int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
    int taken = (int)syscall(SYS_accept4, listener, address, length, flags);
    if (taken >= 0 || (errno != EMFILE && errno != ENFILE)) return taken;
    int code = errno;
    int has_turned = 1;
    pthread_mutex_lock(&lock);
    if (holders > 0) {
        has_turned = turn_away(listener);
        code = EAGAIN;
    }
    pthread_mutex_unlock(&lock);
    // Nothing was left to turn it away by: at least the processor is not kept busy until there is.
    if (!has_turned) usleep(20000);
    errno = code;
    return -1;
}
