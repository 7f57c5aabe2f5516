#include <zmq.h>
#ifdef __linux__
#include <pthread.h>
#include <sys/eventfd.h>
// glibc declares it only with _GNU_SOURCE.
extern int pthread_setname_np(pthread_t thread, const char *name);
#endif
