#ifndef MEMBUS_LIBCURL_H
#define MEMBUS_LIBCURL_H

#include <stddef.h>

// What is needed of <curl/curl.h> and <curl/multi.h>, so that neither the headers nor the library has to be there where
// Membus is built. libcurl promises that none of it changes as long as the library is called libcurl.so.4: "we never
// change or remove numbers" (https://curl.se/libcurl/abi.html).

typedef void curl_handle;
typedef void curl_multi;

typedef struct curl_list {
    char *data;
    struct curl_list *next;
} curl_list;

typedef struct {
    int message;
    curl_handle *handle;
    union {
        void *whatever;
        int result;
    } data;
} curl_message;

enum {
    CURL_GLOBAL_ALL = 3,
    CURLMSG_DONE = 1,
    CURLPROTO_HTTP_AND_HTTPS = 3,
    CURLINFO_RESPONSE_CODE = 0x200002,
    CURL_ERROR_SIZE = 256,
};

// Results.
enum {
    CURLE_OK = 0,
    CURLE_OUT_OF_MEMORY = 27,
    CURLE_OPERATION_TIMEDOUT = 28,
    CURLE_PEER_FAILED_VERIFICATION = 60,
    CURLE_SSL_CACERT_BADFILE = 77,
};

// Options: of a long below 10000, of a pointer from there on, of a function from 20000 on, of 64 bits from 30000 on.
enum {
    CURLOPT_NOPROGRESS = 43,
    CURLOPT_POST = 47,
    CURLOPT_FOLLOWLOCATION = 52,
    CURLOPT_SSL_VERIFYPEER = 64,
    CURLOPT_SSL_VERIFYHOST = 81,
    CURLOPT_NOSIGNAL = 99,
    CURLOPT_TIMEOUT_MS = 155,
    CURLOPT_CONNECTTIMEOUT_MS = 156,
    CURLOPT_PROTOCOLS = 181,
    /// Since 7.87.
    CURLOPT_QUICK_EXIT = 322,
    CURLOPT_WRITEDATA = 10001,
    CURLOPT_URL = 10002,
    CURLOPT_ERRORBUFFER = 10010,
    CURLOPT_POSTFIELDS = 10015,
    CURLOPT_HTTPHEADER = 10023,
    CURLOPT_HEADERDATA = 10029,
    CURLOPT_CAINFO = 10065,
    CURLOPT_WRITEFUNCTION = 20011,
    CURLOPT_HEADERFUNCTION = 20079,
    CURLOPT_POSTFIELDSIZE_LARGE = 30120,
};

typedef struct {
    int (*global_init)(long flags);
    curl_handle *(*easy_init)(void);
    void (*easy_cleanup)(curl_handle *handle);
    int (*easy_setopt)(curl_handle *handle, int option, ...);
    int (*easy_getinfo)(curl_handle *handle, int information, ...);
    const char *(*easy_strerror)(int code);
    curl_list *(*slist_append)(curl_list *list, const char *line);
    void (*slist_free_all)(curl_list *list);
    curl_multi *(*multi_init)(void);
    int (*multi_cleanup)(curl_multi *multi);
    int (*multi_add_handle)(curl_multi *multi, curl_handle *handle);
    int (*multi_remove_handle)(curl_multi *multi, curl_handle *handle);
    int (*multi_perform)(curl_multi *multi, int *running);
    /// Since 7.66, of 2019.
    int (*multi_poll)(curl_multi *multi, void *others, unsigned int count, int timeout_ms, int *ready);
    curl_message *(*multi_info_read)(curl_multi *multi, int *left);
    const char *(*multi_strerror)(int code);
} libcurl;

/// Opens it once, for all threads. NULL: it is not there; `why` says why.
const libcurl *membus_libcurl(const char **why);

#endif
