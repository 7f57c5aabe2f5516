/* The local reads. A view keeps the Python record that it made of each version: as long as the version is the same, a
 * read makes and copies nothing. What it keeps is bounded; beyond the bound it begins anew. */
#include "core.h"

#define MOST_KEPT 100000
/* Of their values, in bytes. Larger values are copied anew by each read. */
#define MOST_BYTES (16 << 20)
#define LARGEST_KEPT (64 << 10)

/* A record as Python has it, and the version that it was made of. */
typedef struct {
    PyObject_HEAD
    membus_version version;
    PyObject *record;
} Seen;

typedef struct {
    PyObject_HEAD
    membus_view number;
    /* Of Seen, by key. */
    PyObject *seen;
    size_t bytes;
} View;

typedef struct {
    PyObject_HEAD
    membus_handle number;
    PyObject *seen;
} Handle;

static PyTypeObject *seen_type;

static void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static void seen_dealloc(PyObject *self)
{
    Py_CLEAR(((Seen *)self)->record);
    free_object(self);
}

/* Takes what is lent, and makes a Seen of it; NULL with an exception. */
static void take(void *place, const membus_record *record, const membus_version *version)
{
    PyObject **made = place;
    Seen *seen = (Seen *)PyType_GenericAlloc(seen_type, 0);
    if (!seen) return;
    seen->version = *version;
    seen->record = record_object(record);
    if (seen->record) {
        *made = (PyObject *)seen;
    } else {
        Py_DECREF(seen);
    }
}

static int is_of(PyObject *object, const membus_version *version)
{
    const membus_version *own = &((Seen *)object)->version;
    return own->revision == version->revision && own->ordinal == version->ordinal && own->history == version->history;
}

/* -> a new Seen; NULL: with an exception, or there is no record (`code` tells) */
static PyObject *lent(int code, PyObject *made)
{
    return code == MEMBUS_OK || code == MEMBUS_ABSENT ? made : raise_error();
}

/* What is kept of the key is let go of. */
static void forget(View *self, PyObject *key)
{
    PyObject *seen = PyDict_GetItemWithError(self->seen, key);
    if (seen) {
        self->bytes -= ((Seen *)seen)->version.size;
        if (PyDict_DelItem(self->seen, key) == 0) return;
    }
    PyErr_Clear();
}

/* Takes over `seen`. -> its record */
static PyObject *keep(View *self, PyObject *key, PyObject *seen)
{
    size_t size = ((Seen *)seen)->version.size;
    PyObject *record = Py_NewRef(((Seen *)seen)->record);
    forget(self, key);
    if (size <= LARGEST_KEPT) {
        if (PyDict_Size(self->seen) >= MOST_KEPT || self->bytes + size > MOST_BYTES) {
            PyDict_Clear(self->seen);
            self->bytes = 0;
        }
        if (PyDict_SetItem(self->seen, key, seen) == 0) self->bytes += size;
        else Py_CLEAR(record);
    }
    Py_DECREF(seen);
    return record;
}

/* -> 0 with an exception */
static int key_text(PyObject *key, membus_text *text)
{
    if (key == Py_None) {
        PyErr_SetString(PyExc_TypeError, "a key is a str, not None");
        return 0;
    }
    return text_converter(key, text);
}

/* -> the record; NULL: with an exception, or there is none */
static PyObject *view_record(View *self, PyObject *key)
{
    membus_text text;
    if (!key_text(key, &text)) return NULL;
    membus_version version;
    int code = membus_view_version(self->number, text, &version);
    if (code == MEMBUS_OK) {
        PyObject *seen = PyDict_GetItemWithError(self->seen, key);
        if (seen && is_of(seen, &version)) return Py_NewRef(((Seen *)seen)->record);
        if (!seen && PyErr_Occurred()) return NULL;
        PyObject *made = NULL;
        code = membus_view_lend(self->number, text, take, &made);
        made = lent(code, made);
        if (made) return keep(self, key, made);
        if (code == MEMBUS_OK || PyErr_Occurred()) return NULL;
    } else if (code != MEMBUS_ABSENT) {
        return raise_error();
    }
    forget(self, key);
    return NULL;
}

static PyObject *view_subscript(PyObject *self, PyObject *key)
{
    PyObject *record = view_record((View *)self, key);
    if (!record && !PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, key);
    return record;
}

static int view_contains(PyObject *self, PyObject *key)
{
    if (!PyUnicode_Check(key)) return 0;
    membus_text text;
    if (!text_converter(key, &text)) {
        /* Halves of characters: no record has such a key. */
        PyErr_Clear();
        return 0;
    }
    int code = membus_view_version(((View *)self)->number, text, NULL);
    if (code == MEMBUS_OK || code == MEMBUS_NOT_HERE) return 1;
    if (code == MEMBUS_ABSENT || code == MEMBUS_NOT_FOLLOWED || code == MEMBUS_INVALID_NAME) return 0;
    raise_error();
    return -1;
}

static Py_ssize_t view_length(PyObject *self)
{
    membus_view_state state;
    if (membus_view_status(((View *)self)->number, &state)) {
        raise_error();
        return -1;
    }
    return (Py_ssize_t)state.count;
}

PyDoc_STRVAR(peek_doc, "peek(key) -> Record | None\n\nThe record in the cache, or None.");

static PyObject *view_peek(PyObject *self, PyObject *key)
{
    PyObject *record = view_record((View *)self, key);
    return record || PyErr_Occurred() ? record : Py_NewRef(Py_None);
}

/* A read of several keys under way. */
typedef struct {
    View *view;
    PyObject *keys;
    PyObject *records;
    Py_ssize_t next;
    int has_failed;
} Reading;

/* One record of a read of several: the one that was made of this version, or a new one. */
static void take_next(void *place, const membus_record *record, const membus_version *version)
{
    Reading *reading = place;
    if (reading->has_failed) return;
    PyObject *found = NULL;
    if (record->state == MEMBUS_NONE) {
        found = Py_NewRef(Py_None);
    } else {
        PyObject *key = PyTuple_GetItem(reading->keys, reading->next);
        PyObject *seen = PyDict_GetItemWithError(reading->view->seen, key);
        if (seen && is_of(seen, version)) {
            found = Py_NewRef(((Seen *)seen)->record);
        } else if (!PyErr_Occurred()) {
            PyObject *made = NULL;
            take(&made, record, version);
            if (made) found = keep(reading->view, key, made);
        }
    }
    reading->has_failed = !found || PyTuple_SetItem(reading->records, reading->next, found) < 0;
    reading->next++;
}

PyDoc_STRVAR(read_doc,
             "read(*keys) -> tuple\n\nSeveral records of one revision, from the cache; None for a key that has none.\n\n"
             "Raises:\n    NotHere: a value has to be fetched: use `get_all`.\n"
             "    NotFollowed, Stale, Closed: as `view[key]` does.");

static PyObject *view_read(PyObject *self, PyObject *arguments)
{
    Texts keys;
    if (!texts_converter(arguments, &keys)) return NULL;
    Reading reading = {(View *)self, keys.held, PyTuple_New((Py_ssize_t)keys.count), 0, 0};
    int code = MEMBUS_OK;
    if (reading.records && keys.count)
        code = membus_view_lend_all(
            ((View *)self)->number, keys.texts, keys.count, take_next, &reading, NULL);
    texts_clear(&keys);
    if (reading.records && !code && !reading.has_failed) return reading.records;
    Py_XDECREF(reading.records);
    return code ? raise_error() : NULL;
}

static PyObject *handle_new(membus_handle number);

static PyObject *view_handle(PyObject *self, PyObject *key)
{
    membus_text text;
    membus_handle number;
    if (!key_text(key, &text)) return NULL;
    if (membus_view_handle(((View *)self)->number, text, &number)) return raise_error();
    return handle_new(number);
}

static PyObject *view_number(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((View *)self)->number);
}

static PyObject *view_free(PyObject *self, PyObject *unused)
{
    (void)unused;
    membus_free(((View *)self)->number);
    PyDict_Clear(((View *)self)->seen);
    ((View *)self)->bytes = 0;
    Py_RETURN_NONE;
}

static PyObject *view_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    (void)keywords;
    /* What follows is the subclass's. */
    PyObject *first = PyTuple_GetItem(arguments, 0);
    unsigned long long number = first ? PyLong_AsUnsignedLongLong(first) : 0;
    if (PyErr_Occurred()) return NULL;
    View *self = (View *)PyType_GenericAlloc(type, 0);
    if (!self) return NULL;
    self->number = number;
    self->seen = PyDict_New();
    if (!self->seen) Py_CLEAR(self);
    return (PyObject *)self;
}

static void view_dealloc(PyObject *self)
{
    membus_free(((View *)self)->number);
    Py_CLEAR(((View *)self)->seen);
    free_object(self);
}

/* ---- Handles */

static PyTypeObject *handle_type;

static PyObject *handle_new(membus_handle number)
{
    Handle *self = (Handle *)PyType_GenericAlloc(handle_type, 0);
    if (!self) {
        membus_free(number);
        return NULL;
    }
    self->number = number;
    return (PyObject *)self;
}

static PyObject *handle_record(PyObject *object, void *unused)
{
    (void)unused;
    Handle *self = (Handle *)object;
    membus_version version;
    int code = membus_handle_version(self->number, &version);
    if (code == MEMBUS_OK && (!self->seen || !is_of(self->seen, &version))) {
        PyObject *made = NULL;
        code = membus_handle_lend(self->number, take, &made);
        PyObject *before = self->seen;
        self->seen = lent(code, made);
        Py_XDECREF(before);
        if (!self->seen && PyErr_Occurred()) return NULL;
    }
    if (code == MEMBUS_OK && self->seen) return Py_NewRef(((Seen *)self->seen)->record);
    if (code != MEMBUS_ABSENT) return raise_error();
    Py_CLEAR(self->seen);
    Py_RETURN_NONE;
}

static void handle_dealloc(PyObject *self)
{
    membus_free(((Handle *)self)->number);
    Py_CLEAR(((Handle *)self)->seen);
    free_object(self);
}

/* ---- Types */

static PyMethodDef view_methods[] = {
    {"peek", view_peek, METH_O, peek_doc},
    {"read", view_read, METH_VARARGS, read_doc},
    {"handle", view_handle, METH_O, "handle(key) -> Handle\n\nA key, resolved once, for the fastest reads."},
    {"_free", view_free, METH_NOARGS, NULL},
    {0}};
static PyGetSetDef view_properties[] = {{"_number", view_number, NULL, NULL, NULL}, {0}};
static PyGetSetDef handle_properties[] = {
    {"record", handle_record, NULL, "The record in the cache, or None.", NULL}, {0}};
static PyType_Slot view_slots[] = {
    {Py_tp_new, view_new}, {Py_tp_dealloc, view_dealloc}, {Py_tp_methods, view_methods},
    {Py_tp_getset, view_properties}, {Py_mp_subscript, view_subscript}, {Py_mp_length, view_length},
    {Py_sq_contains, view_contains}, {Py_tp_doc, "The local reads of a view."}, {0, NULL}};
static PyType_Slot handle_slots[] = {
    {Py_tp_dealloc, handle_dealloc}, {Py_tp_getset, handle_properties},
    {Py_tp_doc, "A key of a view, resolved once: the fastest way to read it again and again."}, {0, NULL}};
static PyType_Slot seen_slots[] = {{Py_tp_dealloc, seen_dealloc}, {0, NULL}};

#define MADE_HERE (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec view_spec = {
    "membus._core.View", sizeof(View), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, view_slots};
static PyType_Spec handle_spec = {"membus.Handle", sizeof(Handle), 0, MADE_HERE, handle_slots};
static PyType_Spec seen_spec = {"membus._core.Seen", sizeof(Seen), 0, MADE_HERE, seen_slots};

int add_view_types(PyObject *module)
{
    seen_type = (PyTypeObject *)PyType_FromSpec(&seen_spec);
    handle_type = (PyTypeObject *)PyType_FromSpec(&handle_spec);
    PyObject *view_type = PyType_FromSpec(&view_spec);
    int code = seen_type && handle_type && view_type
                       && PyModule_AddObjectRef(module, "Handle", (PyObject *)handle_type) == 0
                       && PyModule_AddObjectRef(module, "View", view_type) == 0
                   ? 0
                   : -1;
    Py_XDECREF(view_type);
    return code;
}
