# Part of _kernels.pyx, which includes it: a question and its answer over a port, while nothing else happens.
# Whoever wakes finds all memory cold: what can be looked at or kept before or after a sleep, is.

cdef extern from "exchange.h":
    enum:
        LL_EXCHANGES
        LL_OTHERS_MAX
    int64_t ll_now_ns()
    bint ll_await(int port, const int *others, int count, int64_t until_ns) nogil
    size_t ll_read_some(int port, uint8_t *data, size_t size)
    size_t ll_write_some(int port, const uint8_t *data, size_t size)
    void ll_let_wake(int watched, int port, int wakes)

cdef enum:
    CONTROL_CHANNEL = 0

#: Whether the system has what the classes below are made of.
EXCHANGES = bool(LL_EXCHANGES)


cdef int64_t _after(int64_t now, double seconds):
    """So many seconds later; at most a day, whatever is asked for."""
    if not seconds > 0:
        return now
    return now + <int64_t>(min(seconds, 86400.0) * 1e9)


cdef class Exchange:
    """What both halves have: the rules, and what a machine's connection was found to be before a sleep."""

    cdef Judge judge
    cdef Writer writer
    cdef object sideband, counters, image_lane
    cdef uint32_t session, features
    cdef size_t bytes_max
    cdef uint8_t state
    cdef ll_small_frame head
    cdef uint8_t data[FRAME_MAX]
    cdef size_t size  # of what came

    cdef bint is_at_rest(self, connection) except -1:
        """Whether nothing is to be sent on the sideband or to be decided of it, and kernels may do its work."""
        cdef object framer = connection._framers[self.sideband]
        return (not connection.queued[self.sideband] and not connection.gaps and not connection.damaged
                and not framer._bad and framer._position == len(framer._buffer)
                and connection._lone_frame is not None and connection._whole_frame is not None)

    cdef int look_at(self, connection, uint8_t state) except -1:
        """Find by what a frame that comes is judged. Whoever sleeps has the machine: nothing changes it."""
        self.counters, self.state = connection.counters, state
        self.image_lane, self.session = connection.image_lane, connection.session
        self.features, self.bytes_max = connection.features, connection.in_bytes_max
        if connection.untaken:
            connection.untaken = 0
        self.size = 0
        return 0

    cdef bint sleep(self, int port, const int *others, int count, int64_t until_ns):
        """Whether the port has something, and nothing else has. A signal's handler runs when we return."""
        cdef bint found
        with nogil:
            found = ll_await(port, others, count, until_ns)
        return found

    cdef object message(self):
        """The message that came, when it is one legal frame; else None."""
        if self.size == 0 or self.size > self.bytes_max:
            return None
        return self.judge.message(self.data, self.size, self.sideband, self.image_lane, self.session,
                                  self.features, self.state, &self.head)

    cdef bytes what_came(self):
        return PyBytes_FromStringAndSize(<const char *>self.data, self.size)

    cdef int count_it(self) except -1:
        """As `Connection.receive` counts a frame that came alone."""
        self.counters.bytes_received += self.size
        self.counters.frames_received += 1
        return 0

    cdef bytes frame_for(self, connection, message):
        """The next new frame of the control channel, or None; it is new until `count_sent`."""
        return self.writer.frame(message, CONTROL_CHANNEL, connection.session,
                                 connection._next_sequence.get(CONTROL_CHANNEL, connection._first_sequence),
                                 connection.out_bytes_max)

    cdef int count_sent(self, connection, bytes wire) except -1:
        """As `Connection.send` and `next_frame` count."""
        cdef uint32_t sequence = ll_read32(<const uint8_t *>PyBytes_AS_STRING(wire) + 12)
        connection._next_sequence[CONTROL_CHANNEL] = <uint32_t>(sequence + 1)
        self.counters.frames_sent += 1
        self.counters.bytes_sent += PyBytes_GET_SIZE(wire)
        return 0


cdef class Asker(Exchange):
    """The host's half, made by laserlink.host_driver.lanes.asking. The reference is the driver's own way."""

    cdef dict kinds
    cdef object silence
    cdef int port, watched, count
    cdef int others[LL_OTHERS_MAX]
    #: Whether the machine knows all that was done: nothing half done, and nothing in the caller's hands alone.
    cdef readonly bint whole

    def __init__(self, Judge judge not None, Writer writer not None, kinds, sideband, silence, int port,
                 int watched, tuple others not None):
        """`kinds`: for each type of question, that of its answer, and a bit for each state where it may go."""
        cdef int index
        if len(others) > LL_OTHERS_MAX:
            raise ValueError(f"at most {LL_OTHERS_MAX} others")
        self.judge, self.writer, self.kinds = judge, writer, dict(kinds)
        self.sideband, self.silence, self.port, self.watched = sideband, silence, port, watched
        self.count, self.whole = <int>len(others), True
        for index in range(self.count):
            self.others[index] = others[index]

    def ask(self, host, message, double seconds):
        """Ask, and wait for the answer, until something else is there or due.

        None: it is not for this way, and nothing was done. A record: the answer. A tuple: the request is under
        way; its id, the bytes that came instead of the answer, and what is still to be written. The port is
        held then, as it is after what a signal's handler raises, which may be anywhere: see `whole`.
        """
        cdef size_t written, size
        cdef int64_t until_ns
        cdef object connection = host.connection, requests = host.requests
        cdef object question, reply, kind = self.kinds.get(type(message))
        cdef bytes wire
        if kind is None or not self.may_ask(host, connection, requests, kind):
            return None
        question = self.writer.numbered(message, (requests._last_id + 1) & 0xFFFF or 1)
        wire = self.frame_for(connection, question)
        if wire is None:
            return None
        self.whole = False
        size = PyBytes_GET_SIZE(wire)
        written = ll_write_some(self.port, <const uint8_t *>PyBytes_AS_STRING(wire), size)
        # From here to the sleep, the module is at work, and nobody waits.
        ll_let_wake(self.watched, self.port, 0)
        self.look_at(connection, host.state)
        until_ns = self.note(host, connection, requests, question, wire, seconds)
        self.whole = written == size
        if self.whole and self.sleep(self.port, self.others, self.count, until_ns):
            self.size = ll_read_some(self.port, self.data, FRAME_MAX)
            self.whole = self.size == 0
        reply = self.message()
        if type(reply) is not (<tuple>kind)[0] or reply.request_id != question.request_id:
            return question.request_id, self.what_came(), memoryview(wire)[written:]
        ll_let_wake(self.watched, self.port, 1)
        self.count_it()
        host.now = host.heard_ns = ll_now_ns()
        requests._outstanding = requests.due_ns = None
        self.whole = True
        return reply

    cdef bint may_ask(self, host, connection, requests, tuple kind) except -1:
        """Whether it is legal, and nothing else is under way that an answer would have to be told of."""
        cdef uint64_t states = kind[1]
        cdef uint8_t state = host.state
        return (state <= STATE_MAX and states >> state & 1
                and requests._outstanding is None and not requests.waiting
                and not host.events and not host.streams.by_channel and self.silence in host.timers
                and self.is_at_rest(connection))

    cdef int64_t note(self, host, connection, requests, question, bytes wire, double seconds) except -1:
        """Keep what `Host.request` keeps; when the machine wants to be asked again."""
        cdef int64_t now = ll_now_ns(), due = now + <int64_t>host.response_ns, each
        host.now = now
        requests._last_id = question.request_id
        requests._outstanding, requests._wire, requests._tries, requests.due_ns = question, wire, 1, due
        self.count_sent(connection, wire)
        for each in host.timers.values():
            due = min(due, each)
        return min(due, _after(now, seconds))


cdef class Answerer(Exchange):
    """The module's half, made by laserlink.firmware_model.serve.answering. The reference is the shell's way."""

    cdef type request
    cdef object refusal
    cdef uint64_t states
    cdef int bell

    def __init__(self, Judge judge not None, Writer writer not None, type request not None, refusal,
                 sideband, uint64_t states, int bell):
        """`states` has a bit for each in which a request changes nothing by having come."""
        self.judge, self.writer, self.request, self.refusal = judge, writer, request, refusal
        self.sideband, self.states, self.bell = sideband, states, bell

    def answer(self, module, int port, double seconds):
        """Sleep until something is there; when that is one new request, have it carried out, and answer it.

        None: nothing was read. Bytes: what was read, which is the module's to receive. A memoryview: what
        of the frame that it leads to is still to be written.
        """
        cdef size_t written
        cdef bytes wire = None
        cdef object connection = module.connection, server = module.request_server
        cdef bint ready = self.may_answer(module, connection)
        if ready:
            self.look_at(connection, module.state)
        if not self.sleep(port, &self.bell, 1, _after(ll_now_ns(), seconds)):
            return None
        self.size = ll_read_some(port, self.data, FRAME_MAX)
        if self.size == 0:
            return None
        message = self.message() if ready else None
        if not isinstance(message, self.request) or not _admitted(server, message.request_id):
            return self.what_came()
        module.now = ll_now_ns()
        self.count_it()
        answer = self.carry_out(module, message)
        if not connection.queued[self.sideband]:
            wire = self.frame_for(connection, answer)
        if wire is None:
            server.answer = connection.send(answer)
            module._advance()
            wire = module.data_to_send(self.sideband, module.now)
            written = ll_write_some(port, <const uint8_t *>PyBytes_AS_STRING(wire), PyBytes_GET_SIZE(wire))
        else:
            written = ll_write_some(port, <const uint8_t *>PyBytes_AS_STRING(wire), PyBytes_GET_SIZE(wire))
            server.answer = wire
            self.count_sent(connection, wire)
            module._advance()
        return memoryview(wire)[written:]

    cdef bint may_answer(self, module, connection) except -1:
        """Whether the module takes a request, and has nothing else to look at."""
        cdef uint8_t state = module.state
        return (not module.booting and state <= STATE_MAX and self.states >> state & 1
                and self.is_at_rest(connection))

    cdef object carry_out(self, module, message):
        """The reply, or the error, to a request that came."""
        cdef object received = self.judge.around(message, self.sideband, &self.head, self.data)
        try:
            return module._carry_out(received, message)
        except self.refusal as error:
            return module._refused(received, message, error)


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
