# Part of _kernels.pyx, which includes it: many small frames at once.

cdef extern from "frames.h":
    ctypedef struct ll_small_frame:
        uint64_t payload_at
        uint32_t session, sequence
        uint16_t length
        uint8_t type, channel, flags, version
    size_t ll_decode_frames(const uint8_t *data, size_t size, ll_small_frame *rows, size_t room,
                            size_t *taken) nogil

cdef enum:
    ROWS_AT_ONCE = 256


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
