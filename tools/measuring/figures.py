"""All figures by name: what each is called, what it takes, how it is worked out, and why one is missing.

A figure that cannot be had is None, and `missing` says why; nothing is ever guessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from laserlink.tools.measuring.colours import Patch
from laserlink.tools.measuring.photon_transfer import NotMeasured, Pair, Transfer
from laserlink.tools.measuring.slanted_edge import EdgeResponse


class Subject(Enum):
    """What stands before the camera."""

    DARK = "dark"
    FLAT = "flat"
    CHART = "chart"


@dataclass
class Findings:
    """What the pictures told, before it becomes figures. `why` says why a subject told nothing."""

    module: str = ""
    mode: str = ""
    bits: int = 0
    gain: float | None = None
    temperature_c: float | None = None
    f_number: float | None = None
    dark: list[Pair] = field(default_factory=list)
    light: list[Pair] = field(default_factory=list)
    patches: tuple[Patch, ...] = ()
    edges: dict[str, EdgeResponse] = field(default_factory=dict)
    why: dict[Subject, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def transfer(self) -> Transfer:
        """Photon transfer of the pairs that there are."""
        for subject, pairs in ((Subject.DARK, self.dark), (Subject.FLAT, self.light)):
            if not pairs and subject in self.why:
                raise NotMeasured(self.why[subject])
        return Transfer.of(self.dark, self.light)

    def mean_mtf50(self, upright: bool | None = None) -> float:
        """The mean over the edges: all, those that stand (sharpness across), or those that lie (down)."""
        found = [edge.mtf50 for edge in self.edges.values() if upright in (None, edge.upright)]
        if not found:
            raise NotMeasured(self.why.get(Subject.CHART, "no slanted edge was taken"))
        return float(np.mean(found))

    def delta_e(self) -> list[float]:
        """The colour errors of the patches."""
        if not self.patches:
            raise NotMeasured(self.why.get(Subject.CHART, "no chart was taken"))
        return [patch.delta_e for patch in self.patches]


@dataclass(frozen=True)
class Figure:
    """One figure: its name in JSON, its name on the page, how it is shown, and how it is worked out."""

    name: str
    label: str
    unit: str
    shown: str
    remark: str
    subjects: tuple[Subject, ...]
    of: Callable[[Findings], float]


def _transferred(name: str) -> Callable[[Findings], float]:
    return lambda findings: float(getattr(findings.transfer, name))


_BOTH = (Subject.DARK, Subject.FLAT)
_DARK_AND_LIGHT: tuple[tuple[str, str, str, str, str], ...] = (
    ("dynamic_range_ev", "dynamic range", "EV", ".2f", "saturation over noise in the dark"),
    ("dynamic_range_snr1_ev", "  down to SNR 1", "EV", ".2f", "with shot noise, as EMVA 1288 has it"),
    ("read_noise_e", "read noise", "e-", ".2f", "in the dark, without rounding"),
    ("dark_noise_dn", "  with rounding", "DN", ".2f", "temporal, at the shortest exposure"),
    ("full_well_e", "full well", "e-", ",.0f", "where the variance is largest"),
    ("conversion_gain_dn_per_e", "conversion gain", "DN/e-", ".4f", "slope of the photon transfer"),
    ("linearity_error_percent", "linearity error", "%", ".3f", "mean, 5 to 95 % of saturation"),
    ("linearity_error_max_percent", "  at most", "%", ".3f", "largest of the same"),
    ("snr_max_db", "best SNR", "dB", ".1f", "of the photons at saturation"),
    ("dsnu_e", "DSNU", "e-", ".2f", "pixels differ in the dark"),
    ("prnu_percent", "PRNU", "%", ".2f", "pixels differ at half saturation"),
    ("dark_current_e_per_s", "dark current", "e-/s", ".2f", "at the sensor's temperature"),
)
_PROPERTIES = {"conversion_gain_dn_per_e": "dn_per_e"}

FIGURES: tuple[Figure, ...] = (
    *(
        Figure(name, label, unit, shown, remark, _BOTH, _transferred(_PROPERTIES.get(name, name)))
        for name, label, unit, shown, remark in _DARK_AND_LIGHT
    ),
    Figure("mtf50_cy_px", "MTF50", "cy/px", ".3f", "mean of all slanted edges", (Subject.CHART,),
           lambda findings: findings.mean_mtf50()),
    Figure("mtf50_across_cy_px", "  across", "cy/px", ".3f", "edges that stand", (Subject.CHART,),
           lambda findings: findings.mean_mtf50(True)),
    Figure("mtf50_down_cy_px", "  down", "cy/px", ".3f", "edges that lie", (Subject.CHART,),
           lambda findings: findings.mean_mtf50(False)),
    Figure("delta_e_mean", "colour error", "dE00", ".2f", "CIEDE2000, mean of 24 patches", (Subject.CHART,),
           lambda findings: float(np.mean(findings.delta_e()))),
    Figure("delta_e_max", "  at most", "dE00", ".2f", "the worst patch", (Subject.CHART,),
           lambda findings: max(findings.delta_e())),
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """The figures of the subjects that were taken; of one that is None, `missing` says why."""

    values: Mapping[str, float | None]
    missing: Mapping[str, str]

    @classmethod
    def of(cls, findings: Findings, subjects: tuple[Subject, ...]) -> "Report":
        """Work out all figures; those of other subjects are missing because nobody asked for them."""
        values: dict[str, float | None] = {}
        missing: dict[str, str] = {}
        for figure in FIGURES:
            left_out = [subject.value for subject in figure.subjects if subject not in subjects]
            values[figure.name] = None
            if left_out:
                missing[figure.name] = f"left out: needs {' and '.join(left_out)}"
                continue
            try:
                values[figure.name] = figure.of(findings)
            except NotMeasured as error:
                missing[figure.name] = str(error)
        return cls(values, missing)

    def failed(self, subjects: tuple[Subject, ...]) -> list[str]:
        """The figures that could not be measured although all their subjects were taken."""
        return [
            figure.name
            for figure in FIGURES
            if figure.name in self.missing and set(figure.subjects) <= set(subjects)
        ]


def headline(findings: Findings) -> str:
    """How it was measured, in one line."""
    parts = [findings.mode, f"RAW{findings.bits}" if findings.bits else ""]
    for value, pattern in (
        (findings.gain, "gain {:g}"),
        (findings.f_number, "f/{:g}"),
        (findings.temperature_c, "{:.1f} degC"),
    ):
        parts.append(pattern.format(value) if value is not None else "")
    return ", ".join(part for part in parts if part)


def document_of(findings: Findings, report: Report) -> dict[str, Any]:
    """All of it as it goes into JSON; docs/measuring.md says what each key is."""
    return {
        **report.values,
        "missing": dict(report.missing),
        "notes": list(findings.notes),
        "module": findings.module,
        "mode": findings.mode,
        "format": f"RAW{findings.bits}",
        "analogue_gain": findings.gain,
        "f_number": findings.f_number,
        "temperature_c": findings.temperature_c,
        "photon_transfer": [_point(pair, False) for pair in findings.dark]
        + [_point(pair, True) for pair in findings.light],
        "edges": [
            {
                "name": name,
                "mtf50_cy_px": edge.mtf50,
                "degrees": edge.degrees,
                "upright": edge.upright,
                "frequencies_cy_px": edge.frequencies[::16].round(5).tolist(),
                "mtf": edge.mtf[::16].round(5).tolist(),
            }
            for name, edge in findings.edges.items()
        ],
        "patches": [
            {
                "name": patch.name,
                "delta_e": patch.delta_e,
                "meant_linear_srgb": list(patch.meant),
                "seen_linear_srgb": list(patch.seen),
            }
            for patch in findings.patches
        ],
    }


def _point(pair: Pair, lit: bool) -> dict[str, Any]:
    return {
        "light": lit,
        "exposure_us": pair.exposure_us,
        "mean_dn": pair.mean,
        "variance_dn2": pair.temporal_variance,
        "spatial_variance_dn2": pair.spatial_variance,
    }
