#include "libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static libcurl functions;
static char fault[400];

// Debian has a second build of the same library, with GnuTLS, which git brings along.
static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

static void *opened(void) {
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        void *library = dlopen(names[index], RTLD_NOW | RTLD_LOCAL);
        if (library != NULL) return library;
        const char *error = dlerror();
        if (index == 0) snprintf(fault, sizeof fault, "%s", error != NULL ? error : "libcurl.so.4 cannot be opened");
    }
    return NULL;
}

static void open_once(void) {
    void *library = opened();
    if (library == NULL) return;
    const struct {
        const char *name;
        void **place;
    } needed[] = {
        {"curl_global_init", (void **)&functions.global_init},
        {"curl_easy_init", (void **)&functions.easy_init},
        {"curl_easy_cleanup", (void **)&functions.easy_cleanup},
        {"curl_easy_setopt", (void **)&functions.easy_setopt},
        {"curl_easy_getinfo", (void **)&functions.easy_getinfo},
        {"curl_easy_strerror", (void **)&functions.easy_strerror},
        {"curl_slist_append", (void **)&functions.slist_append},
        {"curl_slist_free_all", (void **)&functions.slist_free_all},
        {"curl_multi_init", (void **)&functions.multi_init},
        {"curl_multi_cleanup", (void **)&functions.multi_cleanup},
        {"curl_multi_add_handle", (void **)&functions.multi_add_handle},
        {"curl_multi_remove_handle", (void **)&functions.multi_remove_handle},
        {"curl_multi_perform", (void **)&functions.multi_perform},
        {"curl_multi_poll", (void **)&functions.multi_poll},
        {"curl_multi_info_read", (void **)&functions.multi_info_read},
        {"curl_multi_strerror", (void **)&functions.multi_strerror},
    };
    for (size_t index = 0; index < sizeof needed / sizeof *needed; index++) {
        *needed[index].place = dlsym(library, needed[index].name);
        if (*needed[index].place == NULL) {
            snprintf(fault, sizeof fault, "libcurl has no %s: it is older than 7.66", needed[index].name);
            return;
        }
    }
    int code = functions.global_init(CURL_GLOBAL_ALL);
    if (code != CURLE_OK) snprintf(fault, sizeof fault, "libcurl does not start: %s", functions.easy_strerror(code));
    else fault[0] = 0;
}

const libcurl *membus_libcurl(const char **why) {
    pthread_once(&once, open_once);
    *why = fault;
    return fault[0] == 0 ? &functions : NULL;
}
