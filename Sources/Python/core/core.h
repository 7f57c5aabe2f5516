/* membus._core: what of libmembus Python needs, as plain functions and three types. No rule is here; the package makes
 * of it what people use.
 *
 * Everything runs under the interpreter's lock but what waits. */
#ifndef MEMBUS_CORE_H
#define MEMBUS_CORE_H

#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <membus.h>

/* What makes Python's values, and exceptions; set once by `setup`. */
extern PyObject *make_record, *make_commit, *make_token, *make_error;

/* ---- Values (values.c) */

/* The interpreter ends, by this thread. */
PyObject *set_ending(PyObject *module, PyObject *unused);
/* Raises what `membus_last_error` tells. -> NULL */
PyObject *raise_error(void);
/* New references; NULL with an exception. */
PyObject *text_object(membus_text text);
PyObject *token_object(membus_token token);
PyObject *record_object(const membus_record *record);
int add_record_type(PyObject *module);
/* (object, token, records, commits, outcome, is_last, number, text, merged)
 * merged: None, or (source, written, agreed, settled, parked) */
PyObject *answer_object(const membus_answer *answer);

/* Texts of a sequence of `str`, lent by the objects in `held`. */
typedef struct {
    PyObject *held;
    membus_text *texts;
    size_t count;
} Texts;
/* As PyArg_ParseTuple's O& wants it: `str` or None (empty); a sequence of `str`; a token's three numbers, or None. */
int text_converter(PyObject *object, void *text);
int texts_converter(PyObject *object, void *texts);
int token_converter(PyObject *object, void *token);
void texts_clear(Texts *texts);

/* ---- Calls (call.c) */

extern PyTypeObject *call_type, *owner_type;
/* A Call; or the exception of a code. By its place, since what gives the code writes it there. */
PyObject *call_object(int code, const membus_call *number);
/* An Owner, which frees its object when it goes; or the exception. */
PyObject *owner_object(int code, const membus_object *number);
int add_call_types(PyObject *module);

/* ---- Views (view.c) */

int add_view_types(PyObject *module);

/* ---- Functions (functions.c, transactions.c, branches.c, merging.c) */

extern PyMethodDef functions[], transaction_functions[], branch_functions[], merging_functions[];

/* A put's value, kind, attributes, links and expiry, of a tuple of six. What it points to is lent by the tuple, or
 * freed by `put_clear`, which may be called in any case. -> -1 with an exception */
int put_parse(PyObject *tuple, membus_change *put);
void put_clear(membus_change *put);

#endif
