"""Measuring from saved pictures: DNG files, or other RAW files that LibRaw opens.

A file's name begins with what it shows: dark-, flat- (even light), chart-, edge- (one slanted edge). Of
dark and flat, two pictures of each exposure are needed. `laserlink measure URL --save FOLDER` writes such
files.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from laserlink.firmware_model.bayer_file import CAMERA_RAW_SUFFIXES, open_camera_raw
from laserlink.firmware_model.scene_kinds import SceneError
from laserlink.firmware_model.targets import TARGETS, Kind
from laserlink.tools.measuring.chart_finding import find_chart
from laserlink.tools.measuring.colours import patches_of
from laserlink.tools.measuring.figures import Findings, Subject
from laserlink.tools.measuring.photon_transfer import NotMeasured, Pair, pair_of
from laserlink.tools.measuring.slanted_edge import edge_response
from laserlink.tools.measuring.still import Still
from laserlink.tools.session import CommandError, Exit

EXIF_IFD, EXPOSURE_TIME, F_NUMBER, ISO, MODEL, UNIQUE_MODEL = 0x8769, 33434, 33437, 34855, 272, 50708
EDGE = "edge"
KINDS = (*(subject.value for subject in Subject), EDGE)
ISO_OF_GAIN_1 = 100


def pictures_in(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """The RAW files among the paths and in the folders among them, by what they show. Raises CommandError."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in inside:
            kind = next((kind for kind in KINDS if file.name.lower().startswith(kind)), None)
            if kind is not None and file.suffix.lower() in CAMERA_RAW_SUFFIXES:
                found[kind].append(file)
            elif not path.is_dir():
                text = f"{file.name} does not say what it shows"
                raise CommandError(
                    text, "Name RAW files dark-*, flat-*, chart-* or edge-*, as in flat-01-a.dng."
                )
    if not found:
        names = ", ".join(str(path) for path in paths)
        hint = f"RAW files called {', '.join(f'{kind}-*' for kind in KINDS)} are looked for."
        raise CommandError(f"there is nothing to measure in {names}", hint)
    return dict(found)


def open_still(path: Path) -> Still:
    """A saved picture. Raises CommandError: it cannot be read, or the extra [raw] is not installed."""
    try:
        scene = open_camera_raw(path)
    except SceneError as error:
        missing = isinstance(error.__cause__, ImportError)
        raise CommandError(error.cause, error.hint, Exit.MISSING_EXTRA if missing else Exit.USAGE) from None
    exif = _exif(path)
    seconds, iso, f_number = (exif.get(tag) for tag in (EXPOSURE_TIME, ISO, F_NUMBER))
    return Still(
        raw=scene.pixels,
        cfa=scene.cfa,
        black=scene.black,
        white=scene.white,
        exposure_us=round(float(seconds) * 1e6) if seconds is not None else None,
        bits=scene.bits,
        matrices=(scene.xyz_to_camera, None),
        gain=float(iso) / ISO_OF_GAIN_1 if iso is not None else None,
        f_number=float(f_number) if f_number is not None else None,
    )


def _exif(path: Path) -> dict[int, float]:
    """The numbers of the Exif IFD; none where there is none."""
    try:
        with Image.open(path) as image:
            entries = image.getexif().get_ifd(EXIF_IFD)
    except (OSError, UnidentifiedImageError, SyntaxError):
        return {}
    return {
        tag: value
        for tag, value in entries.items()
        if isinstance(value, int | float) or hasattr(value, "numerator")
    }


def model_of(path: Path) -> str:
    """The camera that a file names; empty when it names none."""
    try:
        with Image.open(path) as image:
            exif = image.getexif()
            return str(exif.get(UNIQUE_MODEL) or exif.get(MODEL) or "").strip("\0 ")
    except (OSError, UnidentifiedImageError, SyntaxError):
        return ""


def measured(pictures: dict[str, list[Path]]) -> tuple[Findings, tuple[Subject, ...]]:
    """What saved pictures tell, and which subjects they show."""
    first = next(iter(pictures.values()))[0]
    findings = Findings(module=model_of(first), mode="saved pictures")
    shown = {Subject.CHART if kind == EDGE else Subject(kind) for kind in pictures}
    for subject in Subject:
        try:
            if subject in shown:
                _measure(subject, pictures, findings)
        except NotMeasured as error:
            findings.why[subject] = str(error)
    return findings, tuple(subject for subject in Subject if subject in shown)


def _measure(subject: Subject, pictures: dict[str, list[Path]], findings: Findings) -> None:
    if subject is Subject.DARK:
        findings.dark = pairs_in(pictures["dark"], findings)
    elif subject is Subject.FLAT:
        findings.light = pairs_in(pictures["flat"], findings)
    else:
        _measure_chart(pictures.get("chart", []), pictures.get(EDGE, []), findings)


def pairs_in(paths: Iterable[Path], findings: Findings) -> list[Pair]:
    """Pairs of the pictures that follow each other by name and have the same exposure and size."""
    waiting: dict[tuple[int | None, tuple[int, ...]], Still] = {}
    pairs = []
    for path in sorted(paths):
        still = open_still(path)
        if still.exposure_us is None:
            raise NotMeasured(f"{path.name} does not say how long it was exposed")
        findings.bits, findings.gain, findings.f_number = still.bits, still.gain, still.f_number
        key = still.exposure_us, still.raw.shape
        if key in waiting:
            pairs.append(pair_of(waiting.pop(key), still))
        else:
            waiting[key] = still
    if not pairs:
        raise NotMeasured("no two pictures have the same exposure and size: pairs are needed")
    return pairs


def _measure_chart(charts: list[Path], edges: list[Path], findings: Findings) -> None:
    for path in edges:
        findings.edges[path.stem] = edge_response(open_still(path))
    if not charts:
        findings.notes.append("No chart was saved: colours were not measured.")
        return
    still = open_still(charts[0])
    place = find_chart(still)
    findings.bits = findings.bits or still.bits
    height, width = still.raw.shape
    if not edges:
        for target in (target for target in TARGETS if target.kind is Kind.EDGE):
            try:
                findings.edges[target.name] = edge_response(still.part(*place.box(target, width, height)))
            except NotMeasured as error:
                findings.notes.append(f"{target.name}: {error}")
    findings.patches = patches_of(still, place)
