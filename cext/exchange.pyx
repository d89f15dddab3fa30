# Part of _kernels.pyx, which includes it: a question and its answer over a port, while nothing else happens.
# Whoever waits for an answer has just slept: then each call of Python costs more than the work in it.

cdef extern from "exchange.h":
    enum:
        LL_EXCHANGES
        LL_OTHERS_MAX
    int64_t ll_now_ns()
    int ll_await(int port, const int *others, int count, int64_t until_ns) nogil
    size_t ll_read_some(int port, uint8_t *data, size_t size)
    size_t ll_write_some(int port, const uint8_t *data, size_t size)
    void ll_let_wake(int watched, int port, int wakes)

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef enum:
    CONTROL_CHANNEL = 0

#: Whether the system has what the two classes below are made of.
EXCHANGES = bool(LL_EXCHANGES)


cdef int _sleep(int port, const int *others, int count, int64_t until_ns) except -1:
    """Whether the port has something, and nothing else has. Raises what a signal's handler raises."""
    cdef int found
    with nogil:
        found = ll_await(port, others, count, until_ns)
    if found < 0:
        PyErr_CheckSignals()
    return found > 0


cdef bint _at_rest(object connection, object lane) except -1:
    """Whether nothing waits to be sent on a lane or to be decided of it, and kernels may do its work."""
    cdef object framer = connection._framers[lane]
    return (not connection.queued[lane] and not connection.gaps and not connection.damaged
            and not framer._bad and framer._position == len(framer._buffer)
            and connection._lone_frame is not None and connection._whole_frame is not None)


cdef bytes _frame_for(Writer writer, object connection, object message):
    """The next new frame of the control channel, or None; it counts as sent when `_sent` is called."""
    return writer.frame(message, CONTROL_CHANNEL, connection.session,
                        connection._next_sequence.get(CONTROL_CHANNEL, connection._first_sequence),
                        connection.out_bytes_max)


cdef int _sent(object connection, bytes wire) except -1:
    """As `Connection.send` and `next_frame` keep count."""
    cdef uint32_t sequence = ll_read32(<const uint8_t *>PyBytes_AS_STRING(wire) + 12)
    cdef object counters = connection.counters
    connection._next_sequence[CONTROL_CHANNEL] = <uint32_t>(sequence + 1)
    counters.frames_sent += 1
    counters.bytes_sent += PyBytes_GET_SIZE(wire)
    return 0


cdef int _came(object connection, size_t size) except -1:
    """As `Connection.receive` keeps count of a frame that came alone."""
    cdef object counters = connection.counters
    counters.bytes_received += size
    counters.frames_received += 1
    connection.untaken = 0
    return 0


cdef bint _admitted(object server, object request_id) except -1:
    """As `RequestServer.admit`, of a request that is new; of another, nothing is done."""
    cdef object last = server._last_id
    cdef uint16_t ahead
    if last is not None:
        ahead = <uint16_t>(<uint32_t>request_id - <uint32_t>last)
        if ahead == 0 or ahead >= 0x8000:
            return False
    server._last_id, server.answer = request_id, b""
    return True


cdef class Asker:
    """The host's half, made by laserlink.host_driver.lanes.asking. The reference is the driver's own way."""

    cdef Judge judge
    cdef Writer writer
    cdef dict kinds
    cdef object sideband, silence

    def __init__(self, Judge judge not None, Writer writer not None, kinds, sideband, silence):
        """`kinds`: for each type of question, that of its answer, and a bit for each state where it may go."""
        self.judge, self.writer, self.kinds = judge, writer, dict(kinds)
        self.sideband, self.silence = sideband, silence

    def ask(self, int port, int watched, tuple others, host, message, double seconds):
        """Ask, and wait for the answer, until something else is there or due.

        None: it is not for this way, and nothing was done. A record: the answer. A tuple: the request is under
        way; its id, the bytes that came instead of the answer, and what is still to be written. The port is
        held then, as it is after what a signal's handler raises.
        """
        cdef uint8_t data[FRAME_MAX]
        cdef int bells[LL_OTHERS_MAX]
        cdef size_t size = 0, written, whole
        cdef int index, count = <int>len(others)
        cdef object connection = host.connection, requests = host.requests
        cdef object came, question, reply, kind = self.kinds.get(type(message))
        cdef bytes wire
        if kind is None or not self._may_ask(host, connection, requests, kind) or count > LL_OTHERS_MAX:
            return None
        question = self.writer.numbered(message, (requests._last_id + 1) & 0xFFFF or 1)
        wire = _frame_for(self.writer, connection, question)
        if wire is None:
            return None
        whole = PyBytes_GET_SIZE(wire)
        written = ll_write_some(port, <const uint8_t *>PyBytes_AS_STRING(wire), whole)
        # From here to the sleep, the module is at work, and nobody waits.
        ll_let_wake(watched, port, 0)
        for index in range(count):
            bells[index] = others[index]
        until_ns = self._note(host, connection, requests, question, wire, seconds)
        if written == whole and _sleep(port, bells, count, until_ns):
            size = ll_read_some(port, data, FRAME_MAX)
        reply = self._answer(host, connection, question, data, size, kind)
        if reply is None:
            came = PyBytes_FromStringAndSize(<const char *>data, size)
            return question.request_id, came, memoryview(wire)[written:]
        ll_let_wake(watched, port, 1)
        _came(connection, size)
        host.now = host.heard_ns = ll_now_ns()
        requests._outstanding = requests.due_ns = None
        return reply

    cdef bint _may_ask(self, host, connection, requests, tuple kind) except -1:
        """Whether it is legal, and nothing else is under way that an answer would have to be told of."""
        cdef uint64_t states = kind[1]
        cdef uint8_t state = host.state
        return (state <= STATE_MAX and states >> state & 1
                and requests._outstanding is None and not requests.waiting
                and not host.events and not host.streams.by_channel and self.silence in host.timers
                and _at_rest(connection, self.sideband))

    cdef int64_t _note(self, host, connection, requests, question, bytes wire, double seconds) except -1:
        """Keep what `Host.request` keeps; when the machine wants to be asked again."""
        cdef int64_t now = ll_now_ns(), due = now + <int64_t>host.response_ns, each
        cdef int64_t until = now + <int64_t>(seconds * 1e9)
        host.now = now
        requests._last_id = question.request_id
        requests._outstanding, requests._wire, requests._tries, requests.due_ns = question, wire, 1, due
        _sent(connection, wire)
        for each in host.timers.values():
            due = min(due, each)
        return min(due, until)

    cdef object _answer(self, host, connection, question, const uint8_t *data, size_t size, tuple kind):
        """The reply that the bytes are, or None."""
        cdef ll_small_frame head
        cdef object reply = self.judge.message(connection, data, size, self.sideband, host.state, &head)
        if type(reply) is not kind[0] or reply.request_id != question.request_id:
            return None
        return reply


cdef class Answerer:
    """The module's half, made by laserlink.firmware_model.serve.answering. The reference is the shell's way."""

    cdef Judge judge
    cdef Writer writer
    cdef type request
    cdef object refusal, sideband
    cdef uint64_t states

    def __init__(self, Judge judge not None, Writer writer not None, type request not None, refusal,
                 sideband, uint64_t states):
        """`states` has a bit for each in which a request changes nothing by having come."""
        self.judge, self.writer, self.request, self.refusal = judge, writer, request, refusal
        self.sideband, self.states = sideband, states

    def answer(self, module, int port, int bell, double seconds):
        """Sleep until something is there; when that is one new request, have it carried out, and answer it.

        None: nothing was read. Bytes: what was read, which is the module's to receive. A memoryview: what
        of the answer's frame is still to be written.
        """
        cdef uint8_t data[FRAME_MAX]
        cdef size_t size
        cdef bytes wire
        if not _sleep(port, &bell, 1, ll_now_ns() + <int64_t>(seconds * 1e9)):
            return None
        size = ll_read_some(port, data, FRAME_MAX)
        if size == 0:
            return None
        wire = self._answer(module, module.connection, data, size)
        if wire is None:
            return PyBytes_FromStringAndSize(<const char *>data, size)
        size = ll_write_some(port, <const uint8_t *>PyBytes_AS_STRING(wire), PyBytes_GET_SIZE(wire))
        module._advance()
        return memoryview(wire)[size:]

    cdef bytes _answer(self, module, connection, const uint8_t *data, size_t size):
        """The frame of the answer, empty when it is queued; None when the bytes are the module's to receive."""
        cdef ll_small_frame head
        cdef uint8_t state = module.state
        cdef object message, received, answer, server = module.request_server
        cdef bytes wire = None
        if module.booting or state > STATE_MAX or not self.states >> state & 1:
            return None
        if not _at_rest(connection, self.sideband):
            return None
        message = self.judge.message(connection, data, size, self.sideband, state, &head)
        if not isinstance(message, self.request) or not _admitted(server, message.request_id):
            return None
        received = self.judge.around(message, self.sideband, &head, data)
        module.now = ll_now_ns()
        _came(connection, size)
        try:
            answer = module._carry_out(received, message)
        except self.refusal as error:
            answer = module._refused(received, message, error)
        if not connection.queued[self.sideband]:
            wire = _frame_for(self.writer, connection, answer)
        if wire is None:
            server.answer = connection.send(answer)
            return b""
        server.answer = wire
        _sent(connection, wire)
        return wire
