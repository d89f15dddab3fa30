"""Writer of tests/vectors/conversations.json: whole conversations of the two machines, and how they end.

Both real machines talk over one serial line of 1 Mb/s in virtual time, so that every frame and its moment are
the same in every run. An implementation of one end is given what the other one sent, at these moments.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Attached, Lost
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol import catalogue
from laserlink.protocol.connection import Role
from laserlink.protocol.frame import HEADER_BYTES, Flags, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.messages.diagnostics import Echo
from laserlink.protocol.messages.image import StreamConfigure, StreamStart
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.stepper import Stepper
from laserlink.tools.vectors import SESSION, Case, Document, item_of

LANE = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 1_000_000, 0)
PROFILE = "uart-1m"
CHANNEL, WIDTH, HEIGHT, BITS = 2, 64, 48, 12
ABOUT = """\
Whole conversations over one serial lane of 1 Mb/s, 8N1, with the profile uart-1m. frames: what arrived at
whom and when, in nanoseconds since contact; outcome: where both ends are at the end; sha256: of the pixels,
16 bits each, low byte first.""".replace("\n", " ")
QUIET_NS = 20 * NS_PER_MS


class Conversation:
    """Two machines on a line, and every frame that arrives at either of them."""

    def __init__(self) -> None:
        profile = load_profile(PROFILE)
        host = Host((LANE,), lambda: SESSION)
        module = Module(profile, (LANE,), first_sequence=100)
        self.stepper = Stepper(host, module, self._expose, self_powered=True)
        self.stepper.tap = self._tap
        self.frames: list[Case] = []
        self._framers = {role: Framer() for role in Role}

    @staticmethod
    def _expose(wanted: ExposureWanted) -> PackedImage:
        _, _, width, height = wanted.request.region
        return PackedImage.of(ramp(width, height, wanted.request.bits), wanted.layout)

    def _tap(self, role: Role, lane: LaneKind, data: bytes) -> None:
        self._framers[role].feed(data)
        for item in self._framers[role].items():
            self.frames.append({"at_ns": self.stepper.now, "to": role.name.lower()} | item_of(item))

    def attach(self) -> None:
        """From contact to a module that is known."""
        self.stepper.snap_on()
        self.until(Attached)
        self.rest()

    def until(self, kind: type) -> Any:
        """Go on until the host has told something; that."""
        stepper = self.stepper
        if not stepper.run(lambda: any(isinstance(item, kind) for item in stepper.events), 10 * NS_PER_S):
            raise RuntimeError(f"the conversation never came to {kind.__name__}")
        return stepper.event(kind)

    def rest(self) -> None:
        self.stepper.run_for(QUIET_NS)

    def request(self, message: Any) -> None:
        self.stepper.host.request(message, self.stepper.now)
        self.stepper.settle()

    def inject(self, data: bytes) -> None:
        """Bytes to the module that no host of ours sends."""
        self.rest()
        self.stepper.to_module[LaneKind.SIDEBAND].put(data, self.stepper.now)
        self.rest()

    def take_image(self) -> Case:
        """Configure a stream and take one picture; what the host has of it."""
        mode = self.stepper.module.profile.modes[0]
        self.request(StreamConfigure(0, CHANNEL, mode.id, BITS, 0, 0, WIDTH, HEIGHT))
        self.rest()
        self.request(StreamStart(0, CHANNEL, 1))
        done = self.until(ImageDone)
        self.rest()
        digest = hashlib.sha256(done.picture.tobytes()).hexdigest()
        return {"sha256": digest, "complete": not done.gaps, "chunks_resent": done.chunks_resent}

    def outcome(self) -> Case:
        """Where both ends are now, and what the host has lost."""
        lost = [event.cause.name for event in self.stepper.events if isinstance(event, Lost)]
        stepper = self.stepper
        return {"module": stepper.module.state.name, "host": stepper.host.state.name, "losses": lost}


def ramp(width: int, height: int, bits: int) -> "np.ndarray[Any, np.dtype[np.uint16]]":
    """Pixels that count up from 0, row by row."""
    return (np.arange(width * height, dtype=np.uint32) % (1 << bits)).astype(np.uint16).reshape(height, width)


def frame_of(message: Record, sequence: int, session: int = SESSION, **header: int) -> bytes:
    row = catalogue.BY_MESSAGE[type(message)]
    fields = {"type": row.type, "channel": min(row.channel.value)} | header
    return bytes(Frame(session=session, sequence=sequence, payload=bytes(message), **fields))


# --- the conversations ---


def _attach(talk: Conversation) -> Case:
    talk.attach()
    return {}


def _image(talk: Conversation) -> Case:
    talk.attach()
    return talk.take_image()


def _lost_chunks(talk: Conversation) -> Case:
    talk.attach()
    dropped: list[bytes] = []

    def drop_first_piece(data: bytes, now: int) -> list[bytes]:
        if not dropped and len(data) > HEADER_BYTES and data[3] == catalogue.IMAGE_DATA:
            dropped.append(data)
            return []
        return [data]

    talk.stepper.to_host[LaneKind.SIDEBAND].filter = drop_first_piece
    return talk.take_image()


def _illegal(talk: Conversation) -> Case:
    talk.attach()
    talk.inject(frame_of(Echo(0, b"reserved"), 1, flags=int(Flags.SEALED)))
    talk.inject(frame_of(Echo(0, b"type"), 2, type=0x3F))
    talk.inject(frame_of(Echo(0, b"channel"), 3, channel=1))
    talk.inject(frame_of(Echo(0, b"version"), 4, version=0x20))
    return {}


def _silent(talk: Conversation) -> Case:
    """Damage, and frames of another session: neither is answered."""
    talk.attach()
    good = frame_of(Echo(0, b"damaged"), 1)
    talk.inject(good[:-1] + bytes((good[-1] ^ 1,)))
    talk.inject(b"AT\r\n")
    talk.inject(frame_of(Echo(0, b"another session"), 2, session=SESSION + 1))
    return {}


def _pulled_off(talk: Conversation) -> Case:
    talk.attach()
    talk.stepper.pull_off()
    talk.stepper.run_for(NS_PER_S)
    return {}


CONVERSATIONS: dict[str, tuple[str, Callable[[Conversation], Case]]] = {
    "attach": ("from contact to ready", _attach),
    "one image": (f"attach, then one picture of {WIDTH} x {HEIGHT}, RAW{BITS}, pixels count up", _image),
    "an image whose first chunks are lost": ("they are asked for, sent again, and it is whole", _lost_chunks),
    "illegal messages": ("each gets one error, and nothing else happens", _illegal),
    "damage and a stranger's session": ("nothing of it is answered", _silent),
    "pulled off": ("both ends are where they began", _pulled_off),
}


def conversations() -> Document:
    """All of them."""
    return {
        "about": ABOUT,
        "cases": [_case(name) for name in CONVERSATIONS],
    }


def _case(name: str) -> Case:
    about, hold = CONVERSATIONS[name]
    talk = Conversation()
    found = hold(talk)
    return {"name": name, "about": about, "outcome": talk.outcome() | found, "frames": talk.frames}
