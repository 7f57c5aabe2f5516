/* C's values as Python's, and back. While an exception is set, Python is not called: whatever is made of several parts is
 * given up with the first that could not be made. */
#include "core.h"
#include <stddef.h>
#include <structmember.h>

PyObject *make_record, *make_commit, *make_token, *make_error;

PyObject *text_object(membus_text text) { return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.size, NULL); }

/* ---- What is made of several parts */

/* A tuple that is being filled; NULL once a part could not be made. */
typedef struct {
    PyObject *tuple;
    Py_ssize_t next;
} Parts;

static Parts parts(Py_ssize_t count) { return (Parts){PyTuple_New(count), 0}; }

static void add_part(Parts *parts, PyObject *part)
{
    if (!part || PyTuple_SetItem(parts->tuple, parts->next++, part) < 0) Py_CLEAR(parts->tuple);
}
#define ADD(parts, part)                                                                                               \
    do {                                                                                                               \
        if ((parts).tuple) add_part(&(parts), part);                                                                   \
    } while (0)

/* What `make` makes of them. */
static PyObject *made(PyObject *make, Parts parts)
{
    PyObject *result = parts.tuple ? PyObject_CallObject(make, parts.tuple) : NULL;
    Py_XDECREF(parts.tuple);
    return result;
}

static PyObject *number(long long value) { return PyLong_FromLongLong(value); }
static PyObject *unsigned_number(unsigned long long value) { return PyLong_FromUnsignedLongLong(value); }

PyObject *token_object(membus_token token)
{
    Parts all = parts(3);
    ADD(all, unsigned_number(token.lineage));
    ADD(all, number(token.revision));
    ADD(all, unsigned_number(token.hash));
    return made(make_token, all);
}

/* A list of what `make` makes of each. */
#define LIST_OF(list, items, count, make)                                                                              \
    do {                                                                                                               \
        list = PyList_New((Py_ssize_t)(count));                                                                        \
        for (size_t i = 0; list && i < (count); i++) {                                                                 \
            PyObject *each = make(&(items)[i]);                                                                        \
            if (!each || PyList_SetItem(list, (Py_ssize_t)i, each) < 0) Py_CLEAR(list);                                \
        }                                                                                                              \
    } while (0)

static PyObject *pair(membus_text one, membus_text other)
{
    Parts both = parts(2);
    ADD(both, text_object(one));
    ADD(both, text_object(other));
    return both.tuple;
}
static PyObject *pair_of_attribute(const membus_attribute *attribute) { return pair(attribute->name, attribute->value); }
static PyObject *pair_of_link(const membus_link *link) { return pair(link->relation, link->target); }

/* ---- Records. Their fields are C's, so that nobody writes them: a view gives the same object to all who read it. */

typedef struct {
    PyObject_HEAD
    long long revision, expires;
    unsigned ordinal;
    int state;
    Py_ssize_t size;
    PyObject *key, *value, *kind, *owner, *attributes, *links;
} Record;

static PyObject *attributes_object(const membus_record *record)
{
    PyObject *list;
    if (!record->attribute_count) return Py_NewRef(Py_None);
    LIST_OF(list, record->attributes, record->attribute_count, pair_of_attribute);
    return list;
}

static PyObject *links_object(const membus_record *record)
{
    PyObject *list;
    if (!record->link_count) return Py_NewRef(Py_None);
    LIST_OF(list, record->links, record->link_count, pair_of_link);
    return list;
}

PyObject *record_object(const membus_record *record)
{
    Record *made = (Record *)PyType_GenericAlloc((PyTypeObject *)make_record, 0);
    if (!made) return NULL;
    made->revision = record->revision, made->ordinal = record->ordinal, made->state = record->state;
    made->size = (Py_ssize_t)record->value.size, made->expires = record->expires_ms;
    if ((made->key = text_object(record->key)) && (made->kind = text_object(record->kind))
        && (made->owner = text_object(record->owner))
        && (made->value = record->state == MEMBUS_PRESENT
                              ? PyBytes_FromStringAndSize(record->value.data, (Py_ssize_t)record->value.size)
                              : Py_NewRef(Py_None))
        && (made->attributes = attributes_object(record)) && (made->links = links_object(record)))
        return (PyObject *)made;
    Py_DECREF(made);
    return NULL;
}

static void record_dealloc(PyObject *self)
{
    Record *record = (Record *)self;
    PyObject **fields[] = {&record->key,   &record->value,      &record->kind,
                           &record->owner, &record->attributes, &record->links};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) Py_CLEAR(*fields[i]);
    PyTypeObject *type = Py_TYPE(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

#define FIELD(name, type, field) {name, type, offsetof(Record, field), READONLY, NULL}
static PyMemberDef record_members[] = {
    FIELD("key", T_OBJECT_EX, key), FIELD("revision", T_LONGLONG, revision), FIELD("ordinal", T_UINT, ordinal),
    FIELD("value", T_OBJECT_EX, value), FIELD("size", T_PYSSIZET, size), FIELD("kind", T_OBJECT_EX, kind),
    FIELD("owner", T_OBJECT_EX, owner), FIELD("_state", T_INT, state), FIELD("_expires", T_LONGLONG, expires),
    FIELD("_attributes", T_OBJECT_EX, attributes), FIELD("_links", T_OBJECT_EX, links), {0}};
static PyType_Slot record_slots[] = {
    {Py_tp_dealloc, record_dealloc}, {Py_tp_members, record_members}, {Py_tp_doc, "The fields of a record."}, {0, NULL}};
static PyType_Spec record_spec = {
    "membus._core.Record", sizeof(Record), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, record_slots};

int add_record_type(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&record_spec);
    int code = type ? PyModule_AddObjectRef(module, "Record", type) : -1;
    Py_XDECREF(type);
    return code;
}

/* ---- Commits, answers */

static PyObject *commit_object(const membus_commit *commit)
{
    Parts all = parts(11);
    ADD(all, number(commit->revision));
    ADD(all, unsigned_number(commit->hash));
    ADD(all, text_object(commit->branch));
    ADD(all, text_object(commit->agent));
    ADD(all, text_object(commit->context));
    ADD(all, text_object(commit->message));
    ADD(all, number(commit->time_ms));
    ADD(all, unsigned_number(commit->session));
    ADD(all, unsigned_number(commit->number));
    ADD(all, PyLong_FromSize_t(commit->first_record));
    ADD(all, PyLong_FromSize_t(commit->record_count));
    return made(make_commit, all);
}

static PyObject *records_object(const membus_answer *answer)
{
    PyObject *list;
    LIST_OF(list, answer->records, answer->record_count, record_object);
    return list;
}

static PyObject *commits_object(const membus_answer *answer)
{
    PyObject *list;
    LIST_OF(list, answer->commits, answer->commit_count, commit_object);
    return list;
}

static PyObject *merged_object(const membus_merge_report *report)
{
    if (!report) return Py_NewRef(Py_None);
    Parts all = parts(5);
    ADD(all, number(report->source));
    ADD(all, number(report->written));
    ADD(all, number(report->agreed));
    ADD(all, number(report->settled));
    ADD(all, number(report->parked));
    return all.tuple;
}

PyObject *answer_object(const membus_answer *answer)
{
    Parts all = parts(9);
    ADD(all, unsigned_number(answer->object));
    ADD(all, token_object(answer->token));
    ADD(all, records_object(answer));
    ADD(all, commits_object(answer));
    ADD(all, number(answer->outcome));
    ADD(all, number(answer->is_last));
    ADD(all, number(answer->number));
    ADD(all, text_object(answer->text));
    ADD(all, merged_object(answer->merged));
    return all.tuple;
}

/* ---- Errors */

static PyObject *conflict_object(const membus_conflict *conflict)
{
    Parts all = parts(6);
    ADD(all, number(conflict->precondition.sort));
    ADD(all, text_object(conflict->precondition.name));
    ADD(all, number(conflict->precondition.revision));
    ADD(all, text_object(conflict->key));
    ADD(all, number(conflict->revision));
    ADD(all, record_object(&conflict->current));
    return all.tuple;
}

static PyObject *conflicts_object(const membus_error *error)
{
    PyObject *list;
    LIST_OF(list, error->conflicts, error->conflict_count, conflict_object);
    return list;
}

static PyObject *unsettled_object(const membus_unsettled *unsettled)
{
    const membus_side *sides[] = {&unsettled->base, &unsettled->ours, &unsettled->theirs};
    Parts all = parts(8);
    ADD(all, text_object(unsettled->key));
    ADD(all, number(unsettled->kind));
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        ADD(all, record_object(&sides[i]->record));
        ADD(all, commit_object(&sides[i]->commit));
    }
    return all.tuple;
}

static PyObject *all_unsettled_object(const membus_error *error)
{
    PyObject *list;
    LIST_OF(list, error->unsettled, error->unsettled_count, unsettled_object);
    return list;
}

/* The thread that ends the interpreter; 0: none does. */
static unsigned long ending;

PyObject *set_ending(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    ending = PyThread_get_thread_ident();
    Py_RETURN_NONE;
}

/* At the interpreter's end connections are closed, so that what was read is on record. Threads that still use them are
 * daemons, of which nobody wants to hear: they end without a word, so that whoever joins one then need not wait. */
static int ends_quietly(int code)
{
    if ((code != MEMBUS_CLOSED && code != MEMBUS_BAD_HANDLE) || !ending || ending == PyThread_get_thread_ident()) return 0;
    PyErr_SetNone(PyExc_SystemExit);
    return 1;
}

PyObject *raise_error(void)
{
    /* Kept: what Python does meanwhile (finalizers, signals' handlers) may fail on this thread, too. */
    membus_object kept;
    const membus_error *error = membus_keep_error(&kept);
    if (!ends_quietly(error->code)) {
        Parts all = parts(11);
        ADD(all, number(error->code));
        ADD(all, number(error->remedy));
        ADD(all, text_object(error->name));
        ADD(all, text_object(error->message));
        ADD(all, text_object(error->hint));
        ADD(all, text_object(error->subject));
        ADD(all, number(error->outcome_unknown));
        ADD(all, token_object(error->token));
        ADD(all, conflicts_object(error));
        ADD(all, all_unsettled_object(error));
        ADD(all, PyLong_FromSize_t(error->unlisted_count));
        PyObject *exception = made(make_error, all);
        if (exception) {
            PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
            Py_DECREF(exception);
        }
    }
    membus_free(kept);
    return NULL;
}

int text_converter(PyObject *object, void *place)
{
    membus_text *text = place;
    *text = (membus_text){"", 0};
    if (object == Py_None) return 1;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a text is wanted, not %R", Py_TYPE(object));
        return 0;
    }
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(object, &size);
    if (!data) return 0;
    *text = (membus_text){data, (size_t)size};
    return 1;
}

void texts_clear(Texts *texts)
{
    PyMem_Free(texts->texts);
    Py_CLEAR(texts->held);
    texts->texts = NULL;
}

int texts_converter(PyObject *object, void *place)
{
    Texts *texts = place;
    if (!object) {
        /* What comes behind it is none that the function takes. */
        texts_clear(texts);
        return 1;
    }
    *texts = (Texts){0};
    texts->held = PySequence_Tuple(object);
    if (!texts->held) return 0;
    Py_ssize_t count = PyTuple_Size(texts->held);
    texts->count = (size_t)count;
    texts->texts = PyMem_Calloc((size_t)count + 1, sizeof(membus_text));
    if (!texts->texts) {
        texts_clear(texts);
        PyErr_NoMemory();
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyTuple_GetItem(texts->held, i);
        if (!PyUnicode_Check(item)) {
            PyErr_Format(PyExc_TypeError, "names of keys and topics are str, not %R", Py_TYPE(item));
            texts_clear(texts);
            return 0;
        }
        if (!text_converter(item, &texts->texts[i])) {
            texts_clear(texts);
            return 0;
        }
    }
    return Py_CLEANUP_SUPPORTED;
}

int token_converter(PyObject *object, void *place)
{
    membus_token *token = place;
    *token = (membus_token){0};
    if (object == Py_None) return 1;
    unsigned long long lineage, hash;
    long long revision;
    if (!PyTuple_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a Token is wanted (a receipt has one: receipt.token), not %R", Py_TYPE(object));
        return 0;
    }
    if (!PyArg_ParseTuple(object, "KLK", &lineage, &revision, &hash)) return 0;
    *token = (membus_token){lineage, revision, hash};
    return 1;
}
