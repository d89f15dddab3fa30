/*
 * Fields of a dataclass with slots, by where they are in its objects: a field that is looked up by its name
 * costs more than all else there is to do for it. See "Defining Slots" and PyMemberDef in CPython's manual.
 */
#ifndef LL_SLOTS_H
#define LL_SLOTS_H

#include <Python.h>
#include <structmember.h>

/* Where the slot of that name is in objects of a type; 0 when it has no such slot of its own or its bases'. */
static Py_ssize_t ll_slot_of(PyTypeObject *kind, PyObject *name)
{
    PyObject *found = PyObject_GetAttr((PyObject *)kind, name);
    Py_ssize_t offset = 0;
    if (found == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (Py_IS_TYPE(found, &PyMemberDescr_Type) && PyType_IsSubtype(kind, PyDescr_TYPE(found))) {
        const PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type == T_OBJECT_EX)
            offset = member->offset;
    }
    Py_DECREF(found);
    return offset;
}

/* Sets a slot of a new object, in which it is still empty. */
static void ll_fill_slot(PyObject *record, Py_ssize_t offset, PyObject *value)
{
    *(PyObject **)((char *)record + offset) = Py_NewRef(value);
}

/* What is in a slot; NULL and AttributeError when it is empty. */
static PyObject *ll_slot_value(PyObject *record, Py_ssize_t offset)
{
    PyObject *value = *(PyObject **)((char *)record + offset);
    if (value == NULL)
        PyErr_SetString(PyExc_AttributeError, "a field was never set");
    return Py_XNewRef(value);
}

#endif
