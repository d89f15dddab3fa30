"""The numbered rules of docs/wire-format.md: what a check names, and what a reader looks up.

A clause is found by the words that open it, and its number never changes: a new rule gets a new one.
"""

import re
from dataclasses import dataclass

from laserlink.tools import wire_prose


@dataclass(frozen=True)
class Clause:
    """One rule: its number, a title, and how it opens in the document."""

    id: str
    title: str
    opening: str


_TABLE = (
    ("F1", "frame size", "The largest frame is 4096 bytes."),
    ("F2", "the CRC", "**The checks.**"),
    ("F3", "header check and frame check", "The header check is the CRC of bytes 0 to 15."),
    ("R1", "bytes before a sync", "Bytes before a sync are bad"),
    ("R2", "false sync", "A sync whose header check does not hold"),
    ("R3", "search inside a damaged frame", "A frame whose frame check does not hold"),
    ("R4", "cut frames", "When a started frame gets no byte"),
    ("R5", "runs of bad bytes", "Adjacent bad bytes count as one run"),
    ("R6", "any way of cutting", "Any way of cutting a stream"),
    ("R7", "damage is silent", "Damage is silent:"),
    ("S1", "the first word", "*The first word.*"),
    ("S2", "hello", "*Hello.*"),
    ("S3", "stale frames", "*Stale frames.*"),
    ("S4", "negotiation", "*Negotiation.*"),
    ("S5", "sequences", "*Sequences* count"),
    ("J1", "version", "another major version: UNSUPPORTED_VERSION"),
    ("J2", "reserved bits", "a flag other than ACK_REQUESTED"),
    ("J3", "unknown type", "the type is not in the catalogue: UNKNOWN_TYPE"),
    ("J4", "wrong direction", "it goes the other way: WRONG_DIRECTION"),
    ("J5", "wrong channel", "the channel is not that of the type: WRONG_CHANNEL"),
    ("J6", "wrong lane", "the lane is not that of the type: WRONG_LANE"),
    ("J7", "frame too long", "longer than was negotiated: FRAME_TOO_LONG"),
    ("J8", "illegal in the state", "the receiver's state does not allow it: ILLEGAL_IN_STATE"),
    ("J9", "malformed payload", "the payload is too short, too long"),
    ("J10", "malformed requests", "Of a request, 9 is judged before 8"),
    ("J11", "one error, and not too many", "It is answered with one `Error`"),
    ("C1", "requests", "*Requests* go"),
    ("C2", "events", "*Events* go"),
    ("C3", "datagrams", "*Datagrams* are"),
    ("C4", "keep-alive", "*Keep-alive.*"),
    ("C5", "power", "*Power.*"),
    ("C6", "training", "*Training.*"),
    ("C7", "the descriptor", "*The descriptor* is"),
    ("C8", "the end", "*The end.*"),
    ("C9", "priorities", "*Priorities.*"),
    ("I1", "configure", "`StreamConfigure` says"),
    ("I2", "start", "`StreamStart` is answered"),
    ("I3", "credit", "The host grants `Credit`:"),
    ("I4", "frames of an image", "An image of n frames takes"),
    ("I5", "resends", "The host asks for what it lacks with `Resend`"),
    ("I6", "digests of strips", "With all chunks there"),
    ("I7", "end of a stream", "`StreamEnded` closes a stream"),
    ("I8", "updates", "*Updates.*"),
    ("M1", "states", "The number of each is under"),
    ("K1", "catalogue", "`image lane` is the optical lane"),
    ("P1", "payloads", "A payload is its fields in order"),
    ("P2", "flag sets", "Error codes stand under"),
    ("L1", "pixels", "*Pixels* are packed"),
    ("L2", "colours", "*Colours.*"),
    ("L3", "chunks", "*Chunks.*"),
    ("L4", "strips", "*Strips.*"),
    ("L5", "number of frames", "*Frames of an image* ="),
    ("D1", "digest", "Taken over packed bytes"),
    ("D2", "training pattern", "x^31 + x^28 + 1, LSB first, not inverted. Bit n"),
    ("T1", "timers", "Where line time is added"),
)

CLAUSES: dict[str, Clause] = {row[0]: Clause(*row) for row in _TABLE}


def mark(document: str) -> str:
    """The document with the number of each clause in front of it, and an anchor to link to.

    Raises:
        ValueError: a clause does not open exactly once: the document and this table have drifted apart.
    """
    for clause in CLAUSES.values():
        if document.count(clause.opening) != 1:
            count = document.count(clause.opening)
            raise ValueError(f"clause {clause.id} opens {count} times, with {clause.opening!r}")
        label = f'<a id="{clause.id.lower()}"></a>**{clause.id}** '
        document = document.replace(clause.opening, label + clause.opening)
    return document


def text_of(clause_id: str) -> str:
    """The words of a clause, as one line without marks of emphasis."""
    opening = CLAUSES[clause_id].opening
    everything = "\n".join(value for value in vars(wire_prose).values() if isinstance(value, str))
    _, _, behind = everything.partition(opening)
    end = re.search(r"\n\s*\n|\n\d+\. |\n- |\Z", behind)
    words = opening + behind[: end.start() if end else None]
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(words.replace("*", "").split()))
