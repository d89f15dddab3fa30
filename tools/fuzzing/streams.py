"""The fuzz targets for streams and frames: framer and messages."""

import json
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from zlib import adler32

from laserlink.protocol.errors import MalformedPayload, RemoteProtocolError
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.protocol.judge import row_of
from laserlink.tools import vectors
from laserlink.tools.explain import explain_frame, frame_document
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.oracles import Items, check_items, items_of, pieces_of, require
from laserlink.tools.fuzzing.target import Features, Target, short_of
from laserlink.tools.plain import record_from_plain, record_to_plain

# --- framer ---

# Shares of the inputs that are fed byte by byte (the short ones), in some pieces, and given up in the middle;
# the others are cut in two.
BYTEWISE_OF, PIECES_OF = 16, 8
BYTEWISE_BYTES_MAX = 128
PIECES_MAX = 24
ABANDONED_OF = 8
SHORT_BYTES = 160


def run_framer(data: bytes) -> Features:
    """The bytes are a stream, whole and cut: the items are the same, and are what is in it."""
    whole = items_of((data,))
    check_items(data, whole)
    seed = adler32(data)
    size = cut_of(len(data), seed)
    require(items_of(pieces_of(data, size)) == whole, "any cut gives the same items", size)
    if seed % ABANDONED_OF == 0:
        at = seed // ABANDONED_OF % (len(data) + 1)
        check_abandoned(data[:at], data[at:])
    return frozenset(words_of(whole))


def cut_of(size: int, seed: int) -> int:
    """Bytes in a piece of a stream of some size."""
    if seed % BYTEWISE_OF == 1 and size <= BYTEWISE_BYTES_MAX:
        return 1
    least = size // PIECES_MAX if seed % PIECES_OF == 2 else size // 2
    return least + 1 + seed // BYTEWISE_OF % (size - least + 1)


def mutate_short(data: bytes, random: Random, size_max: int) -> bytes:
    """Changes to a stream; most stay short, for most faults show in a few frames."""
    return mutators.mutate_stream(data, random, short_of(size_max, SHORT_BYTES, random))


def check_abandoned(before: bytes, after: bytes) -> None:
    """A stream that is given up in the middle loses no byte, and goes on."""
    framer = Framer()
    found: Items = []
    for piece in (before, after):
        framer.feed(piece)
        found += framer.items()
        framer.abandon()
        found += framer.items()
    require(found == items_of((before,)) + items_of((after,)), "abandon begins anew", len(before))


def words_of(items: Items) -> Iterator[str]:
    reasons = [item.reason.value if isinstance(item, BadFrame) else "frame" for item in items]
    yield from set(reasons)
    yield from {f"{a}>{b}" for a, b in pairwise(reasons)}
    yield f"items {len(items).bit_length()}"


def stream_seeds() -> list[bytes]:
    """The streams and bad frames of the vectors, and some frames in a row."""
    documents = (vectors.streams(), vectors.bad_frames())
    found = [bytes.fromhex(case["hex"]) for document in documents for case in document["cases"]]
    frames = [wire for wire in mutators.examples() if len(wire) < 256]
    return found + [b"".join(frames[at : at + 8]) for at in range(0, len(frames), 8)]


# --- messages ---

# Shares of the inputs that also take a round through JSON, and are explained.
PLAIN_OF = 4
EXPLAINED_OF = 16


def run_messages(data: bytes) -> Features:
    """Each intact frame is decoded: refused in the documented way, or it encodes to the same bytes."""
    seen, seed = set(), adler32(data)
    for item in items_of((data,)):
        if isinstance(item, Frame):
            seen.add(decode_one(item, in_json=seed % PLAIN_OF == 0))
            if seed % EXPLAINED_OF == 0:
                document = frame_document(explain_frame(item, bytes(item)))
                require(bool(json.dumps(document)), "what is explained fits JSON")
    return frozenset(seen)


def decode_one(frame: Frame, *, in_json: bool) -> str:
    """Decode and encode, and take a round through JSON; what came of it."""
    try:
        row = row_of(frame)
    except RemoteProtocolError as error:
        return type(error).__name__
    try:
        message = row.message.decode(frame.payload)
    except MalformedPayload as error:
        return f"{row.message.__name__}: {_words(error)}"
    require(bytes(message) == frame.payload, "encode(decode(x)) is x", row.message.__name__)
    if in_json:
        plain = json.loads(json.dumps(record_to_plain(message)))
        again = record_from_plain(row.message, plain)
        require(bytes(again) == frame.payload, "JSON keeps the message", row.message.__name__)
    return f"{row.message.__name__} {len(frame.payload).bit_length()}"


def _words(error: Exception) -> str:
    """What an error says, without numbers and values."""
    return " ".join(word for word in str(error).split() if word.isalpha())


def mutate_message(data: bytes, random: Random, size_max: int) -> bytes:
    """One to four changes to one frame; its checks hold."""
    wire = data if mutators.is_frame(data) and random.random() < 0.9 else random.choice(mutators.examples())
    for _ in range(random.randrange(1, 4)):
        wire = mutators.mutate_frame(wire, random)
    return wire[:size_max]


STREAMS = (
    Target("framer", "any bytes, any cut: the same items", run_framer, stream_seeds, mutate_short),
    Target(
        "messages",
        "payloads: refused as documented, or decoded exactly",
        run_messages,
        lambda: list(mutators.examples()),
        mutate_message,
    ),
)
