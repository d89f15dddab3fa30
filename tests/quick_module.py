"""Shared by tests that measure: the default module with a sixteenth of its array, and quick.

Its photosites, lens and noise are those of mos-100mp; only the array is smaller, and images follow each other
without a wait, so that a hundred pictures take seconds.
"""

import re
from importlib import resources
from pathlib import Path

WIDTH, HEIGHT = 2912, 2184
PART = 4


def quick_profile(folder: Path) -> str:
    """The path of the profile."""
    text = resources.files("laserlink.firmware_model.profiles").joinpath("mos-100mp.toml").read_text()
    head, _, modes = text.partition("[[modes]]")
    first, second = modes.split("[[modes]]")[:2]
    values = {
        "width": str(WIDTH), "height": str(HEIGHT), "width_mm": f"{17.3 / PART}",
        "height_mm": f"{13.0 / PART}",
        "readout_ms": "1", "exposure_us_max": "100_000", "frame_duration_us": "2_000",
    }  # fmt: skip
    binned = {**values, "width": str(WIDTH // 2), "height": str(HEIGHT // 2)}
    path = folder / "quick.toml"
    parts = (_changed(head, values), _changed(first, values), _changed(second, binned))
    path.write_text("[[modes]]".join(parts))
    return str(path)


def _changed(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = re.sub(rf"^{key} = [^#\n]*", f"{key} = {value} ", text, flags=re.MULTILINE)
    return text
