# Part of _kernels.pyx, which includes it: the payload of a message, to and from its record.

cdef extern from "slots.h":
    Py_ssize_t ll_slot_of(type kind, object name)
    void ll_fill_slot(object record, Py_ssize_t offset, object value)
    object ll_slot_value(object record, Py_ssize_t offset)

cdef extern from "Python.h":
    object PyType_GenericAlloc(type kind, Py_ssize_t items)
    int PyObject_GenericSetAttr(object record, object name, object value) except -1
    object PyBytes_FromStringAndSize(const char *data, Py_ssize_t size)
    int PyLong_Check(object value)
    int PyBytes_Check(object value)
    int PyByteArray_Check(object value)
    object PyNumber_Index(object value)
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)
    object PyUnicode_AsUTF8String(object text)
    int PyUnicode_Check(object value)

cdef enum:
    FIELDS_MAX = 48

cdef dict NUMBER_BYTES = {"B": 1, "H": 2, "L": 4, "Q": 8, "h": 2, "l": 4, "q": 8, "d": 8}


cdef int _put(object record, Py_ssize_t slot, object name, object value) except -1:
    """Set a field of a new record, which may be frozen."""
    if slot:
        ll_fill_slot(record, slot, value)
        return 0
    return PyObject_GenericSetAttr(record, name, value)


cdef object _read_number(char format, const uint8_t *at):
    cdef uint64_t bits
    cdef double real
    if format == c"B":
        return at[0]
    if format == c"H":
        return ll_read16(at)
    if format == c"L":
        return ll_read32(at)
    if format == c"h":
        return <int16_t>ll_read16(at)
    if format == c"l":
        return <int32_t>ll_read32(at)
    bits = ll_read64(at)
    if format == c"Q":
        return bits
    if format == c"q":
        return <int64_t>bits
    memcpy(&real, &bits, 8)
    return real


cdef int _write_number(char format, uint8_t *at, object value) except -1:
    """Raises OverflowError, TypeError or ValueError for what does not fit."""
    cdef uint64_t bits
    cdef int64_t whole
    cdef double real
    if format == c"d":
        real = value
        memcpy(&bits, &real, 8)
        ll_write64(at, bits)
        return 0
    if not PyLong_Check(value):
        value = PyNumber_Index(value)
    if format == c"Q":
        ll_write64(at, <uint64_t>value)
        return 0
    whole = value
    if format == c"B" and 0 <= whole <= 0xFF:
        at[0] = <uint8_t>whole
    elif format == c"H" and 0 <= whole <= 0xFFFF:
        ll_write16(at, <uint16_t>whole)
    elif format == c"L" and 0 <= whole <= 0xFFFFFFFF:
        ll_write32(at, <uint32_t>whole)
    elif format == c"h" and -0x8000 <= whole <= 0x7FFF:
        ll_write16(at, <uint16_t>whole)
    elif format == c"l" and -0x80000000LL <= whole <= 0x7FFFFFFF:
        ll_write32(at, <uint32_t>whole)
    elif format == c"q":
        ll_write64(at, <uint64_t>whole)
    else:
        raise OverflowError
    return 0


cdef class Flat:
    """As laserlink.protocol.messages.flat.Flat."""

    cdef readonly type kind
    cdef readonly tuple tail
    cdef readonly Py_ssize_t item_bytes
    cdef tuple names, members
    cdef Py_ssize_t count
    cdef Py_ssize_t sizes[FIELDS_MAX]
    cdef Py_ssize_t slots[FIELDS_MAX]  # where in a record each field is; 0: to be looked up by its name
    cdef char formats[FIELDS_MAX]
    cdef object tail_name
    cdef char tail_form  # "*" rest, "t" text, "i" items, or the letter of an array's numbers; 0 for no tail
    cdef Py_ssize_t tail_limit, tail_slot
    cdef Flat tail_item
    cdef Py_ssize_t tail_step

    def __init__(self, type kind not None, tuple fields not None, tuple tail=None):
        cdef Py_ssize_t index
        if len(fields) > FIELDS_MAX:
            raise ValueError(f"at most {FIELDS_MAX} fields")
        self.kind, self.tail, self.count, self.item_bytes = kind, tail, len(fields), 0
        self.names = tuple([sys.intern(name) for name, _, _ in fields])
        self.members = tuple([None if members is None else dict(members) for _, _, members in fields])
        for index, (name, format, _) in enumerate(fields):
            self.slots[index] = ll_slot_of(kind, name)
            self.sizes[index] = NUMBER_BYTES[format] if len(format) == 1 else int(format.rstrip("s"))
            self.formats[index] = ord(format) if len(format) == 1 else c"s"
            self.item_bytes += self.sizes[index]
        self.tail_form = 0
        if tail is not None:
            self._set_tail(*tail)

    def _set_tail(self, str name not None, str form not None, Py_ssize_t limit, Flat item):
        if limit > 255 or (item is not None and item.tail_form):
            raise ValueError("items have a fixed size, and there are at most 255")
        self.tail_name, self.tail_limit, self.tail_item = sys.intern(name), limit, item
        self.tail_slot = ll_slot_of(self.kind, name)
        if form in NUMBER_BYTES:
            self.tail_form, self.tail_step = ord(form), NUMBER_BYTES[form]
        else:
            self.tail_form = {"rest": c"*", "text": c"t", "items": c"i"}[form]
            self.tail_step = item.item_bytes if item is not None else 1

    def decode(self, payload):
        """The record that these bytes are, or None."""
        if not PyBytes_Check(payload):
            return None
        return self._decode(<const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload))

    cdef object _decode(self, const uint8_t *data, Py_ssize_t size):
        if size < self.item_bytes or (size > self.item_bytes and not self.tail_form):
            return None
        return self._read(data, size)

    cdef object _read(self, const uint8_t *data, Py_ssize_t size):
        cdef object record = PyType_GenericAlloc(self.kind, 0)
        cdef object value
        cdef Py_ssize_t index, at = 0
        for index in range(self.count):
            if self.formats[index] == c"s":
                value = PyBytes_FromStringAndSize(<const char *>data + at, self.sizes[index])
            else:
                value = _read_number(self.formats[index], data + at)
                if self.members[index] is not None:
                    value = (<dict>self.members[index]).get(value)
                    if value is None:
                        return None
            _put(record, self.slots[index], self.names[index], value)
            at += self.sizes[index]
        if self.tail_form:
            value = self._read_tail(data + at, size - at)
            if value is None:
                return None
            _put(record, self.tail_slot, self.tail_name, value)
        return record

    def numbered(self, record, number):
        """The same record, but for its first field; of another kind, TypeError."""
        cdef object other
        cdef Py_ssize_t index
        if type(record) is not self.kind:
            raise TypeError(f"a {type(record).__name__} is no {self.kind.__name__}")
        other = PyType_GenericAlloc(self.kind, 0)
        for index in range(self.count):
            _put(other, self.slots[index], self.names[index], self._get(record, index) if index else number)
        if self.tail_form:
            _put(other, self.tail_slot, self.tail_name, self._get_tail(record))
        return other

    cdef object _get(self, object record, Py_ssize_t index):
        if self.slots[index] and type(record) is self.kind:
            return ll_slot_value(record, self.slots[index])
        return getattr(record, self.names[index])

    cdef object _get_tail(self, object record):
        if self.tail_slot and type(record) is self.kind:
            return ll_slot_value(record, self.tail_slot)
        return getattr(record, self.tail_name)

    cdef object _read_tail(self, const uint8_t *tail, Py_ssize_t size):
        cdef Py_ssize_t index
        cdef list items
        cdef object item
        if self.tail_form == c"*":
            return PyBytes_FromStringAndSize(<const char *>tail, size)
        if size == 0 or tail[0] > self.tail_limit or size - 1 != tail[0] * self.tail_step:
            return None
        if self.tail_form == c"t":
            try:
                return PyUnicode_DecodeUTF8(<const char *>tail + 1, size - 1, NULL)
            except UnicodeDecodeError:
                return None
        items = []
        for index in range(tail[0]):
            if self.tail_item is None:
                item = _read_number(self.tail_form, tail + 1 + index * self.tail_step)
            else:
                item = self.tail_item._read(tail + 1 + index * self.tail_step, self.tail_step)
                if item is None:
                    return None
            items.append(item)
        return tuple(items)

    def encode(self, value):
        """The bytes of a record of this kind, or None."""
        try:
            return self._encode(value)
        except (TypeError, ValueError, AttributeError, OverflowError):
            return None

    cdef bytes _encode(self, object value):
        cdef bytes payload, rest = b""
        cdef tuple items = ()
        cdef Py_ssize_t count = 0, size = self.item_bytes
        cdef uint8_t *at
        if self.tail_form == c"*":
            rest = bytes(memoryview(self._get_tail(value)))
            size += len(rest)
        elif self.tail_form:
            items, rest = self._items_of(self._get_tail(value))
            count = len(rest) if self.tail_form == c"t" else len(items)
            if count > self.tail_limit:
                return None
            size += 1 + count * self.tail_step
        payload = PyBytes_FromStringAndSize(NULL, size)
        at = <uint8_t *>PyBytes_AS_STRING(payload)
        self._write(value, at)
        at += self.item_bytes
        if self.tail_form and self.tail_form != c"*":
            at[0] = <uint8_t>count
            at += 1
        memcpy(at, PyBytes_AS_STRING(rest), len(rest))
        for item in items:
            if self.tail_item is None:
                _write_number(self.tail_form, at, item)
            elif type(item) is not self.tail_item.kind:
                return None
            else:
                self.tail_item._write(item, at)
            at += self.tail_step
        return payload

    cdef tuple _items_of(self, object value):
        """The items of an array, or the bytes of a text."""
        if self.tail_form != c"t":
            return tuple(value), b""
        if not PyUnicode_Check(value):
            raise TypeError
        return (), PyUnicode_AsUTF8String(value)

    cdef int _write(self, object record, uint8_t *at) except -1:
        cdef Py_ssize_t index
        cdef object value
        for index in range(self.count):
            value = self._get(record, index)
            if self.formats[index] == c"s":
                if not (PyBytes_Check(value) or PyByteArray_Check(value)) or len(value) != self.sizes[index]:
                    raise ValueError
                memcpy(at, PyBytes_AS_STRING(bytes(value)), self.sizes[index])
            else:
                if self.members[index] is not None and value not in <dict>self.members[index]:
                    raise ValueError
                _write_number(self.formats[index], at, value)
            at += self.sizes[index]
        return 0
