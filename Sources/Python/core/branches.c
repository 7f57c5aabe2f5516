/* What becomes of branches and tags. */
#include "core.h"

typedef unsigned long long Number;

static PyObject *fork_branch(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_forking said = {0};
    long long revision, timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&LiO&L:fork", &memory, text_converter, &said.name, text_converter, &said.parent, &revision,
            &said.expires, text_converter, &said.message, &timeout))
        return NULL;
    said.revision = revision, said.timeout_ms = timeout;
    return call_object(membus_fork(memory, &said, &call), &call);
}

static PyObject *change_branch(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_branch_changing said = {0};
    long long timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO&iO&L:change_branch", &memory, text_converter, &said.name, &said.action, text_converter,
            &said.message, &timeout))
        return NULL;
    said.timeout_ms = timeout;
    return call_object(membus_change_branch(memory, &said, &call), &call);
}

static PyObject *tag(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_tagging said = {0};
    long long revision, timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&LiO&L:tag", &memory, text_converter, &said.name, text_converter, &said.branch, &revision,
            &said.remove, text_converter, &said.message, &timeout))
        return NULL;
    said.revision = revision, said.timeout_ms = timeout;
    return call_object(membus_tag(memory, &said, &call), &call);
}

static PyObject *find_state(PyObject *module, PyObject *arguments)
{
    (void)module;
    Number memory;
    membus_text name = {0}, branch = {0};
    long long timeout;
    membus_call call;
    if (!PyArg_ParseTuple(
            arguments, "KO&O&L:find_state", &memory, text_converter, &name, text_converter, &branch, &timeout))
        return NULL;
    return call_object(membus_find_state(memory, name, branch, timeout, &call), &call);
}

PyMethodDef branch_functions[] = {
    {"fork", fork_branch, METH_VARARGS, NULL},
    {"change_branch", change_branch, METH_VARARGS, NULL},
    {"tag", tag, METH_VARARGS, NULL},
    {"find_state", find_state, METH_VARARGS, NULL},
    {0}};
