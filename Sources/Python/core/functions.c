/* The functions that begin calls, and those that are done at once: for each of libmembus one of the same name. */
#include "core.h"

#define FUNCTION(name) static PyObject *name(PyObject *module, PyObject *arguments)
#define PARSE(...)                                                                                                     \
    (void)module;                                                                                                      \
    if (!PyArg_ParseTuple(arguments, __VA_ARGS__)) return NULL
#define TEXT text_converter
#define TEXTS texts_converter
typedef unsigned long long Number;

FUNCTION(setup)
{
    PARSE("OOOO:setup", &make_record, &make_commit, &make_token, &make_error);
    Py_INCREF(make_record), Py_INCREF(make_commit), Py_INCREF(make_token), Py_INCREF(make_error);
    Py_RETURN_NONE;
}

FUNCTION(find_broker)
{
    membus_text said, program;
    char url[4096];
    PARSE("O&O&:find_broker", TEXT, &said, TEXT, &program);
    int code;
    do {
        /* A signal came: Ctrl-C, maybe. */
        if (PyErr_CheckSignals() < 0) return NULL;
        Py_BEGIN_ALLOW_THREADS
        code = membus_find_broker(said, program, url, sizeof url);
        Py_END_ALLOW_THREADS
    } while (code == MEMBUS_INTERRUPTED);
    if (code == MEMBUS_TOO_SMALL) return PyErr_Format(PyExc_ValueError, "the broker's address is too long");
    return code ? raise_error() : PyUnicode_FromString(url);
}

FUNCTION(token_read)
{
    membus_text text;
    membus_token token;
    PARSE("O&:token_read", TEXT, &text);
    return membus_token_read(text, &token) ? raise_error() : token_object(token);
}

FUNCTION(token_write)
{
    membus_token token;
    char text[64];
    PARSE("O&:token_write", token_converter, &token);
    membus_token_write(token, text);
    return PyUnicode_FromString(text);
}

FUNCTION(own)
{
    Number given;
    PARSE("K:own", &given);
    membus_object number = given;
    return owner_object(MEMBUS_OK, &number);
}

/* ---- Connecting */

FUNCTION(connect)
{
    membus_connection said = {0};
    long long timeout;
    membus_call call;
    PARSE("O&O&O&O&L:connect", TEXT, &said.broker, TEXT, &said.agent, TEXT, &said.context, TEXT, &said.branch,
          &timeout);
    said.timeout_ms = timeout;
    /* It asks for names of hosts, and starts threads. */
    int code;
    Py_BEGIN_ALLOW_THREADS
    code = membus_connect(&said, &call);
    Py_END_ALLOW_THREADS
    return call_object(code, &call);
}

FUNCTION(memory_context)
{
    Number memory;
    membus_text context;
    membus_memory other;
    PARSE("KO&:memory_context", &memory, TEXT, &context);
    return owner_object(membus_memory_context(memory, context, &other), &other);
}

FUNCTION(close_memory)
{
    Number memory;
    membus_call call;
    PARSE("K:close", &memory);
    return call_object(membus_close(memory, &call), &call);
}

FUNCTION(memory_state)
{
    Number memory;
    int32_t state;
    int64_t since;
    PARSE("K:memory_state", &memory);
    if (membus_memory_state(memory, &state, &since)) return raise_error();
    return Py_BuildValue("(iL)", (int)state, (long long)since);
}

/* ---- Views */

FUNCTION(state_next)
{
    Number memory;
    int known;
    membus_call call;
    PARSE("Ki:state_next", &memory, &known);
    return call_object(membus_memory_state_next(memory, known, &call), &call);
}

FUNCTION(follow)
{
    Number memory;
    Texts topics;
    membus_following said = {0};
    Number capacity;
    long long timeout;
    membus_call call;
    PARSE("KO&iiKO&O&O&L:follow", &memory, TEXTS, &topics, &said.mode, &said.when_stale, &capacity, TEXT, &said.branch,
          TEXT, &said.context, TEXT, &said.warm, &timeout);
    said.topics = topics.texts, said.topic_count = topics.count, said.capacity = capacity, said.timeout_ms = timeout;
    /* A warm file is read. */
    int code;
    Py_BEGIN_ALLOW_THREADS
    code = membus_follow(memory, &said, &call);
    Py_END_ALLOW_THREADS
    texts_clear(&topics);
    return call_object(code, &call);
}

FUNCTION(view_all)
{
    Number view;
    membus_call call;
    PARSE("K:view_all", &view);
    int code;
    Py_BEGIN_ALLOW_THREADS
    code = membus_view_all(view, &call);
    Py_END_ALLOW_THREADS
    return call_object(code, &call);
}

FUNCTION(view_get)
{
    Number view;
    Texts keys;
    membus_freshness fresh = {0};
    long long within, timeout;
    membus_call call;
    PARSE("KO&iO&LL:view_get", &view, TEXTS, &keys, &fresh.sort, token_converter, &fresh.token, &within, &timeout);
    fresh.within_ms = within;
    int code = membus_view_get(view, keys.texts, keys.count, &fresh, timeout, &call);
    texts_clear(&keys);
    return call_object(code, &call);
}

FUNCTION(view_await)
{
    Number view;
    membus_freshness fresh = {0};
    long long within, timeout;
    membus_call call;
    PARSE("KiO&LL:view_await", &view, &fresh.sort, token_converter, &fresh.token, &within, &timeout);
    fresh.within_ms = within;
    return call_object(membus_view_await(view, &fresh, timeout, &call), &call);
}

FUNCTION(view_digest)
{
    Number view;
    membus_call call;
    PARSE("K:view_digest", &view);
    return call_object(membus_view_digest(view, &call), &call);
}

FUNCTION(view_save)
{
    Number view;
    membus_text path;
    membus_call call;
    PARSE("KO&:view_save", &view, TEXT, &path);
    return call_object(membus_view_save(view, path, &call), &call);
}

FUNCTION(view_status)
{
    Number view;
    membus_view_state state;
    PARSE("K:view_status", &view);
    if (membus_view_status(view, &state)) return raise_error();
    return Py_BuildValue(
        "(iLNn)", (int)state.phase, (long long)state.stale_ms, token_object(state.token), (Py_ssize_t)state.count);
}

/* ---- Looking things up */

FUNCTION(get)
{
    Number memory;
    Texts keys;
    membus_place place = {0};
    long long revision, timeout;
    membus_call call;
    PARSE("KO&LO&L:get", &memory, TEXTS, &keys, &revision, TEXT, &place.branch, &timeout);
    place.revision = revision, place.timeout_ms = timeout;
    int code = membus_get(memory, keys.texts, keys.count, &place, &call);
    texts_clear(&keys);
    return call_object(code, &call);
}

FUNCTION(digest)
{
    Number memory;
    Texts topics;
    membus_place place = {0};
    long long revision, timeout;
    membus_call call;
    PARSE("KO&LO&L:digest", &memory, TEXTS, &topics, &revision, TEXT, &place.branch, &timeout);
    place.revision = revision, place.timeout_ms = timeout;
    int code = membus_digest(memory, topics.texts, topics.count, &place, &call);
    texts_clear(&topics);
    return call_object(code, &call);
}

FUNCTION(range)
{
    Number memory;
    Texts topics;
    membus_listing said = {0};
    long long revision, timeout;
    membus_list list;
    PARSE("KO&LO&Lii:range", &memory, TEXTS, &topics, &revision, TEXT, &said.place.branch, &timeout, &said.keys_only,
          &said.page_size);
    said.topics = topics.texts, said.topic_count = topics.count;
    said.place.revision = revision, said.place.timeout_ms = timeout;
    int code = membus_range(memory, &said, &list);
    texts_clear(&topics);
    return owner_object(code, &list);
}

FUNCTION(history)
{
    Number memory;
    membus_text key;
    membus_place place = {0};
    long long before, timeout;
    int page_size;
    membus_list list;
    PARSE("KO&LO&Li:history", &memory, TEXT, &key, &before, TEXT, &place.branch, &timeout, &page_size);
    place.revision = before, place.timeout_ms = timeout;
    return owner_object(membus_history(memory, key, &place, page_size, &list), &list);
}

FUNCTION(diff)
{
    Number memory;
    Texts topics;
    membus_differing said = {0};
    long long timeout;
    membus_list list;
    PARSE("KO&O&O&iiL:diff", &memory, TEXT, &said.from, TEXT, &said.to, TEXTS, &topics, &said.keys_only, &said.page_size,
          &timeout);
    said.topics = topics.texts, said.topic_count = topics.count;
    said.timeout_ms = timeout;
    int code = membus_diff(memory, &said, &list);
    texts_clear(&topics);
    return owner_object(code, &list);
}

FUNCTION(compare)
{
    Number memory;
    membus_text from, to;
    long long timeout;
    membus_call call;
    PARSE("KO&O&L:compare", &memory, TEXT, &from, TEXT, &to, &timeout);
    return call_object(membus_compare(memory, from, to, timeout, &call), &call);
}

FUNCTION(read_log)
{
    Number memory;
    Texts topics;
    membus_logging said = {0};
    long long since, until, timeout;
    membus_list list;
    PARSE("KO&O&O&LLO&iiiL:log", &memory, TEXTS, &topics, TEXT, &said.agent, TEXT, &said.context, &since, &until, TEXT,
          &said.branch, &said.ascending, &said.values, &said.page_size, &timeout);
    said.topics = topics.texts, said.topic_count = topics.count;
    said.since_ms = since, said.until_ms = until, said.timeout_ms = timeout;
    int code = membus_log(memory, &said, &list);
    texts_clear(&topics);
    return owner_object(code, &list);
}

FUNCTION(list_next)
{
    Number list;
    membus_call call;
    PARSE("K:list_next", &list);
    return call_object(membus_list_next(list, &call), &call);
}

FUNCTION(watch)
{
    Number memory;
    Texts topics;
    membus_watching said = {0};
    membus_watch watch;
    PARSE("KO&O&iO&:watch", &memory, TEXTS, &topics, TEXT, &said.branch, &said.from_now, token_converter, &said.after);
    said.topics = topics.texts, said.topic_count = topics.count;
    int code = membus_watch_begin(memory, &said, &watch);
    texts_clear(&topics);
    return owner_object(code, &watch);
}

FUNCTION(watch_next)
{
    Number watch;
    int most;
    membus_call call;
    PARSE("Ki:watch_next", &watch, &most);
    return call_object(membus_watch_next(watch, most, &call), &call);
}

FUNCTION(view_changes)
{
    Number view;
    membus_changes changes;
    PARSE("K:view_changes", &view);
    return owner_object(membus_view_changes(view, &changes), &changes);
}

FUNCTION(changes_next)
{
    Number changes;
    membus_call call;
    PARSE("K:changes_next", &changes);
    return call_object(membus_changes_next(changes, &call), &call);
}

/* ---- Upkeep */

FUNCTION(ask)
{
    Number memory;
    membus_text question;
    long long timeout;
    membus_call call;
    PARSE("KO&L:ask", &memory, text_converter, &question, &timeout);
    return call_object(membus_ask(memory, question, timeout, &call), &call);
}

FUNCTION(report)
{
    Number memory;
    int sort;
    long long timeout;
    membus_call call;
    PARSE("KiL:report", &memory, &sort, &timeout);
    return call_object(membus_report(memory, sort, timeout, &call), &call);
}

FUNCTION(compact)
{
    Number memory;
    long long older_than, below, timeout;
    membus_call call;
    PARSE("KLLL:compact", &memory, &older_than, &below, &timeout);
    return call_object(membus_compact(memory, older_than, below, timeout, &call), &call);
}

FUNCTION(backup)
{
    Number memory;
    membus_text path;
    long long timeout;
    membus_call call;
    PARSE("KO&L:backup", &memory, TEXT, &path, &timeout);
    return call_object(membus_backup(memory, path, timeout, &call), &call);
}

PyMethodDef functions[] = {
    {"setup", setup, METH_VARARGS, NULL},
    {"ending", set_ending, METH_NOARGS, NULL},
    {"own", own, METH_VARARGS, NULL},
    {"find_broker", find_broker, METH_VARARGS, NULL},
    {"token_read", token_read, METH_VARARGS, NULL},
    {"token_write", token_write, METH_VARARGS, NULL},
    {"connect", connect, METH_VARARGS, NULL},
    {"close", close_memory, METH_VARARGS, NULL},
    {"memory_context", memory_context, METH_VARARGS, NULL},
    {"memory_state", memory_state, METH_VARARGS, NULL},
    {"state_next", state_next, METH_VARARGS, NULL},
    {"follow", follow, METH_VARARGS, NULL},
    {"view_all", view_all, METH_VARARGS, NULL},
    {"view_get", view_get, METH_VARARGS, NULL},
    {"view_await", view_await, METH_VARARGS, NULL},
    {"view_digest", view_digest, METH_VARARGS, NULL},
    {"view_save", view_save, METH_VARARGS, NULL},
    {"view_status", view_status, METH_VARARGS, NULL},
    {"view_changes", view_changes, METH_VARARGS, NULL},
    {"changes_next", changes_next, METH_VARARGS, NULL},
    {"get", get, METH_VARARGS, NULL},
    {"digest", digest, METH_VARARGS, NULL},
    {"range", range, METH_VARARGS, NULL},
    {"history", history, METH_VARARGS, NULL},
    {"diff", diff, METH_VARARGS, NULL},
    {"compare", compare, METH_VARARGS, NULL},
    {"log", read_log, METH_VARARGS, NULL},
    {"list_next", list_next, METH_VARARGS, NULL},
    {"watch", watch, METH_VARARGS, NULL},
    {"watch_next", watch_next, METH_VARARGS, NULL},
    {"ask", ask, METH_VARARGS, NULL},
    {"report", report, METH_VARARGS, NULL},
    {"compact", compact, METH_VARARGS, NULL},
    {"backup", backup, METH_VARARGS, NULL},
    {0}};
