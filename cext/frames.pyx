# Part of _kernels.pyx, which includes it: one frame, and many small frames at once.

cdef extern from "frames.h":
    ctypedef struct ll_small_frame:
        uint64_t payload_at
        uint32_t session, sequence
        uint16_t length
        uint8_t type, channel, flags, version
    size_t ll_decode_frames(const uint8_t *data, size_t size, ll_small_frame *rows, size_t room,
                            size_t *taken) nogil
    size_t ll_read_frame(const uint8_t *at, size_t size, size_t frame_bytes_max, ll_small_frame *frame) nogil
    size_t ll_bad_bytes(const uint8_t *data, size_t size, size_t limit) nogil
    void ll_write_frame(uint8_t *at, const ll_small_frame *frame, const uint8_t *payload) nogil

cdef enum:
    ROWS_AT_ONCE = 256
    FRAME_MAX = 4096
    FRAME_OVERHEAD = 24
    PAYLOAD_MAX = FRAME_MAX - FRAME_OVERHEAD


cdef tuple FRAME_FIELDS = ("type", "channel", "session", "sequence", "payload", "flags", "version")
# Where they are in the kind of frame that was made last: there is hardly ever another.
cdef type frame_kind = None
cdef Py_ssize_t frame_slots[7]


cdef object _frame_of(type kind, const ll_small_frame *row, const uint8_t *payload):
    """A `kind` of these fields; it has no other, and they may be set although it is frozen."""
    global frame_kind
    cdef object frame = PyType_GenericAlloc(kind, 0)
    cdef Py_ssize_t index
    if kind is not frame_kind:
        for index in range(7):
            frame_slots[index] = ll_slot_of(kind, FRAME_FIELDS[index])
        frame_kind = kind
    _put(frame, frame_slots[0], "type", row.type)
    _put(frame, frame_slots[1], "channel", row.channel)
    _put(frame, frame_slots[2], "session", row.session)
    _put(frame, frame_slots[3], "sequence", row.sequence)
    _put(frame, frame_slots[4], "payload", PyBytes_FromStringAndSize(<const char *>payload, row.length))
    _put(frame, frame_slots[5], "flags", row.flags)
    _put(frame, frame_slots[6], "version", row.version)
    return frame


def read_frame(data, Py_ssize_t start, kind):
    """As laserlink.protocol.wire.read_frame. `kind` is a dataclass with the fields of `frame.Frame`."""
    cdef Py_buffer view
    cdef ll_small_frame row
    cdef const uint8_t *at
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start < view.len:
            return None
        at = <const uint8_t *>view.buf + start
        if ll_read_frame(at, view.len - start, FRAME_MAX, &row) == 0:
            return None
        return _frame_of(kind, &row, at + LL_HEADER_BYTES)
    finally:
        PyBuffer_Release(&view)


def bad_bytes(data, Py_ssize_t start, Py_ssize_t limit):
    """As laserlink.protocol.wire.bad_bytes. ValueError when nothing is there, or nothing asked for."""
    cdef Py_buffer view
    cdef size_t count
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start < view.len or limit < 1:
            raise ValueError("there are no bytes to judge")
        with nogil:
            count = ll_bad_bytes(<const uint8_t *>view.buf + start, view.len - start, limit)
        return count
    finally:
        PyBuffer_Release(&view)


cdef object _whole(object value):
    """A number that is whole: what is assigned to a C integer is else rounded."""
    return value if PyLong_Check(value) else PyNumber_Index(value)


def wire_of(type, channel, session, sequence, payload, flags=0, version=0x10):
    """As laserlink.protocol.wire.wire_of."""
    cdef ll_small_frame row
    cdef bytes body = payload if PyBytes_Check(payload) else bytes(memoryview(payload))
    cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
    cdef bytes wire
    cdef uint8_t *at
    if size > PAYLOAD_MAX:
        raise ValueError(f"a payload of {size} bytes does not fit a frame ({PAYLOAD_MAX})")
    row.length = <uint16_t>size
    try:
        row.type, row.channel = _whole(type), _whole(channel)
        row.session, row.sequence = _whole(session), _whole(sequence)
        row.flags, row.version = _whole(flags), _whole(version)
    except (OverflowError, TypeError) as error:
        raise ValueError(f"a header field does not fit: {error}") from None
    wire = PyBytes_FromStringAndSize(NULL, FRAME_OVERHEAD + size)
    at = <uint8_t *>PyBytes_AS_STRING(wire)
    ll_write_frame(at, &row, <const uint8_t *>PyBytes_AS_STRING(body))
    return wire


def decode_batch(data, rows):
    """As laserlink.protocol.small_frames.decode_batch."""
    cdef Py_buffer view, table
    cdef size_t count, taken = 0
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(rows, &table, PyBUF_WRITABLE)
        try:
            if table.itemsize != sizeof(ll_small_frame) or <size_t>table.buf % 8 != 0:
                raise ValueError(f"a row has {sizeof(ll_small_frame)} bytes, on a multiple of 8")
            with nogil:
                count = ll_decode_frames(<const uint8_t *>view.buf, view.len, <ll_small_frame *>table.buf,
                                         table.len // sizeof(ll_small_frame), &taken)
            return count, taken
        finally:
            PyBuffer_Release(&table)
    finally:
        PyBuffer_Release(&view)


def decode_objects(data, kind):
    """As laserlink.protocol.small_frames.decode_objects, as a list of `kind`, a named tuple."""
    cdef Py_buffer view
    cdef ll_small_frame rows[ROWS_AT_ONCE]
    cdef ll_small_frame *row
    cdef const char *payload
    cdef size_t count = ROWS_AT_ONCE, taken = 0, some = 0, index
    cdef list frames = []
    cdef object make = tuple.__new__
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        while count == ROWS_AT_ONCE:
            count = ll_decode_frames(<const uint8_t *>view.buf + taken, view.len - taken, rows, ROWS_AT_ONCE,
                                     &some)
            for index in range(count):
                row = &rows[index]
                payload = <const char *>view.buf + taken + row.payload_at
                frames.append(make(kind, (row.type, row.channel, row.session, row.sequence,
                                          payload[:row.length], row.flags, row.version)))
            taken += some
        return frames, taken
    finally:
        PyBuffer_Release(&view)
