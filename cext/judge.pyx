# Part of _kernels.pyx, which includes it: a frame that comes whole and alone, and is legal, as most are.

from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM

cdef enum:
    VERSION_MAJOR = 1
    LEGAL_FLAGS = 1
    CHANNEL_MAX = 15
    STATE_MAX = 63


cdef struct Rule:
    uint16_t channels  # a bit for each that is legal; 0: a type that is none of its business
    uint8_t on_image_lane
    uint32_t features
    uint64_t states  # a bit for each that is legal


cdef class Judge:
    """The rules of one end, made by laserlink.protocol.judge. The reference is Connection, which judges all."""

    cdef Rule rules[256]
    cdef list rows, layouts
    cdef type frame_kind, received_kind
    cdef object sideband
    cdef tuple origin

    def __init__(self, type frame_kind not None, type received_kind not None, sideband, rules not None,
                 tuple origin not None):
        cdef Rule *rule
        cdef Flat layout
        self.frame_kind, self.received_kind, self.sideband = frame_kind, received_kind, sideband
        self.origin = origin
        self.rows, self.layouts = [None] * 256, [None] * 256
        memset(self.rules, 0, sizeof(self.rules))
        for number, row, layout, channels, on_image_lane, states, features in rules:
            rule = &self.rules[<uint8_t>number]
            rule.channels, rule.on_image_lane = channels, on_image_lane
            rule.states, rule.features = states, features
            self.rows[number], self.layouts[number] = row, layout

    def __reduce__(self):
        return self.origin  # there need be no other: it knows rules, and nothing of any frame

    def received(self, data, lane, image_lane, uint32_t session, size_t bytes_max, uint32_t features,
                 uint8_t state):
        """What the bytes are when they are one good frame, whole and alone, that is legal here; else None."""
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len > <Py_ssize_t>bytes_max:
                return None
            return self._received(<const uint8_t *>view.buf, view.len, lane, image_lane, session, features,
                                  state)
        finally:
            PyBuffer_Release(&view)

    cdef object _received(self, const uint8_t *data, size_t size, object lane, object image_lane,
                          uint32_t session, uint32_t features, uint8_t state):
        cdef ll_small_frame head
        cdef object message = self.message(data, size, lane, image_lane, session, features, state, &head)
        return None if message is None else self.around(message, lane, &head, data)

    cdef object message(self, const uint8_t *data, size_t size, object lane, object image_lane,
                        uint32_t session, uint32_t features, uint8_t state, ll_small_frame *head):
        """As `received`; the message alone, and the head of its frame."""
        cdef const Rule *rule
        if ll_read_frame(data, size, FRAME_MAX, head) != size or size == 0:
            return None
        rule = &self.rules[head.type]
        if head.channel > CHANNEL_MAX or not rule.channels >> head.channel & 1:
            return None
        if head.version >> 4 != VERSION_MAJOR or head.flags & ~LEGAL_FLAGS:
            return None
        if head.session != session or session == 0 or rule.features & ~features:
            return None
        if state > STATE_MAX or not rule.states >> state & 1:
            return None
        if lane is not (image_lane if rule.on_image_lane else self.sideband):
            return None
        return (<Flat>self.layouts[head.type])._decode(data + LL_HEADER_BYTES, head.length)

    cdef object around(self, object message, object lane, const ll_small_frame *head, const uint8_t *data):
        """What was received with a message: a named tuple, filled in place."""
        cdef object received = PyType_GenericAlloc(self.received_kind, 4)
        _fill(received, 0, lane)
        _fill(received, 1, _frame_of(self.frame_kind, head, data + LL_HEADER_BYTES))
        _fill(received, 2, message)
        _fill(received, 3, self.rows[head.type])
        return received


cdef void _fill(object named, Py_ssize_t index, object value):
    Py_INCREF(value)
    PyTuple_SET_ITEM(named, index, value)
