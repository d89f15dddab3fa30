"""The rules of the wire that no declaration can say: the prose of docs/wire-format.md."""

from laserlink.firmware_model.table import Input
from laserlink.protocol import errors
from laserlink.protocol.errors import RemoteProtocolError

OPENING = """
<!-- Made by `laserlink generate` from the declarations in protocol/. Do not edit. -->

# The LaserLink wire format, version 1.0

This page is the authority on bytes: frames, payloads, and the rules that two independent implementations
must share. What has a number, such as **S2**, is a rule that both ends keep, and so are the tables; reasons
explain. Numbers never change; `laserlink conform` names them. [The module's states](#the-modules-states)
say what leads where, [both machines](state-machines.md) are there row by row, and there are [test
vectors](vectors.md) for everything here.

All integers, and both checks, are little-endian. Signed integers are two's complement. Words: a *frame* is
a wire frame, an *image* is a picture, a *lane* is a pipe (the pogo contact, the laser, a serial port), a
*chunk* is the part of an image in one frame. `bit/s` counts bits on the line.

There is one frame format on every lane. The `sideband` lane is a slow byte stream both ways; the `optical`
lane is fast, from module to host only. On a link of one lane, that one carries everything.
"""

FRAME = """
The largest frame is 4096 bytes. Bytes 0 to 19 keep their layout in all versions.

**The checks.** CRC-32/AUTOSAR: width 32, polynomial F4ACFB13, initial value FFFFFFFF, input and output
reflected, final XOR FFFFFFFF; the check value (of the ASCII digits 123456789) is 1697D06A. In code, the
register starts as FFFFFFFF and is inverted at the end; the reflected polynomial is C8DF352F. A table-driven
byte step is `register = table[(register ^ byte) & 0xFF] ^ (register >> 8)`.

The header check is the CRC of bytes 0 to 15. The frame check is the CRC of bytes 0 to 15 followed by the
payload: it leaves out the header check itself. To compute it, go on from the header check's register: undo
its final inversion, and feed the payload.

The CRC has Hamming distance 8 up to 274 bits, and 6 up to 32,736 bits (4,092 bytes): any 7 wrong bits in a
header and any 5 in a frame are always found. Both checks and the digests of images find damage; none is a
defence against an attacker.
"""

RULES = """
## Finding frames

A receiver never believes, waits for, or allocates anything on the word of a header whose check does not
hold.

1. Bytes before a sync are bad (`no-sync`).
2. A sync whose header check does not hold (`header-check`), or whose length is over 4072 (`length`), is
   false: one bad byte, and the search goes on at the byte after it.
3. A frame whose frame check does not hold (`frame-check`) is a false sync as well: the search goes on at
   its second byte, inside its payload, and takes the first intact frame. What is inside an *intact* frame
   is never searched.
4. When a started frame gets no byte for the lane's gap time, it is abandoned: its first byte is bad
   (`cut`), and the search goes on behind it with the bytes that are there.
5. Adjacent bad bytes count as one run of at most 4096 bytes, with the reason of its first byte.

Any way of cutting a stream into pieces gives the same frames and runs. Work stays linear in bytes: a byte
is checked in at most 4096 / 20 frames.

Damage is silent: bad bytes are counted and never answered.

## Sessions

*The first word.* A powered module without a session sends a beacon every 250 ms, on the sideband; so does
one that lost its host and waits for it, or that is latched in a fault, and the beacon's state says so. It
is the only frame of session 0, and its sequence means nothing. A host sends nothing to a port before one
intact frame came from it; after 3 s without one there is no device. (On a plain serial port the open port
is the contact.)

*Hello.* The host then chooses a session: random, fresh at each attach, not zero. It sends `Hello` with it
and repeats the very same bytes until it is answered, or the attach watchdog ends. The module adopts the
session and answers `HelloReply`. The same session again is answered again with the very same bytes. Another
session resets everything: light off, power back to 100 mA, streams and events forgotten. A hello of session
0 is a stale frame.

*Stale frames.* Only hello may carry an unknown session. Every other frame of another session, on any lane,
is counted and dropped, without an answer.

*Negotiation.* Before hello is answered, no frame is longer than 256 bytes; hello, its reply and the beacon
never are. For each direction the smaller of both offers holds from the next frame on; 256 is always
possible, and an offer of less counts as 256. The module offers no more than fits 20 ms of line time, and to
itself no more than 1024.
Features: a bit set in both masks is in force; unknown bits are ignored; a feature is never used before it
is negotiated. Lanes: those that both ends list are used; the sideband always is. The reply lists them
with the module's figures, which hold where the host's rate is 0. The host's first frame on every channel
has the sequence `first_sequence` of hello, on channel 0 that is hello itself; the module's likewise, with
the reply.

*Sequences* count new frames per channel and direction, over all lanes, modulo 2^32, and compare as RFC 1982
says. A resend is bit-identical: it keeps its sequence. Images are placed by offset, never by sequence.
"""

JUDGING = """
An intact frame of this session, or a hello of any, is judged in this order; the first thing that is wrong
is the answer:

1. another major version: UNSUPPORTED_VERSION (the error names the range that is spoken); so is, when all
   else is right, a hello whose range has no version in common, with the last of that range as the value;
2. a flag other than ACK_REQUESTED, or a bit in the high nibble of channel: RESERVED_BIT;
3. the type is not in the catalogue: UNKNOWN_TYPE; so is one whose feature is not in force, which is looked
   at between 8 and 9, and of a request before both;
4. it goes the other way: WRONG_DIRECTION;
5. the channel is not that of the type: WRONG_CHANNEL;
6. the lane is not that of the type: WRONG_LANE;
7. longer than was negotiated: FRAME_TOO_LONG;
8. the receiver's state does not allow it: ILLEGAL_IN_STATE (of requests, this holds for new ones only: a
   repeated one is answered as it was, whatever the state is by now);
9. the payload is too short, too long, or holds a value that its field does not allow: MALFORMED_PAYLOAD.
   Limits that stand only in a field's meaning are not judged here: a stream's channel outside 2 to 14 is
   UNKNOWN_STREAM, bits that are no format of the mode are UNKNOWN_MODE.

Of a request, 9 is judged before 8, and its id between them: a malformed request does not use its id up. So
a datagram is judged by 1 to 8, its feature, 9; a request by 1 to 7, its feature, 9, its id, 8.

It is answered with one `Error`, and does nothing else. At most 10 errors a second are sent; the others are
counted. An error is never answered with an error, and a beacon never with anything. The error of a request
carries its id, whatever was wrong with it, and ends it. A new request that its state does not allow, or
that is refused when it is carried out, is answered by an `Error` in place of the reply; that one is not
limited, and is repeated as a reply is. The error of a hello that is refused is sent in the session of that
hello; the session in force, and all else, stays as it is.
"""

CONVERSATION = """
## Conversations

*Requests* go from host to module, one at a time. Each has an id; ids count up by one from 1, and 65,535 is
followed by 1, for 0 in an error means that it answers no request. The first request of a session may have
any other id. The module carries out an id once. It looks at the id before its state: the same id again is
answered with the very same bytes, an older one (RFC 1982, 16 bits) is dropped, and only a new one must be
legal in the state. The host sends a request again, bit-identical, after the response time, at most 6 times
in all. A reply or an error with this id ends it; one with another id came late and is ignored.

*Events* go from module to host on channel 1, in order, with ACK_REQUESTED set. At most 8 are in flight. The
host acknowledges with `Ack`: the sequence that it expects next, whether or not the event was the expected
one. The module sends all events in flight again, bit-identical, when the oldest is not acknowledged within
the response time. An event that is not the expected one is dropped. A host that has lost the hello reply
does not know yet which it expects, and acknowledges none. An `Ack` of what was not sent yet, or of another
channel than 1, is ignored. More than 64 waiting events are a fault. In a fault nothing is sent again.

*Datagrams* are neither repeated nor acknowledged: beacon, hello, ping, credit, the frames of an image.

*Keep-alive.* From the reply to hello on, the host sends `Ping` every 100 ms; the module answers `Pong`.
Three missed are a loss: at the module, three times the timer `keep_alive`, with the line times of a frame
to the module in each, without a `Ping`; other frames do not count. LIGHT in the ping says that the host
sees the laser; the module darkens when it was not told so within 50 ms of switching on, or by a later ping.
With t1 = host_sent, t2 = module_received, t3 = module_sent, t4 = when the pong came, the offset of the
module's clock is ((t2 - t1) + (t3 - t4)) / 2, wrong by at most ((t4 - t1) - (t3 - t2)) / 2.

*Power.* `PowerCapabilities` is answered by the module's `PowerRequest`; the host then sends accept, reject
or wait, and after accept, when the rail stands, `PowerReady`. Until then the module draws at most 100 mA,
and does so again within 15 ms of `PowerRevoke`, which ends streams as a derate does. There is no light
without a contract. The module asks for an offer of its own voltage, for at most what that gives, and for
enough for a slow stream; where none does, it refuses with POWER_BUDGET. `PowerStatus` tells the phase:
after accept ACCEPTED, after reject REFUSED, after wait WAITING, after ready CONTRACTED, after a revoke
DEFAULT. Its limit is 100 mA, and under a contract what was asked for, operating and reserve together. Ready
without accept is refused: POWER_BUDGET. `PowerDerate` sets the limit, to no less than 100 mA and no more
than the contract, so that a later one may raise it again. A limit that leaves nothing for a stream ends all
of them (`StreamEnded`, POWER), and until it is raised `StreamConfigure` and `StreamStart` are refused:
POWER_BUDGET. A module that lost its host keeps its contract and its limit until the attach watchdog ends.

*Training.* `Train` names the image lane. It switches the laser on, where that lane is the optical one; the
module then sends frames of `Prbs31` on it, as long as max_frame allows, until `TrainResult` comes, but no
longer than the timer `training_max`. A `Train` that names another lane is refused: WRONG_LANE, with that
lane as the value. On a link of one lane there is no light: nothing is switched on, no `LaserOffEvent` is
sent, and LIGHT is never set. The host counts wrong bits in all frames whose header check holds, also when
the frame check does not, and tells the result with `TrainResult`.

*The descriptor* is one `Descriptor` record, read in parts with `DescriptorRead`: each part is as long as
the frame allows, and the next offset is where it ended. The part that holds the last byte makes the module
ready. There is at least one mode. The colour matrices have 9 values or none, `neutral` 3 or none. What
stands behind the fields that a host knows is of a later minor version, and ignored. Where the descriptor
or the list of controls is read in parts, an offset or index at its end or behind it is refused with
OUT_OF_BOUNDS; of a file, one behind its end.

*The end.* There is no goodbye. A host that is done falls silent, and the module finds its keep-alives
missing; where the contact opens, that comes first.

*Priorities.* Control goes before events, events before images, images before bulk. Below the session at
most one frame queues.

## Images on the wire

1. `StreamConfigure` says what each image will be; its reply names sizes, the number of frames, and what the
   module then draws, all in all. A region that is odd or reaches out of its mode is refused with
   VALUE_OUT_OF_RANGE. A stream that runs is not configured or started again, and one that was not
   configured is not started, stopped or granted credit: UNKNOWN_STREAM.
2. `StreamStart` is answered with the first image id and the first sequence. Image ids of a channel count up
   from 1, modulo 2^32 without 0.
3. The host grants `Credit`: the highest sequence that new frames of the channel may use. It is absolute, so
   a lost grant is harmless, and an older one takes nothing back. The host grants whole images that it has
   memory for; the module begins an exposure only when the credit covers its last frame. Resends need no
   credit.
4. An image of n frames takes n consecutive sequences: `ImageStart`, the chunks in order of their offsets,
   `ImageDigests`. They may arrive in any order. An image id that was not granted is refused.
5. The host asks for what it lacks with `Resend`: ranges of whole chunks, at most 16 ranges and a quarter of
   the image at once, each range at most 5 times; first 1 ms after the gap shows, then every 20 ms. START
   and DIGESTS ask for those frames. The module keeps an image 100 ms after its last frame, and after each
   `Resend` of it, and answers `ImageGone` for one that it no longer has. What it has not sent yet comes by
   itself: to a request for an image that has not begun, it answers nothing. To what is no whole chunk it
   answers OUT_OF_BOUNDS, to more than a quarter of the chunks (rounded up) LIMIT_EXCEEDED with how many
   were asked for, and sends nothing of it. A host to which nothing of a granted image came asks for its
   START now and then; after `ImageGone`, it waits for nothing more of that image.
6. With all chunks there, the host checks the digest of each strip. A wrong strip is asked for once more,
   and is a gap as a whole until its digest holds. An image whose time is over is delivered as incomplete,
   with its gaps, never padded silently.
7. `StreamEnded` closes a stream that was not stopped by the host. It names the `StreamStart` that began
   it: one that comes late does not end what was started since.

*Updates.* `UpdateBegin` with size and digest (that of an image of one strip), `UpdateData` in order,
`UpdateEnd`. The module checks the digest and restarts. The laser is off all the time.
"""

STATES = """
## The module's states

The number of each is under [ModuleState](#modulestate). Listed is what leads from one to another; what is
legal without a change stands with each message. In every state, removal leads to detached; in every one but
detached and fault, a hello of a new session leads to greeted, and a failed self-test to fault.
"""

CATALOGUE = """
`image lane` is the optical lane where there is one. Bytes are those of the payload.
"""

PAYLOADS = """
A payload is its fields in order, without padding. Nothing may follow the last field. Types:

- `u8` to `u64`, `i16`, `i32`, `i64`: integers; `f64`: IEEE 754 double;
- an enumeration: one byte, one of the values below; any other value is malformed;
- `text`: one byte of length, then so many bytes of UTF-8;
- `bytes[n]`: exactly n bytes; `rest`: all bytes to the end of the payload;
- `array of X`: one byte of count, then so many X.

An offset is given where it is fixed. Defaults are those of `laserlink encode`.
"""

ENUMERATIONS = """
Error codes stand under [Judging a frame](#judging-a-frame). Bits of a flag set that are not named here are
ignored.
"""

IMAGES = """
## How an image lies on the wire

*Pixels* are packed row by row, without padding between rows. After MIPI CSI-2, a group holds the high 8
bits of each of its pixels, then their low bits as one little-endian number, the first pixel lowest. RAW16
is low byte first. Widths are multiples of 4 and heights are even, so that an image is a whole number of
groups.

*Colours.* `cfa` of the descriptor names the colours of the top left 2x2 of every image, in reading order,
for 0 red, 1 green, 2 blue: 00 01 01 02 (RGGB), 01 00 02 01 (GRBG), 01 02 00 01 (GBRG) or 02 01 01 00
(BGGR). Origins of regions are even, so that a region has the order of the whole.
"""

LAYOUT = """
*Chunks.* All chunks but the last have `chunk_bytes`: as many whole runs of 32 pixels as fit the frame with
room for a seal, that is, with F the max_frame to the host and L the bytes of 32 pixels,

    chunk_bytes = floor((F - 24 - 12 - 16) / L) * L

24 is the framing, 12 the image id and offset in front of a chunk, 16 the tag of a sealed frame. 32 pixels
unpack to 64 bytes, a cache line. Chunk i stands at offset i * chunk_bytes.

*Strips.* All strips but the last have floor(1,000,000 / chunk_bytes) * chunk_bytes bytes; each has a
digest. One `ImageDigests` holds at most min(255, floor((F - 24 - 15 - 16) / 8)) digests; more take more
frames, in order, and each carries the digest of the whole image.

*Frames of an image* = 1 + chunks + frames of digests.

A 100-megapixel sensor with frames of 4096 bytes:
"""

DIGEST = """
## Digest (WEYL64)

Taken over packed bytes, in any order of arrival. The image is cut into 64-bit little-endian words w[i],
where i is the byte offset *in the image* / 8; a short last word of the image is filled with zeros. For each
strip two sums are kept, modulo 2^64; lo and hi are the halves of a word, of 32 bits each:

    c[i] = (i + 1) * 9E3779B97F4A7C15
    k[i] = c[i] + lo(c[i]) * hi(c[i])
    x[i] = w[i] ^ k[i]
    S1  += lo(x[i]) * hi(x[i])
    S2  += w[i]

    digest(S1, S2, length) = mix(S1 + mix(S2 ^ (length * C2B2AE3D27D4EB4F)))

    mix(v):  v = (v ^ (v >> 33)) * FF51AFD7ED558CCD
             v = (v ^ (v >> 33)) * C4CEB9FE1A85EC53
             return v ^ (v >> 33)

The digest of a strip takes its own length in bytes. The digest of the image is computed over the strips'
digests as words 0, 1, 2 ..., with the length of the whole packed image. Why:
[decision 1](decisions/0001-image-digest.md).
"""

PRBS = """
## Training pattern (PRBS31)

x^31 + x^28 + 1, LSB first, not inverted. Bit n of the pattern is bit n mod 8 of byte n / 8. The first 31
bits are the frame's sequence modulo 2^31, lowest bit first, or all ones where that is zero; then

    b[n] = b[n - 31] xor b[n - 28]
"""

TIMERS = """
Where line time is added, the timer is the listed value, plus four line times of the lane's largest frame,
plus the lane's declared latency. A line time is max_frame * bits per byte / rate: 10 bits a byte on a UART,
8 elsewhere; none where a lane has no rate. max_frame is the larger of both directions, but for what is said
of keep-alive. The attach watchdog starts with the session, with a recovery, and when a hot module begins to
wait or may go on; it ends when the module is ready, or hears its host again.
"""

RESERVED = """
## Reserved

Types E0 to EF are for authentication, F0 to FF for vendors. SEALED: the payload ends in a 16-byte tag,
whose associated data is bytes 0 to 15; a sealed session refuses unsealed frames and changes keys
(KEY_PHASE) before a sequence wraps. Neither flag is legal in this version.
"""

# What happens, of each input of the module's table that leads from one state to another.
INPUTS: dict[Input, str] = {
    Input.POWER_UP: "the contact closes",
    Input.HOT: "the module is hot: dark",
    Input.ATTACH_EXPIRED: "the attach watchdog ends: beacons again",
    Input.SILENT: "three keep-alives are missed: dark",
    Input.ALIVE: "any legal frame of the session",
    Input.UNLIT: "light was not confirmed: dark",
    Input.TRAINING_EXPIRED: "the pattern ran for `training_max`: dark",
    Input.STREAMS_DONE: "the last image of the last stream was sent",
    Input.RESET: "`Reset`: boots",
    Input.CAPABILITIES: "`PowerCapabilities`",
    Input.REJECT: "`PowerReject`",
    Input.WAIT: "`PowerWait`",
    Input.POWER_READY: "`PowerReady`",
    Input.DERATE_BELOW_STREAM: "`PowerDerate` to less than any stream draws",
    Input.REVOKE: "`PowerRevoke`: dark",
    Input.TRAIN: "`Train`",
    Input.TRAINED: "`TrainResult`, seated or marginal, descriptor not yet read",
    Input.TRAINED_AGAIN: "`TrainResult`, seated or marginal, no stream interrupted",
    Input.TRAINED_MID_STREAM: "`TrainResult`, seated or marginal, a stream interrupted: it goes on",
    Input.TRAINING_FAILED: "`TrainResult`, not seated: dark",
    Input.DESCRIPTOR_END: "`DescriptorRead` of the last byte",
    Input.STREAM_START: "`StreamStart`",
    Input.STREAM_STOP_LAST: "`StreamStop` of the only stream that runs",
    Input.UPDATE_BEGIN: "`UpdateBegin`: dark",
    Input.UPDATE_END: "`UpdateEnd`: boots",
}

# What leads to the same state from everywhere; the prose above the table says so.
INPUTS_EVERYWHERE = frozenset({Input.REMOVED, Input.HELLO, Input.BROKEN})

# Of each error: what was wrong, and what its `value` field holds.
ERRORS: dict[type[RemoteProtocolError], tuple[str, str]] = {
    errors.UnsupportedVersion: ("another major version, or no version in common", "the version"),
    errors.ReservedBitSet: ("a reserved bit of flags or channel is set", "the flags, or the channel"),
    errors.UnknownType: ("the type is not in the catalogue", "the type"),
    errors.WrongDirection: ("the message goes the other way", "the type"),
    errors.WrongChannel: ("the channel is not that of the type", "the channel"),
    errors.WrongLane: ("the lane is not that of the type", "the lane kind"),
    errors.IllegalInState: ("not in this state", "the receiver's state"),
    errors.MalformedPayload: ("the payload is not what the type says", "its length, or the value"),
    errors.FrameTooLong: ("longer than was negotiated", "bytes of the frame"),
    errors.UnknownControl: ("no control has this id", "the id"),
    errors.ValueOutOfRange: ("outside of the bounds", "the control's id, or the width of a region"),
    errors.WrongValueType: ("not the type of the control", "the control's id"),
    errors.ReadOnly: ("the control cannot be set", "the control's id"),
    errors.PowerBudget: ("the contract does not cover it", "mA"),
    errors.UnknownMode: ("no such mode, or not in this format", "the mode, or the bits"),
    errors.UnknownStream: ("no such stream, or not in this condition", "the channel"),
    errors.TooHot: ("too hot to shine", "the temperature level"),
    errors.OutOfBounds: ("an offset or index outside of what there is", "the offset, index or id"),
    errors.LimitExceeded: ("more than a limit allows at once", "how much was asked for"),
    errors.NotFound: ("no file has this name", "0"),
    errors.UpdateRefused: ("the update is short, too long, or its digest is wrong", "bytes, or the digest"),
}
