/* The module, and the constants of membus.h that Python speaks in. */
#include "core.h"

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"AT", MEMBUS_AT}, {"IS_ABSENT", MEMBUS_IS_ABSENT}, {"UNCHANGED", MEMBUS_UNCHANGED}, {"SOUND", MEMBUS_SOUND},
    {"PUT", MEMBUS_PUT}, {"DELETE", MEMBUS_DELETE}, {"INCREMENT", MEMBUS_INCREMENT}, {"APPEND", MEMBUS_APPEND},
    {"PATCH", MEMBUS_PATCH},
    {"OURS", MEMBUS_OURS}, {"THEIRS", MEMBUS_THEIRS}, {"BASE", MEMBUS_BASE}, {"REMOVE", MEMBUS_REMOVE},
    {"REPLACE", MEMBUS_REPLACE},
    {"CACHED", MEMBUS_CACHED}, {"AT_LEAST", MEMBUS_AT_LEAST}, {"WITHIN", MEMBUS_WITHIN},
    {"LINEARIZABLE", MEMBUS_LINEARIZABLE}, {"LIVE", MEMBUS_LIVE},
    {"COMMITTED", MEMBUS_COMMITTED}, {"HELD", MEMBUS_HELD}, {"RUN_AGAIN", MEMBUS_RUN_AGAIN},
    {"EVERYTHING", MEMBUS_EVERYTHING},
    {"NONE", MEMBUS_NONE}, {"PRESENT", MEMBUS_PRESENT}, {"ANNOUNCED", MEMBUS_ANNOUNCED}, {"DELETED", MEMBUS_DELETED},
    {"STATUS", MEMBUS_STATUS}, {"BRANCHES", MEMBUS_BRANCHES}, {"LIMITS", MEMBUS_LIMITS},
    {"VERIFICATION", MEMBUS_VERIFICATION}, {"TAGS", MEMBUS_TAGS},
    {"CLOSE_BRANCH", MEMBUS_CLOSE_BRANCH}, {"REOPEN_BRANCH", MEMBUS_REOPEN_BRANCH},
    {"PROTECT_BRANCH", MEMBUS_PROTECT_BRANCH}, {"UNPROTECT_BRANCH", MEMBUS_UNPROTECT_BRANCH},
    {"DELETE_BRANCH", MEMBUS_DELETE_BRANCH},
};

static int fill(PyObject *module)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    if (PyInterpreterState_GetID(interpreter) != 0) {
        PyErr_SetString(
            PyExc_ImportError, "membus works in the main interpreter only: use threads or processes beside it, not "
                               "subinterpreters");
        return -1;
    }
    if (membus_api() != MEMBUS_API) {
        PyErr_Format(
            PyExc_ImportError, "libmembus speaks version %d of membus.h, this module %d: install membus anew",
            membus_api(), MEMBUS_API);
        return -1;
    }
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (PyModule_AddIntConstant(module, constants[i].name, constants[i].value) < 0) return -1;
    return add_record_type(module) < 0 || add_call_types(module) < 0 || add_view_types(module) < 0
                   || PyModule_AddFunctions(module, transaction_functions) < 0
                   || PyModule_AddFunctions(module, branch_functions) < 0
                   || PyModule_AddFunctions(module, merging_functions) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "membus._core", .m_doc = "What of libmembus the package is made of.",
    .m_size = 0, .m_methods = functions, .m_slots = slots};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
