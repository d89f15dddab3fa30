"""RAW files as scenes: headerless Bayer mosaics, and camera RAW files through LibRaw."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.colour import SRGB_TO_XYZ
from laserlink.firmware_model.scene_kinds import BayerScene, SceneError, aligned_to_red, wire_bits

CAMERA_RAW_SUFFIXES = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw")
"""Camera RAW files that LibRaw opens."""

HEADERLESS_SUFFIX = ".raw"

_CFA_NAMES = ("RGGB", "BGGR", "GRBG", "GBRG")
_BITS_MIN, _BITS_MAX = 8, 16
_SIDE_MAX = 65_534
_NAME = re.compile(r"-(\d{1,6})x(\d{1,6})-([a-z]{4})(\d{1,2})\.raw$", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})", re.IGNORECASE)
_QUERY_KEYS = frozenset({"size", "cfa", "bits"})
_HINT = "Name the file ...-WxH-rggbN.raw, or describe it: FILE.raw?size=WxH&cfa=rggb&bits=10."


class Geometry(NamedTuple):
    """What a headerless file does not say itself."""

    width: int
    height: int
    cfa: str
    bits: int


def open_headerless(path: Path, query: dict[str, str]) -> BayerScene:
    """A headerless mosaic of little-endian uint16, described by its name or by `query`.

    Its black level is taken as 0 and its white level as the largest value of its bit depth.
    SceneError for a description that is missing, impossible, or not true of the file.
    """
    geometry = _from_query(query) if query else _from_name(path)
    _check(geometry)
    pixels = _read(path, geometry)
    white = (1 << geometry.bits) - 1
    largest = int(pixels.max())
    if largest > white:
        cause = f"{path.name} has pixels up to {largest}, above {white} of {geometry.bits} bits"
        raise SceneError(cause, f"Give the right bit depth, at least {largest.bit_length()}.")
    aligned = aligned_to_red(pixels, geometry.cfa)
    return BayerScene(aligned, "RGGB", wire_bits(geometry.bits), black=0, white=white)


def _read(path: Path, geometry: Geometry) -> NDArray[np.uint16]:
    width, height = geometry.width, geometry.height
    expected = width * height * 2
    try:
        actual = path.stat().st_size
        if actual != expected:
            cause = f"{path.name} has {actual} bytes, but {width}x{height} in 16-bit pixels is {expected}"
            raise SceneError(cause, "Check the size; packed RAW10 or RAW12 must be unpacked first.")
        pixels = np.fromfile(path, dtype="<u2")
    except OSError as error:
        raise SceneError(f"{path.name} cannot be read: {error.strerror}", "Check the file.") from error
    return pixels.reshape(height, width).astype(np.uint16, copy=False)


def _from_name(path: Path) -> Geometry:
    found = _NAME.search(path.name)
    if found is None:
        raise SceneError(f"{path.name} does not say its size, Bayer order and bits", _HINT)
    return Geometry(int(found[1]), int(found[2]), found[3].upper(), int(found[4]))


def _from_query(query: dict[str, str]) -> Geometry:
    wrong = query.keys() ^ _QUERY_KEYS
    if wrong:
        known = "missing" if wrong <= _QUERY_KEYS else "not known"
        raise SceneError(f"the description's {', '.join(sorted(wrong))} is {known}", _HINT)
    size = _SIZE.fullmatch(query["size"])
    if size is None or not re.fullmatch(r"\d{1,2}", query["bits"]):
        raise SceneError(f"size={query['size']} with bits={query['bits']} is no size and bit depth", _HINT)
    return Geometry(int(size[1]), int(size[2]), query["cfa"].upper(), int(query["bits"]))


def _check(geometry: Geometry) -> None:
    width, height, cfa, bits = geometry
    if cfa not in _CFA_NAMES:
        orders = ", ".join(name.lower() for name in _CFA_NAMES)
        raise SceneError(f"the Bayer order {cfa.lower()} is not known", f"It is one of {orders}.")
    if not _BITS_MIN <= bits <= _BITS_MAX:
        raise SceneError(f"a bit depth of {bits} is not supported", f"It is {_BITS_MIN} to {_BITS_MAX}.")
    # 5 columns and 3 rows leave one legal group when the first of each is cropped.
    if not (5 <= width <= _SIDE_MAX and 3 <= height <= _SIDE_MAX):
        hint = f"It is 5x3 to {_SIDE_MAX}x{_SIDE_MAX}."
        raise SceneError(f"a size of {width}x{height} is not supported", hint)


def open_camera_raw(path: Path) -> BayerScene:
    """A camera's RAW file through rawpy (LibRaw), with its levels and, if it has one, its colour matrix.

    SceneError when rawpy is not installed, or the file is damaged or no 2x2 Bayer mosaic.
    """
    try:
        import rawpy
    except ImportError as error:
        raise SceneError(f"{path.name} needs rawpy", "Install it: pip install 'laserlink[raw]'.") from error
    try:
        with rawpy.imread(str(path)) as raw:
            return _from_libraw(raw, path.name)
    except rawpy.LibRawError as error:
        reason = error.args[0].decode(errors="replace") if error.args else "no reason given"
        cause = f"{path.name} cannot be read: {reason}"
        raise SceneError(cause, "Give a RAW file that LibRaw opens.") from error


def _from_libraw(raw: Any, name: str) -> BayerScene:
    pattern = raw.raw_pattern
    colours = raw.color_desc.decode(errors="replace")
    cfa = "".join(colours[index] for index in pattern.ravel()) if pattern is not None else ""
    if cfa not in _CFA_NAMES:
        hint = "X-Trans, monochrome and linear files cannot be replayed."
        raise SceneError(f"{name} is no 2x2 Bayer mosaic", hint)
    visible: NDArray[np.uint16] = raw.raw_image_visible
    # Masked pixels beside the picture may be brighter; only the picture counts.
    white = max(int(raw.white_level), int(visible.max()))
    black = round(sum(raw.black_level_per_channel) / len(raw.black_level_per_channel))
    aligned = aligned_to_red(visible, cfa)
    bits = max(_BITS_MIN, math.ceil(math.log2(white + 1)))
    return BayerScene(aligned, "RGGB", wire_bits(bits), min(black, white - 1), white, _xyz_to_camera(raw))


def _xyz_to_camera(raw: Any) -> tuple[float, ...] | None:
    """The matrix of LibRaw's camera table, else the one in the file itself; None without either.

    For a DNG of an unknown camera LibRaw gives only what it made of the file's ColorMatrix1: white
    balance factors and a matrix from balanced camera colours to sRGB. Both steps are undone here.
    """
    matrix = np.asarray(raw.rgb_xyz_matrix, dtype=np.float64)[:3]
    if np.linalg.det(matrix) == 0:
        camera_to_srgb = np.asarray(raw.color_matrix, dtype=np.float64)[:, :3]
        balance = np.asarray(raw.daylight_whitebalance, dtype=np.float64)[:3]
        if np.linalg.det(camera_to_srgb) == 0 or balance.min() <= 0:
            return None
        matrix = np.linalg.inv(SRGB_TO_XYZ @ camera_to_srgb) / balance[:, None]
    return tuple(matrix.ravel().tolist())
