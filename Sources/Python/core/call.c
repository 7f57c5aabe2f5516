/* Call: something under way. Owner: an object of libmembus that goes with its Python object. */
#include "core.h"

PyTypeObject *call_type, *owner_type;

typedef struct {
    PyObject_HEAD
    membus_object number;
} Numbered;

static PyObject *numbered(PyTypeObject *type, membus_object number)
{
    Numbered *self = (Numbered *)PyType_GenericAlloc(type, 0);
    if (!self) {
        membus_free(number);
        return NULL;
    }
    self->number = number;
    return (PyObject *)self;
}

static void numbered_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    membus_free(((Numbered *)self)->number);
    freefunc free_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_object(self);
    Py_DECREF(type);
}

PyObject *call_object(int code, const membus_call *number)
{
    return code ? raise_error() : numbered(call_type, *number);
}

PyObject *owner_object(int code, const membus_object *number)
{
    return code ? raise_error() : numbered(owner_type, *number);
}

static PyObject *numbered_number(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((Numbered *)self)->number);
}

static PyObject *owner_free(PyObject *self, PyObject *unused)
{
    (void)unused;
    membus_free(((Numbered *)self)->number);
    Py_RETURN_NONE;
}

/* A signal may come just before a wait begins, and then wakes nobody: nobody waits longer than this at a time. */
#define SLICE_MS 100

/* -> the code of a call that is done; -1 with an exception: a signal's handler raised one */
static int wait_for(membus_call number, const membus_answer **answer)
{
    int code = membus_wait(number, 0, NULL);
    while (code == MEMBUS_NOT_DONE || code == MEMBUS_INTERRUPTED) {
        if (PyErr_CheckSignals() < 0) return -1;
        Py_BEGIN_ALLOW_THREADS
        code = membus_wait(number, SLICE_MS, NULL);
        Py_END_ALLOW_THREADS
    }
    if (code) return code;
    /* It is put together now, which takes as long as it is large. */
    Py_BEGIN_ALLOW_THREADS
    code = membus_wait(number, 0, answer);
    Py_END_ALLOW_THREADS
    return code;
}

PyDoc_STRVAR(wait_doc, "wait() -> tuple\n\nWaits until the call is done, and gives its answer or raises its error.\n"
                       "A signal's handler that raises (Ctrl-C) ends the waiting at once, not the call.");

static PyObject *call_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    const membus_answer *answer;
    int code = wait_for(((Numbered *)self)->number, &answer);
    if (code < 0) return NULL;
    return code ? raise_error() : answer_object(answer);
}

static PyObject *call_fileno(PyObject *self, PyObject *unused)
{
    (void)unused;
    int descriptor;
    if (membus_call_descriptor(((Numbered *)self)->number, &descriptor)) return raise_error();
    return PyLong_FromLong(descriptor);
}

static PyObject *call_cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (membus_cancel(((Numbered *)self)->number)) return raise_error();
    Py_RETURN_NONE;
}

static PyObject *call_is_done(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(membus_wait(((Numbered *)self)->number, 0, NULL) != MEMBUS_NOT_DONE);
}

static PyMethodDef call_methods[] = {
    {"wait", call_wait, METH_NOARGS, wait_doc},
    {"fileno", call_fileno, METH_NOARGS, "fileno() -> int\n\nA descriptor that is readable once the call is done."},
    {"cancel", call_cancel, METH_NOARGS, "cancel()\n\nHas the call done at once, as cancelled, unless it is done."},
    {"is_done", call_is_done, METH_NOARGS, "is_done() -> bool"},
    {0}};
static PyMethodDef owner_methods[] = {
    {"free", owner_free, METH_NOARGS, "free()\n\nLets go of it now. May be called again."}, {0}};
static PyGetSetDef numbered_properties[] = {{"number", numbered_number, NULL, "The object's number.", NULL}, {0}};

static PyType_Slot call_slots[] = {
    {Py_tp_dealloc, numbered_dealloc}, {Py_tp_methods, call_methods}, {Py_tp_getset, numbered_properties},
    {Py_tp_doc, "Something under way."}, {0, NULL}};
static PyType_Slot owner_slots[] = {
    {Py_tp_dealloc, numbered_dealloc}, {Py_tp_methods, owner_methods}, {Py_tp_getset, numbered_properties},
    {Py_tp_doc, "An object that goes with this."}, {0, NULL}};
/* Made by functions alone. */
#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec call_spec = {"membus._core.Call", sizeof(Numbered), 0, FLAGS, call_slots};
static PyType_Spec owner_spec = {"membus._core.Owner", sizeof(Numbered), 0, FLAGS, owner_slots};

int add_call_types(PyObject *module)
{
    call_type = (PyTypeObject *)PyType_FromSpec(&call_spec);
    owner_type = (PyTypeObject *)PyType_FromSpec(&owner_spec);
    if (!call_type || !owner_type) return -1;
    return PyModule_AddObjectRef(module, "Call", (PyObject *)call_type) < 0
                   || PyModule_AddObjectRef(module, "Owner", (PyObject *)owner_type) < 0
               ? -1
               : 0;
}
