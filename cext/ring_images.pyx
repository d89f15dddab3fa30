# Part of _kernels.pyx, which includes it: a ring in shared memory, and images through it.

cdef class RingSide:
    """One side of a ring for the image data path: `cext/ring.py` says what the words are.

    memory                       the whole file, mapped
    data_offset                  where the circular buffer begins
    mine, theirs, peer_waits     offsets of our index, the other side's, and its flag
    wake_bytes                   a sleeping peer is woken when so many bytes are ready for it
    bell                         the descriptor that wakes it

    `done`, our own index, comes in with each call, and what was moved comes out. ValueError: a word that is
    not aligned, or out of bounds. Two threads must not use it at once.
    """

    cdef Py_buffer view
    cdef ll_ring ring

    def __cinit__(self, memory, Py_ssize_t data_offset, mine, theirs, peer_waits, wake_bytes, bell):
        PyObject_GetBuffer(memory, &self.view, PyBUF_WRITABLE)
        if not 0 <= data_offset < self.view.len:
            raise ValueError(f"no data at {data_offset} of {self.view.len} bytes")
        self.ring.data = <uint8_t *>self.view.buf + data_offset
        self.ring.data_bytes = self.view.len - data_offset
        self.ring.mine = _shared_word(&self.view, mine)
        self.ring.theirs = _shared_word(&self.view, theirs)
        self.ring.peer_waits = _shared_word(&self.view, peer_waits)
        self.ring.wake_bytes, self.ring.bell = wake_bytes, bell

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def receive_images(self, done, session, max_payload, slots, uint64_t enough_bytes):
        """As `receive_images`, from the ring, also across its wrap; space is given back on the way.

        Waits some 20 us for what is still to come, and looks for no more after `enough_bytes`.
        """
        cdef ll_slot *table[SLOTS_MAX]
        cdef uint32_t our_session = _word(session, "session", 0xFFFFFFFF)
        cdef uint32_t length_max = _word(max_payload, "max_payload", 0xFFFF)
        cdef tuple held = tuple(slots)
        cdef size_t count = _slots_of(held, table)
        cdef uint64_t taken
        self.ring.done = done
        with nogil:
            taken = ll_ring_receive(&self.ring, our_session, length_max, table, count, enough_bytes)
        return taken

    def stay_awake(self, uint64_t seen, uint64_t until_ns, int other):
        """Looks at the other side's index until it is not `seen`, without sleeping; whether it has moved.

        Ends at `until_ns` of the monotonic clock, or when `other`, a descriptor or -1, is readable.
        """
        cdef int moved
        with nogil:
            moved = ll_ring_stay_awake(&self.ring, seen, until_ns, other)
        return moved != 0

    def frame_images(self, done, packed, first_chunk, chunk_count,
                     session, channel, first_sequence, image_id, chunk_bytes):
        """As `frame_images`, into the ring; returns how many chunks, and how many bytes.

        Waits some 20 us for space, and returns after 4 MB at the latest.
        """
        cdef ll_image_source source
        cdef Py_buffer image
        cdef uint64_t first, end, written
        _fill_source(&source, session, channel, first_sequence, image_id, chunk_bytes)
        PyObject_GetBuffer(packed, &image, PyBUF_SIMPLE)
        try:
            _check_chunks(image.len, first_chunk, chunk_count, chunk_bytes)
            first, end = first_chunk, first_chunk + chunk_count
            self.ring.done = done
            with nogil:
                written = ll_ring_frame_images(&self.ring, <const uint8_t *>image.buf, image.len, first, end,
                                               &source)
            return written, self.ring.done - done
        finally:
            PyBuffer_Release(&image)


cdef uint64_t *_shared_word(Py_buffer *view, Py_ssize_t offset) except NULL:
    cdef char *at = <char *>view.buf + offset
    if offset < 0 or offset > view.len - 8 or <size_t>at % 8 != 0:
        raise ValueError(f"no aligned 64-bit word at {offset} of {view.len} bytes")
    return <uint64_t *>at


def load_acquire(buffer, Py_ssize_t offset):
    """The 64-bit word at `offset` of shared memory. What the other side wrote before its store_release of
    this value is seen by every read after this. ValueError: not aligned, or out of bounds."""
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        return ll_load_acquire(_shared_word(&view, offset))
    finally:
        PyBuffer_Release(&view)


def store_release(buffer, Py_ssize_t offset, uint64_t value):
    """Writes the 64-bit word at `offset`, after everything that was written before. ValueError as above."""
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        ll_store_release(_shared_word(&view, offset), value)
    finally:
        PyBuffer_Release(&view)


def fence():
    """A full barrier: no later load passes an earlier store."""
    ll_fence()
