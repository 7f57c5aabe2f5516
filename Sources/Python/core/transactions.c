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

int put_parse(PyObject *tuple, membus_change *put)
{
    const char *value;
    Py_ssize_t size;
    long long after, at;
    PyObject *attributes, *links;
    membus_attribute *own_attributes = NULL, *own_links = NULL;
    if (!PyArg_ParseTuple(
            tuple, "y#O&O!O!LL:put", &value, &size, text_converter, &put->kind, &PyTuple_Type, &attributes,
            &PyTuple_Type, &links, &after, &at))
        return -1;
    put->value = (membus_text){value, (size_t)size};
    put->expires_after_ms = after, put->expires_at_ms = at;
    int code = pairs(attributes, &own_attributes, &put->attribute_count) || pairs(links, &own_links, &put->link_count);
    put->attributes = own_attributes;
    put->links = (membus_link *)own_links;
    return code ? -1 : 0;
}

void put_clear(membus_change *put)
{
    PyMem_Free((void *)put->attributes);
    PyMem_Free((void *)put->links);
    put->attributes = NULL, put->links = NULL;
}

static PyObject *transaction_put(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    membus_change change = {.action = MEMBUS_PUT};
    PyObject *put, *result = NULL;
    if (!PyArg_ParseTuple(
            arguments, "KO&O!:transaction_put", &transaction, text_converter, &change.key, &PyTuple_Type, &put))
        return NULL;
    if (!put_parse(put, &change))
        result = membus_transaction_change(transaction, &change) ? raise_error() : Py_NewRef(Py_None);
    put_clear(&change);
    return result;
}

/* Of a key that was put: floats of 32 bits, as bytes. */
static PyObject *transaction_vectors(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    membus_text key, space;
    const char *floats;
    Py_ssize_t size, dimensions, count;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&y#nn:transaction_vectors", &transaction, text_converter, &key, text_converter, &space,
            &floats, &size, &dimensions, &count))
        return NULL;
    if (dimensions < 1 || count < 1 || size / (Py_ssize_t)sizeof(float) / dimensions != count || size % sizeof(float) ||
        size / (Py_ssize_t)sizeof(float) % dimensions) {
        PyErr_SetString(PyExc_ValueError, "the floats are not so many vectors of these dimensions");
        return NULL;
    }
    if (membus_transaction_vectors(
            transaction, key, space, (const float *)(const void *)floats, (size_t)dimensions, (size_t)count))
        return raise_error();
    Py_RETURN_NONE;
}

static PyObject *transaction_change(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number transaction;
    membus_change change = {0};
    const char *value;
    Py_ssize_t size;
    long long amount;
    if (!PyArg_ParseTuple(
            arguments, "KiO&y#L:transaction_change", &transaction, &change.action, text_converter, &change.key, &value,
            &size, &amount))
        return NULL;
    change.value = (membus_text){value, (size_t)size};
    change.amount = amount;
    if (membus_transaction_change(transaction, &change)) return raise_error();
    Py_RETURN_NONE;
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

PyMethodDef transaction_functions[] = {
    {"transaction_begin", transaction_begin, METH_VARARGS, NULL},
    {"transaction_get", transaction_get, METH_VARARGS, NULL},
    {"transaction_require", transaction_require, METH_VARARGS, NULL},
    {"transaction_put", transaction_put, METH_VARARGS, NULL},
    {"transaction_vectors", transaction_vectors, METH_VARARGS, NULL},
    {"transaction_change", transaction_change, METH_VARARGS, NULL},
    {"transaction_commit", transaction_commit, METH_VARARGS, NULL},
    {"transaction_rerun", transaction_rerun, METH_VARARGS, NULL},
    {0}};
