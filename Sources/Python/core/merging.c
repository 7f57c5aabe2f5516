/* Merge, rollback, revert. */
#include "core.h"

typedef unsigned long long Number;

/* What somebody has decided, lent by the tuple that it is of; each with a put of its own, if it has one. */
typedef struct {
    membus_resolution *all;
    membus_change *puts;
    size_t count;
} Resolutions;

static void resolutions_clear(Resolutions *resolutions)
{
    for (size_t i = 0; resolutions->puts && i < resolutions->count; i++) put_clear(&resolutions->puts[i]);
    PyMem_Free(resolutions->all);
    PyMem_Free(resolutions->puts);
    *resolutions = (Resolutions){0};
}

/* Of (key, ours, theirs, choice, put or None). -> -1 with an exception */
static int resolution_parse(PyObject *tuple, membus_resolution *resolution, membus_change *put)
{
    long long ours, theirs;
    PyObject *said;
    if (!PyArg_ParseTuple(
            tuple, "O&LLiO:resolution", text_converter, &resolution->key, &ours, &theirs, &resolution->choice, &said))
        return -1;
    resolution->ours = ours, resolution->theirs = theirs;
    if (said == Py_None) return 0;
    resolution->put = put;
    return put_parse(said, put);
}

/* -> -1 with an exception; `resolutions_clear` may be called in any case */
static int resolutions_parse(PyObject *tuple, Resolutions *resolutions)
{
    resolutions->count = (size_t)PyTuple_Size(tuple);
    resolutions->all = PyMem_Calloc(resolutions->count + 1, sizeof *resolutions->all);
    resolutions->puts = PyMem_Calloc(resolutions->count + 1, sizeof *resolutions->puts);
    if (!resolutions->all || !resolutions->puts) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < resolutions->count; i++)
        if (resolution_parse(PyTuple_GetItem(tuple, (Py_ssize_t)i), &resolutions->all[i], &resolutions->puts[i]))
            return -1;
    return 0;
}

static PyObject *merge(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_merging said = {0};
    Resolutions resolutions = {0};
    PyObject *decided, *result = NULL;
    long long revision, timeout;
    int carries_rules, parks;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&LO!ppO&L:merge", &memory, text_converter, &said.source, text_converter, &said.target,
            &revision, &PyTuple_Type, &decided, &carries_rules, &parks, text_converter, &said.message, &timeout))
        return NULL;
    said.revision = revision, said.timeout_ms = timeout;
    said.carries_rules = carries_rules, said.parks = parks;
    if (!resolutions_parse(decided, &resolutions)) {
        said.resolutions = resolutions.all, said.resolution_count = resolutions.count;
        result = call_object(membus_merge(memory, &said, &call), &call);
    }
    resolutions_clear(&resolutions);
    return result;
}

static PyObject *rollback(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    Texts topics;
    membus_rolling_back said = {0};
    long long revision, timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KLO&O&O&L:rollback", &memory, &revision, texts_converter, &topics, text_converter, &said.branch,
            text_converter, &said.message, &timeout))
        return NULL;
    said.revision = revision, said.timeout_ms = timeout;
    said.topics = topics.texts, said.topic_count = topics.count;
    int code = membus_rollback(memory, &said, &call);
    texts_clear(&topics);
    return call_object(code, &call);
}

/* What a revert names: versions, each (key, revision), and revisions. */
typedef struct {
    membus_version_name *versions;
    int64_t *revisions;
} Named;

/* -> -1 with an exception */
static int named_parse(PyObject *versions, PyObject *revisions, Named *named, membus_reverting *said)
{
    said->version_count = (size_t)PyTuple_Size(versions), said->revision_count = (size_t)PyTuple_Size(revisions);
    said->versions = named->versions = PyMem_Calloc(said->version_count + 1, sizeof *named->versions);
    said->revisions = named->revisions = PyMem_Calloc(said->revision_count + 1, sizeof *named->revisions);
    if (!named->versions || !named->revisions) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < said->version_count; i++) {
        long long revision;
        PyObject *version = PyTuple_GetItem(versions, (Py_ssize_t)i);
        if (!PyArg_ParseTuple(version, "O&L:version", text_converter, &named->versions[i].key, &revision)) return -1;
        named->versions[i].revision = revision;
    }
    for (size_t i = 0; i < said->revision_count; i++) {
        named->revisions[i] = PyLong_AsLongLong(PyTuple_GetItem(revisions, (Py_ssize_t)i));
        if (PyErr_Occurred()) return -1;
    }
    return 0;
}

static PyObject *revert(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_reverting said = {0};
    Named named = {0};
    Resolutions resolutions = {0};
    PyObject *versions, *revisions, *decided, *result = NULL;
    long long since, timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO!O!O&O&LO!O&O&L:revert", &memory, &PyTuple_Type, &versions, &PyTuple_Type, &revisions,
            text_converter, &said.agent, text_converter, &said.context, &since, &PyTuple_Type, &decided, text_converter,
            &said.branch, text_converter, &said.message, &timeout))
        return NULL;
    said.since = since, said.timeout_ms = timeout;
    if (!named_parse(versions, revisions, &named, &said) && !resolutions_parse(decided, &resolutions)) {
        said.resolutions = resolutions.all, said.resolution_count = resolutions.count;
        result = call_object(membus_revert(memory, &said, &call), &call);
    }
    PyMem_Free(named.versions);
    PyMem_Free(named.revisions);
    resolutions_clear(&resolutions);
    return result;
}

PyMethodDef merging_functions[] = {
    {"merge", merge, METH_VARARGS, NULL},
    {"rollback", rollback, METH_VARARGS, NULL},
    {"revert", revert, METH_VARARGS, NULL},
    {0}};
