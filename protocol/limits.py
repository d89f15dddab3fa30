"""Every limit of the protocol, each with its unit and its reason. Nothing is allocated beyond these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """One bound: its value, its unit, and why it is this and no other."""

    name: str
    value: int
    unit: str
    reason: str


LIMITS: dict[str, Limit] = {}


def _limit(name: str, value: int, unit: str, reason: str) -> int:
    LIMITS[name] = Limit(name, value, unit, reason)
    return value


FRAME_BYTES_MAX = _limit(
    "frame_bytes_max", 4096, "bytes", "CRC-32/AUTOSAR keeps Hamming distance 6 up to 4,092 covered bytes"
)
FRAME_BYTES_MIN_OFFER = _limit(
    "frame_bytes_min_offer",
    256,
    "bytes",
    "what both ends take before hello has negotiated; a 2 kB microcontroller",
)
TO_MODULE_BYTES_MAX = _limit(
    "to_module_bytes_max",
    1024,
    "bytes",
    "no images go this way, and a stopped host must be noticed within 350 ms",
)
PAYLOAD_BYTES_MAX = _limit(
    "payload_bytes_max", 4072, "bytes", "the largest frame less its 24 bytes of framing"
)
SEAL_BYTES = _limit("seal_bytes", 16, "bytes", "the tag of a sealed payload; image chunks leave room for it")
ERRORS_PER_SECOND = _limit(
    "errors_per_second", 10, "1/s", "a peer that offends in a loop is not answered in a loop"
)
ERROR_TEXT_BYTES_MAX = _limit("error_text_bytes_max", 80, "bytes", "one line; fits every max_frame")
LANES_MAX = _limit("lanes_max", 4, "lanes", "sideband, optical and two to come; fits hello into 256 bytes")
EVENTS_IN_FLIGHT = _limit("events_in_flight", 8, "events", "one window of events fits 2 kB of module memory")
EVENTS_QUEUED = _limit(
    "events_queued", 64, "events", "a module that has more to say than this is in trouble: fault"
)
REQUESTS_QUEUED = _limit(
    "requests_queued", 64, "requests", "control is stop-and-wait; more than this is a caller's bug"
)
REQUEST_TRIES = _limit(
    "request_tries", 6, "sends", "at 30 ms each this ends before three keep-alives are missed"
)
POWER_OFFERS_MAX = _limit(
    "power_offers_max", 7, "offers", "as many objects as USB PD's source capabilities hold"
)
DESCRIPTOR_BYTES_MAX = _limit(
    "descriptor_bytes_max", 16384, "bytes", "16 modes and all texts take under 2 kB"
)
MODES_MAX = _limit("modes_max", 32, "modes", "a sensor with more readout modes has not been seen")
NOISE_ENTRIES_MAX = _limit(
    "noise_entries_max", 32, "entries", "five formats at two conversion gains take ten"
)
CONTROLS_MAX = _limit("controls_max", 128, "controls", "libcamera's core list is about 60")
CONTROLS_PER_REQUEST = _limit(
    "controls_per_request", 16, "controls", "fits a reply into 256 bytes: 16 x 11 + 6"
)
IMAGE_SIDE_MAX = _limit("image_side_max", 65532, "pixels", "16-bit sizes, a multiple of 4")
IMAGE_BYTES_MAX = _limit("image_bytes_max", 1 << 30, "bytes", "400 megapixels of RAW16 are 0.8 GB")
STRIP_BYTES_MAX = _limit(
    "strip_bytes_max", 1_000_000, "bytes", "a wrong strip costs under 1 ms of laser to send again"
)
STREAM_CHANNEL_MIN = _limit("stream_channel_min", 2, "", "channels 2 to 14 carry images")
STREAM_CHANNEL_MAX = _limit("stream_channel_max", 14, "", "channel 15 is bulk")
RESEND_RANGES_MAX = _limit(
    "resend_ranges_max", 16, "ranges", "fits a resend request into 256 bytes: 16 x 12 + 6"
)
RESEND_TRIES = _limit("resend_tries", 5, "requests", "each range is asked for this often, then it is a gap")
IMAGES_IN_FLIGHT = _limit("images_in_flight", 2, "images", "one arrives while the one before it is repaired")
RECOVERIES_MAX = _limit(
    "recoveries_max", 5, "recoveries", "in five minutes; then latched until removal (Moto Mods)"
)
UPDATE_BYTES_MAX = _limit("update_bytes_max", 1 << 20, "bytes", "the flash of a large microcontroller")
FILE_NAME_BYTES_MAX = _limit("file_name_bytes_max", 32, "bytes", "a name, never a path")
ECHO_BYTES_MAX = _limit("echo_bytes_max", 1024, "bytes", "enough to measure a line")
LOG_TEXT_BYTES_MAX = _limit("log_text_bytes_max", 160, "bytes", "one line of a terminal, twice")
EVENTS_PENDING = _limit(
    "events_pending", 1024, "events", "a caller that never asks for its events is told so"
)
QUEUE_FRAMES_MAX = _limit(
    "queue_frames_max", 256, "frames", "waiting on a lane that does not take them; then dropped, and counted"
)
