# Part of _kernels.pyx, which includes it: a message as one whole frame, as most are sent.

cdef class Writer:
    """The frames of all messages, made by laserlink.protocol.writer. The reference is Connection."""

    cdef dict shapes
    cdef tuple origin

    def __init__(self, shapes not None, tuple origin not None):
        self.shapes = {kind: (number, channels, flags, layout) for kind, number, channels, flags, layout in shapes}
        self.origin = origin

    def __reduce__(self):
        return self.origin  # there need be no other: it knows shapes, and nothing of any frame

    cdef object numbered(self, message, number):
        """As `Request.numbered`, of a message that has a plain layout."""
        cdef object shape = self.shapes[type(message)]
        return (<Flat>(<tuple>shape)[3]).numbered(message, number)

    def wire(self, message, Py_ssize_t channel, uint32_t session, uint32_t sequence,
             Py_ssize_t bytes_max):
        """The frame around a message; None when it is not plain, or not legal, or too long."""
        return self.frame(message, channel, session, sequence, bytes_max)

    cdef bytes frame(self, message, Py_ssize_t channel, uint32_t session, uint32_t sequence,
                     Py_ssize_t bytes_max):
        cdef ll_small_frame row
        cdef uint32_t channels
        cdef Flat layout
        cdef bytes payload, wire
        cdef object shape = self.shapes.get(type(message))
        if shape is None:
            return None
        row.type, channels, row.flags, layout = shape
        payload = layout.encode(message)
        if payload is None or not 0 <= channel <= CHANNEL_MAX or not channels >> channel & 1:
            return None
        if PyBytes_GET_SIZE(payload) + FRAME_OVERHEAD > min(bytes_max, <Py_ssize_t>FRAME_MAX):
            return None
        row.version, row.channel = VERSION_MAJOR << 4, <uint8_t>channel
        row.session, row.sequence = session, sequence
        row.length = <uint16_t>PyBytes_GET_SIZE(payload)
        wire = PyBytes_FromStringAndSize(NULL, FRAME_OVERHEAD + row.length)
        ll_write_frame(<uint8_t *>PyBytes_AS_STRING(wire), &row, <const uint8_t *>PyBytes_AS_STRING(payload))
        return wire
