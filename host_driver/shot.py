"""A picture as the host hands it over: pixels, what is known of them, and what never came."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.host_driver.develop import CFA_ORDERS, BadColorMatrix, camera_to_srgb
from laserlink.host_driver.files import SaveReport, save
from laserlink.protocol.errors import LaserLinkError


@dataclass(frozen=True)
class MetadataField:
    """One key of a shot's metadata: a bare value, or `count` numbers, each from `low` to `high`."""

    name: str
    kind: type
    unit: str
    meaning: str
    required: bool = False
    count: int = 1
    low: float = -math.inf
    high: float = math.inf


U16, U32, U64 = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF

# Names, types and units are libcamera's where libcamera has them, else DNG's or Exif's.
METADATA: tuple[MetadataField, ...] = (
    MetadataField("BitsPerPixel", int, "bit", "depth of a sample on the wire", True, low=8, high=16),
    MetadataField("WhiteLevel", int, "DN", "value of a saturated sample", True, low=1, high=U16),
    MetadataField("SensorBlackLevels", int, "DN", "level without light, as CfaPattern", True, 4, 0, U16),
    MetadataField("CfaPattern", str, "", "colour filters, top-left 2 x 2 in reading order: RGGB", True),
    MetadataField("ExposureTime", int, "us", "exposure of each row", low=0, high=U32),
    MetadataField("AnalogueGain", float, "", "gain before conversion; 1 is ISO 100", low=0, high=1e6),
    MetadataField("SensorTimestamp", int, "ns", "first row's exposure start, host clock", low=0, high=U64),
    MetadataField("SensorTimestampUncertainty", int, "ns", "error of SensorTimestamp", low=0, high=U64),
    MetadataField("ColorMatrix", float, "", "CIE XYZ to camera at D65, in rows", count=9, low=-100, high=100),
    MetadataField("ColorMatrixA", float, "", "the same at illuminant A", count=9, low=-100, high=100),
    MetadataField("AsShotNeutral", float, "", "camera R, G, B of a neutral", count=3, low=1e-4, high=100),
    MetadataField("LensPosition", float, "dioptre", "focus, 0 is infinity", low=0, high=1e4),
    MetadataField("FNumber", float, "", "focal length over aperture", low=0.1, high=1e4),
    MetadataField("LensFNumber", float, "", "that of the widest stop", low=0.1, high=1e4),
    MetadataField("FocalLength", float, "mm", "focal length of the lens", low=0.01, high=1e5),
    MetadataField("FocalLengthIn35mmFilm", int, "mm", "what sees as much on film", low=1, high=U16),
    MetadataField(
        "NoiseProfile", float, "", "S and O: variance S x + O of a part x of white", count=2, low=0, high=1
    ),
    MetadataField(
        "ColourGains",
        float,
        "",
        "gains of red and blue that make AsShotNeutral grey",
        count=2,
        low=0,
        high=1e4,
    ),
    MetadataField("ColourTemperature", int, "K", "of the light, as AWB takes it", low=1, high=100_000),
    MetadataField("AeState", int, "", "0 idle, 1 searching, 2 converged", low=0, high=2),
    MetadataField("AfState", int, "", "0 idle, 1 scanning, 2 focused, 3 failed", low=0, high=3),
    MetadataField("FocusFoM", int, "", "how sharp it is; larger is sharper", low=0, high=U64),
    MetadataField("SensorTemperature", float, "degC", "of the sensor", low=-273.15, high=1e4),
    MetadataField("StackedImages", int, "", "how many images this one is the mean of", low=1, high=U32),
    MetadataField("LensModel", str, "", "name of the lens"),
    MetadataField("Make", str, "", "who made the module"),
    MetadataField("Model", str, "", "name of the module"),
    MetadataField("SerialNumber", str, "", "the module's own number"),
    MetadataField("Software", str, "", "what wrote the picture"),
    MetadataField("ImageId", int, "", "the image's number on the link", low=0, high=U32),
    MetadataField("ControlSetId", int, "", "number of the control set in force", low=0, high=U32),
    MetadataField("ControlSetImageId", int, "", "the first image with that set", low=0, high=U32),
    MetadataField("Mode", str, "", "sensor mode, such as still-full"),
    MetadataField("Format", str, "", "sample format, such as RAW12"),
    MetadataField("DateTime", datetime, "", "wall-clock time of the exposure"),
)
"""All but the four required keys may be absent, or None: unknown. An unknown ColorMatrix is taken for
linear sRGB, an unknown AsShotNeutral is estimated by grey world."""

# A whole number is a good float; numpy's numbers are as good as Python's.
_ACCEPTED: dict[type, tuple[type, ...]] = {int: (Integral,), float: (Real,)}


class InvalidShot(LaserLinkError, ValueError):
    """Pixels or metadata that no picture has; `problems` lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Gap:
    """Bytes of the packed image that never came, or came and failed their digest."""

    offset: int
    length: int
    reason: str


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture. `raw` is uint16 (height, width), samples right-aligned, width even, neither side under 2;
    `metadata` is described by `METADATA` (other keys are kept as they are); `gaps` lists what is missing,
    in bytes of the packed image, which is BitsPerPixel a sample. Raises `InvalidShot`."""

    raw: NDArray[np.uint16]
    metadata: Mapping[str, Any]
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        problems = [*_raw_problems(self.raw), *metadata_problems(self.metadata), *_gap_problems(self.gaps)]
        if problems:
            raise InvalidShot(problems)
        object.__setattr__(self, "metadata", dict(self.metadata))

    @property
    def complete(self) -> bool:
        return not self.gaps

    def save(self, path: Path | str, *, overwrite: bool = True) -> SaveReport:
        """Write the shot as .dng, .npy, .raw or .png, by the suffix of `path`; see `files.save`."""
        return save(self, path, overwrite=overwrite)

    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the pixels as little-endian uint16, in reading order."""
        return hashlib.sha256(np.ascontiguousarray(self.raw, "<u2").data).hexdigest()

    def missing_bytes(self) -> int:
        """Bytes of the packed image that are missing."""
        return sum(gap.length for gap in self.gaps)

    def missing_rows(self) -> list[tuple[int, int]]:
        """(first, last) of every run of rows with missing pixels, in order, from 0."""
        height, width = self.raw.shape
        row_bits = width * self.metadata["BitsPerPixel"]
        runs: list[tuple[int, int]] = []
        for gap in sorted(self.gaps, key=lambda gap: gap.offset):
            first = min(8 * gap.offset // row_bits, height - 1)
            last = min((8 * (gap.offset + gap.length) - 1) // row_bits, height - 1)
            if runs and first <= runs[-1][1] + 1:
                first, last = runs[-1][0], max(last, runs.pop()[1])
            runs.append((first, last))
        return runs


def metadata_problems(metadata: Mapping[str, Any]) -> list[str]:
    """Everything in `metadata` that `METADATA` does not allow, one line each; empty when all is well."""
    problems = [problem for known in METADATA for problem in _field_problems(known, metadata.get(known.name))]
    return problems or list(_contradictions(metadata))


def _field_problems(known: MetadataField, value: Any) -> Iterator[str]:
    if value is None:
        if known.required:
            yield f"{known.name} is missing"
        return
    values = [value] if known.count == 1 else _flat(value)
    if len(values) != known.count:
        yield f"{known.name} is {value!r}, not {known.count} numbers"
        return
    accepted = _ACCEPTED.get(known.kind, (known.kind,))
    if any(isinstance(each, bool) or not isinstance(each, accepted) for each in values):
        yield f"{known.name} is {value!r}, not {known.kind.__name__}"
    elif known.kind in _ACCEPTED and not all(known.low <= each <= known.high for each in values):
        yield f"{known.name} is {value!r}, not from {known.low} to {known.high}"


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list | np.ndarray) else []


def _contradictions(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What only shows in fields together, each being legal by itself."""
    if metadata["CfaPattern"] not in CFA_ORDERS:
        yield f"CfaPattern is {metadata['CfaPattern']!r}, none of {', '.join(CFA_ORDERS)}"
    if metadata["WhiteLevel"] <= max(metadata["SensorBlackLevels"]):
        yield "WhiteLevel is not above SensorBlackLevels"
    try:
        camera_to_srgb(metadata.get("ColorMatrix"))
        camera_to_srgb(metadata.get("ColorMatrixA"))
    except BadColorMatrix as error:
        yield str(error)


def _raw_problems(raw: NDArray[np.uint16]) -> Iterator[str]:
    if raw.ndim != 2 or raw.dtype != np.uint16:
        yield f"raw is {raw.dtype} with {raw.ndim} axes, not uint16 with 2"
    elif min(raw.shape) < 2 or raw.shape[1] % 2:
        yield f"raw is {raw.shape[1]} x {raw.shape[0]}; the width must be even, and neither side under 2"


def _gap_problems(gaps: tuple[Gap, ...]) -> Iterator[str]:
    for gap in gaps:
        if gap.offset < 0 or gap.length < 1:
            yield f"{gap} is not a range of bytes"
