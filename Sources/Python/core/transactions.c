/* Transactions: begun, read and changed, committed. */
#include "core.h"

typedef unsigned long long Number;

static PyObject *transaction_begin(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_transacting said = {0};
    long long timeout;
    membus_transaction transaction;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&iL:transaction_begin", &memory, text_converter, &said.message, text_converter,
            &said.branch, &said.retries, &timeout))
        return NULL;
    said.timeout_ms = timeout;
    return owner_object(membus_transaction_begin(memory, &said, &transaction), &transaction);
}

static PyObject *transaction_get(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    Texts keys;
    int is_required;
    membus_call call;
    if (!PyArg_ParseTuple(arguments, "KO&p:transaction_get", &transaction, texts_converter, &keys, &is_required))
        return NULL;
    int code = membus_transaction_get(transaction, keys.texts, keys.count, is_required, &call);
    texts_clear(&keys);
    return call_object(code, &call);
}

static PyObject *transaction_require(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    membus_precondition precondition;
    int sort;
    long long revision;
    if (!PyArg_ParseTuple(
            arguments, "KiO&L:transaction_require", &transaction, &sort, text_converter, &precondition.name, &revision))
        return NULL;
    precondition.sort = sort, precondition.revision = revision;
    if (membus_transaction_require(transaction, &precondition)) return raise_error();
    Py_RETURN_NONE;
}

/* Pairs of texts: attributes and links are alike in C. */
_Static_assert(sizeof(membus_attribute) == sizeof(membus_link), "a pair of texts");

/* -> -1 with an exception */
static int pairs(PyObject *tuple, membus_attribute **found, size_t *count)
{
    *count = (size_t)PyTuple_Size(tuple);
    *found = PyMem_Calloc(*count + 1, sizeof(membus_attribute));
    if (!*found) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < *count; i++) {
        PyObject *pair = PyTuple_GetItem(tuple, (Py_ssize_t)i);
        membus_attribute *place = &(*found)[i];
        if (!PyArg_ParseTuple(pair, "O&O&", text_converter, &place->name, text_converter, &place->value)) return -1;
    }
    return 0;
}

static PyObject *transaction_change(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    membus_change change = {0};
    const char *value;
    Py_ssize_t size;
    long long amount, after, at;
    PyObject *attributes, *links;
    if (!PyArg_ParseTuple(
            arguments, "KiO&y#LO&O!O!LL:transaction_change", &transaction, &change.action, text_converter, &change.key,
            &value, &size, &amount, text_converter, &change.kind, &PyTuple_Type, &attributes, &PyTuple_Type, &links,
            &after, &at))
        return NULL;
    change.value = (membus_text){value, (size_t)size};
    change.amount = amount, change.expires_after_ms = after, change.expires_at_ms = at;
    membus_attribute *own_attributes = NULL, *own_links = NULL;
    PyObject *result = NULL;
    if (!pairs(attributes, &own_attributes, &change.attribute_count) && !pairs(links, &own_links, &change.link_count)) {
        change.attributes = own_attributes;
        change.links = (membus_link *)own_links;
        result = membus_transaction_change(transaction, &change) ? raise_error() : Py_NewRef(Py_None);
    }
    PyMem_Free(own_attributes);
    PyMem_Free(own_links);
    return result;
}

static PyObject *transaction_commit(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    membus_call call;
    if (!PyArg_ParseTuple(arguments, "K:transaction_commit", &transaction)) return NULL;
    return call_object(membus_transaction_commit(transaction, &call), &call);
}

static PyObject *transaction_rerun(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    if (!PyArg_ParseTuple(arguments, "K:transaction_rerun", &transaction)) return NULL;
    if (membus_transaction_rerun(transaction)) return raise_error();
    Py_RETURN_NONE;
}

static PyObject *fork_branch(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_forking said = {0};
    long long revision, timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&LO&L:fork", &memory, text_converter, &said.name, text_converter, &said.parent, &revision,
            text_converter, &said.message, &timeout))
        return NULL;
    said.revision = revision, said.timeout_ms = timeout;
    return call_object(membus_fork(memory, &said, &call), &call);
}

PyMethodDef transaction_functions[] = {
    {"transaction_begin", transaction_begin, METH_VARARGS, NULL},
    {"transaction_get", transaction_get, METH_VARARGS, NULL},
    {"transaction_require", transaction_require, METH_VARARGS, NULL},
    {"transaction_change", transaction_change, METH_VARARGS, NULL},
    {"transaction_commit", transaction_commit, METH_VARARGS, NULL},
    {"transaction_rerun", transaction_rerun, METH_VARARGS, NULL},
    {"fork", fork_branch, METH_VARARGS, NULL},
    {0}};
