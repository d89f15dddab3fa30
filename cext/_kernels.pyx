# cython: boundscheck=False, wraparound=False
"""The C kernels behind a Python face. The readable references, with the same signatures, are
laserlink.protocol's crc.py, raw.py, digest.py and image_path.py; the tests hold the two together."""

import copy
import sys

import numpy

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset


cdef extern from "ring_images.h":
    enum:
        LL_HEADER_BYTES
        LL_PREFIX_BYTES
        LL_VARIANT_COUNT
    ctypedef struct ll_raw_width:
        uint8_t bits, group_pixels, group_bytes
    ctypedef struct ll_variant:
        const char *name
    ctypedef struct ll_slot:
        uint32_t image_id, chunk_bytes, last_sequence
        uint8_t channel
        int row
        uint64_t coded_bytes, strip_bytes, frames, duplicates
        uint16_t *picture
        uint8_t *present
        uint64_t *sums
    ctypedef struct ll_image_source:
        uint32_t session, first_sequence, image_id, chunk_bytes
        uint8_t channel
    const ll_raw_width ll_raw_widths[5]
    const ll_variant ll_variants[1]
    const ll_variant *ll_kernels
    int ll_raw_row(int bits)
    int ll_supported(int row)
    void ll_use(int row)
    void ll_start()
    uint32_t ll_crc32(const uint8_t *data, size_t size, uint32_t crc) nogil
    void ll_digest(uint64_t *sums, const uint8_t *data, size_t size, uint64_t index) nogil
    void ll_unpack(int row, const uint8_t *packed, uint16_t *pixels, size_t groups) nogil
    uint16_t ll_pack(int row, const uint16_t *pixels, uint8_t *packed, size_t groups) nogil
    int ll_slot_fits(const ll_slot *slot, uint64_t offset, uint64_t size)
    int ll_slot_place(ll_slot *slot, uint64_t offset, const uint8_t *chunk, size_t size) nogil
    size_t ll_receive_images(const uint8_t *data, size_t size, uint32_t session, uint32_t length_max,
                             ll_slot **slots, size_t slot_count) nogil
    uint64_t ll_frame_images(uint8_t *out, size_t size, const uint8_t *packed, size_t packed_size,
                             uint64_t index, uint64_t end, const ll_image_source *source) nogil
    ctypedef struct ll_ring:
        uint8_t *data
        uint64_t data_bytes, done
        uint64_t *mine
        uint64_t *theirs
        uint64_t *peer_waits
        uint64_t wake_bytes
        int bell
    uint64_t ll_ring_receive(ll_ring *ring, uint32_t session, uint32_t length_max, ll_slot **slots,
                             size_t slot_count, uint64_t enough) nogil
    int ll_ring_stay_awake(const ll_ring *ring, uint64_t seen, uint64_t until_ns, int other) nogil
    uint64_t ll_ring_frame_images(ll_ring *ring, const uint8_t *packed, size_t packed_size,
                                  uint64_t index, uint64_t end, const ll_image_source *source) nogil

cdef extern from "bytes.h":
    uint16_t ll_read16(const uint8_t *at) nogil
    uint32_t ll_read32(const uint8_t *at) nogil
    uint64_t ll_read64(const uint8_t *at) nogil
    void ll_write16(uint8_t *at, uint16_t value) nogil
    void ll_write32(uint8_t *at, uint32_t value) nogil
    void ll_write64(uint8_t *at, uint64_t value) nogil

cdef extern from "words.h":
    uint64_t ll_load_acquire(uint64_t *word)
    void ll_store_release(uint64_t *word, uint64_t value)
    void ll_fence()

# Below this, letting go of the GIL costs more than it gives.
cdef enum:
    GIL_BYTES = 16384
    SLOTS_MAX = 64
    CHUNK_BYTES_MAX = 4072 - LL_PREFIX_BYTES

ll_start()

#: The variants that this machine can run, the fastest last.
VARIANTS = tuple(ll_variants[row].name.decode() for row in range(LL_VARIANT_COUNT) if ll_supported(row))


def variant():
    """The name of the variant in use."""
    return ll_kernels.name.decode()


def use_variant(name: str):
    """Takes this variant from now on. ValueError when this machine cannot run it."""
    for row in range(LL_VARIANT_COUNT):
        if ll_supported(row) and ll_variants[row].name.decode() == name:
            ll_use(row)
            return
    raise ValueError(f"the variant {name!r} is not one of {', '.join(VARIANTS)}")


cdef uint32_t _word(object value, str name, object largest) except? 0:
    if not 0 <= value <= largest:
        raise ValueError(f"{name} is {value}, not in 0 to {largest}")
    return value


cdef int _raw_row(int bits) except -1:
    cdef int row = ll_raw_row(bits)
    if row < 0:
        raise ValueError(f"{bits} bits is not one of 8, 10, 12, 14, 16")
    return row


cdef uint32_t _crc32(const void *data, size_t size, uint32_t value):
    if size < GIL_BYTES:
        return ll_crc32(<const uint8_t *>data, size, value)
    with nogil:
        value = ll_crc32(<const uint8_t *>data, size, value)
    return value


def crc32(data, crc=0):
    """As laserlink.protocol.crc.crc32."""
    cdef Py_buffer view
    cdef uint32_t value = crc & 0xFFFFFFFF
    if type(data) is bytes:  # the usual case; asking for a buffer takes as long as the CRC of a header
        return _crc32(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), value)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return _crc32(view.buf, view.len, value)
    finally:
        PyBuffer_Release(&view)


def unpack(packed, int bits, out=None):
    """As laserlink.protocol.raw.unpack."""
    cdef int row = _raw_row(bits)
    cdef Py_buffer view
    cdef size_t groups, count
    cdef uint16_t[::1] pixels
    PyObject_GetBuffer(packed, &view, PyBUF_SIMPLE)
    try:
        if view.len % ll_raw_widths[row].group_bytes != 0:
            raise ValueError(f"{view.len} bytes are no whole number of RAW{bits} groups")
        groups = view.len // ll_raw_widths[row].group_bytes
        count = groups * ll_raw_widths[row].group_pixels
        if out is None:
            out = numpy.empty(count, numpy.uint16)
        pixels = out
        if <size_t>pixels.shape[0] != count:
            raise ValueError(f"out has {pixels.shape[0]} pixels, the data {count}")
        if groups > 0:
            with nogil:
                ll_unpack(row, <const uint8_t *>view.buf, &pixels[0], groups)
        return out
    finally:
        PyBuffer_Release(&view)


def pack(const uint16_t[::1] pixels not None, int bits, out=None):
    """As laserlink.protocol.raw.pack."""
    cdef int row = _raw_row(bits)
    cdef uint8_t[::1] packed
    cdef size_t groups
    cdef uint16_t every = 0
    if pixels.shape[0] % ll_raw_widths[row].group_pixels != 0:
        raise ValueError(f"{pixels.shape[0]} pixels are no whole number of RAW{bits} groups")
    groups = pixels.shape[0] // ll_raw_widths[row].group_pixels
    if out is None:
        out = numpy.empty(groups * ll_raw_widths[row].group_bytes, numpy.uint8)
    packed = out
    if <size_t>packed.shape[0] != groups * ll_raw_widths[row].group_bytes:
        raise ValueError(f"out has {packed.shape[0]} bytes, not {groups * ll_raw_widths[row].group_bytes}")
    if groups > 0:
        with nogil:
            every = ll_pack(row, &pixels[0], &packed[0], groups)
    if every >> bits:
        raise ValueError(f"a pixel is above the range of RAW{bits}")
    return out


def add(uint64_t[::1] sums not None, data, offset):
    """As laserlink.protocol.digest.add."""
    cdef Py_buffer view
    cdef uint64_t index
    if sums.shape[0] != 2:
        raise ValueError(f"sums has {sums.shape[0]} words, not 2")
    if offset < 0 or offset % 8 != 0:
        raise ValueError(f"the offset {offset} is no multiple of 8")
    index = offset // 8
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            ll_digest(&sums[0], <const uint8_t *>view.buf, view.len, index)
    finally:
        PyBuffer_Release(&view)


cdef class Slot:
    """As laserlink.protocol.image_path.Slot."""

    cdef ll_slot slot
    cdef uint16_t[::1] _pixels
    cdef uint8_t[::1] _present
    cdef uint64_t[:, ::1] _sums
    cdef readonly object picture, present, sums

    # Not __init__: that can be called again, with other sizes for the same memory.
    def __cinit__(self, channel, image_id, int bits, chunk_bytes, coded_bytes, strip_bytes,
                  picture, present, sums):
        cdef const ll_raw_width *width
        self.slot.row = _raw_row(bits)
        width = &ll_raw_widths[self.slot.row]
        self.slot.channel = _word(channel, "channel", 15)
        self.slot.image_id = _word(image_id, "image_id", 0xFFFFFFFF)
        self.slot.chunk_bytes = _word(chunk_bytes, "chunk_bytes", CHUNK_BYTES_MAX)
        if chunk_bytes == 0 or chunk_bytes % 8 != 0 or chunk_bytes % width.group_bytes != 0:
            raise ValueError(f"chunk_bytes is {chunk_bytes}, not whole 8-byte words and RAW{bits} groups")
        if coded_bytes <= 0 or coded_bytes % width.group_bytes != 0:
            raise ValueError(f"coded_bytes is {coded_bytes}, not whole RAW{bits} groups")
        if strip_bytes <= 0 or strip_bytes % chunk_bytes != 0:
            raise ValueError(f"strip_bytes is {strip_bytes}, not whole chunks of {chunk_bytes}")
        self.slot.coded_bytes, self.slot.strip_bytes = coded_bytes, strip_bytes
        self._hold(picture, present, sums)

    cdef _hold(self, picture, present, sums):
        """Takes the arrays, whose sizes must be exactly those of the image."""
        cdef const ll_raw_width *width = &ll_raw_widths[self.slot.row]
        cdef uint64_t size = self.slot.coded_bytes
        cdef uint64_t chunks = (size - 1) // self.slot.chunk_bytes + 1
        cdef uint64_t strips = (size - 1) // self.slot.strip_bytes + 1
        self._pixels, self._present, self._sums = picture, present, sums
        if <uint64_t>self._pixels.shape[0] != size // width.group_bytes * width.group_pixels:
            raise ValueError(f"picture has {self._pixels.shape[0]} pixels, the image another number")
        if <uint64_t>self._present.shape[0] != chunks:
            raise ValueError(f"present has {self._present.shape[0]} entries for {chunks} chunks")
        if <uint64_t>self._sums.shape[0] != strips or self._sums.shape[1] != 2:
            raise ValueError(f"sums has not the shape ({strips}, 2)")
        self.picture, self.present, self.sums = picture, present, sums
        self.slot.picture = &self._pixels[0]
        self.slot.present = &self._present[0]
        self.slot.sums = &self._sums[0, 0]

    def __deepcopy__(self, memo):
        other = Slot(self.channel, self.image_id, self.bits,
                     self.chunk_bytes, self.coded_bytes, self.strip_bytes,
                     copy.deepcopy(self.picture, memo), copy.deepcopy(self.present, memo),
                     copy.deepcopy(self.sums, memo))
        other.frames, other.duplicates, other.last_sequence = self.frames, self.duplicates, self.last_sequence
        return other

    def place(self, offset, chunk):
        """As laserlink.protocol.image_path.Slot.place."""
        cdef Py_buffer view
        PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
        try:
            if not 0 <= offset < self.coded_bytes or not ll_slot_fits(&self.slot, offset, view.len):
                raise ValueError(f"{view.len} bytes at {offset} are no chunk of this image")
            return bool(ll_slot_place(&self.slot, offset, <const uint8_t *>view.buf, view.len))
        finally:
            PyBuffer_Release(&view)

    @property
    def channel(self):
        return self.slot.channel

    @property
    def image_id(self):
        return self.slot.image_id

    @property
    def bits(self):
        return ll_raw_widths[self.slot.row].bits

    @property
    def chunk_bytes(self):
        return self.slot.chunk_bytes

    @property
    def coded_bytes(self):
        return self.slot.coded_bytes

    @property
    def strip_bytes(self):
        return self.slot.strip_bytes

    @property
    def frames(self):
        return self.slot.frames

    @frames.setter
    def frames(self, value):
        self.slot.frames = value

    @property
    def duplicates(self):
        return self.slot.duplicates

    @duplicates.setter
    def duplicates(self, value):
        self.slot.duplicates = value

    @property
    def last_sequence(self):
        return self.slot.last_sequence

    @last_sequence.setter
    def last_sequence(self, value):
        self.slot.last_sequence = value


cdef size_t _slots_of(tuple held, ll_slot **table) except? 0:
    """The kernel's view of the slots, which `held` keeps alive. ValueError for more than 64."""
    cdef size_t count = len(held), index
    if count > SLOTS_MAX:
        raise ValueError(f"{count} slots, at most {SLOTS_MAX}")
    for index in range(count):
        table[index] = &(<Slot?>held[index]).slot
    return count


def receive_images(data, session, max_payload, slots):
    """Takes whole good image frames of the open slots from the start of `data`; returns the bytes taken.

    Stops, and never fails, at the first byte that is not a good frame of this session for one of the
    slots: the caller's framer goes on there. `max_payload` is the longest payload that was negotiated.
    A slot must not be used by two threads at once. ValueError for more than 64 slots.
    """
    cdef Py_buffer view
    cdef ll_slot *table[SLOTS_MAX]
    cdef uint32_t our_session = _word(session, "session", 0xFFFFFFFF)
    cdef uint32_t length_max = _word(max_payload, "max_payload", 0xFFFF)
    cdef tuple held = tuple(slots)
    cdef size_t count = _slots_of(held, table), taken
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            taken = ll_receive_images(<const uint8_t *>view.buf, view.len, our_session, length_max,
                                      table, count)
        return taken
    finally:
        PyBuffer_Release(&view)


cdef _fill_source(ll_image_source *source, session, channel, first_sequence, image_id, chunk_bytes):
    source.session = _word(session, "session", 0xFFFFFFFF)
    source.channel = _word(channel, "channel", 15)
    source.first_sequence = _word(first_sequence, "first_sequence", 0xFFFFFFFF)
    source.image_id = _word(image_id, "image_id", 0xFFFFFFFF)
    source.chunk_bytes = _word(chunk_bytes, "chunk_bytes", CHUNK_BYTES_MAX)
    if chunk_bytes == 0:
        raise ValueError("chunk_bytes is zero")


cdef _check_chunks(Py_ssize_t packed_size, first_chunk, chunk_count, chunk_bytes):
    if first_chunk < 0 or chunk_count < 0:
        raise ValueError("a count is negative")
    if first_chunk + chunk_count > -(-packed_size // chunk_bytes):
        raise ValueError(f"{chunk_count} chunks from {first_chunk} on are not all in the image")


def frame_images(out, packed, first_chunk, chunk_count,
                 session, channel, first_sequence, image_id, chunk_bytes):
    """As laserlink.protocol.image_path.frame_images."""
    cdef ll_image_source source
    cdef Py_buffer target, image
    cdef uint64_t first, end, written
    _fill_source(&source, session, channel, first_sequence, image_id, chunk_bytes)
    PyObject_GetBuffer(packed, &image, PyBUF_SIMPLE)
    try:
        _check_chunks(image.len, first_chunk, chunk_count, chunk_bytes)
        first, end = first_chunk, first_chunk + chunk_count
        PyObject_GetBuffer(out, &target, PyBUF_WRITABLE)
        try:
            with nogil:
                written = ll_frame_images(<uint8_t *>target.buf, target.len,
                                          <const uint8_t *>image.buf, image.len, first, end, &source)
            return written
        finally:
            PyBuffer_Release(&target)
    finally:
        PyBuffer_Release(&image)


include "frames.pyx"
include "records.pyx"
include "judge.pyx"
include "writer.pyx"
include "exchange.pyx"
include "ring_images.pyx"
