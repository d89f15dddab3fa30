"""The figures by name: each has a value or a reason, and JSON has all of them."""

import json

from laserlink.tools.measuring.colours import Patch
from laserlink.tools.measuring.figures import FIGURES, Findings, Report, Subject, document_of, headline
from laserlink.tools.measuring.photon_transfer import Pair

PROMISED = {
    "dynamic_range_ev", "read_noise_e", "full_well_e", "conversion_gain_dn_per_e", "linearity_error_percent",
    "mtf50_cy_px", "delta_e_mean",
}  # fmt: skip


def ideal() -> Findings:
    """Points as an ideal sensor of 0.5 DN per electron and 2 electrons of read noise would give them."""
    findings = Findings("LaserLink TEST", "still", 16, 1.0, 25.0, 1.4)
    dark = 0.25 * 4 + 1 / 12
    findings.dark = [Pair(20, 1000.0, 1000.0, dark, 0.01, False)] * 2
    for us in range(1000, 42_000, 1000):
        electrons = us
        variance = 0.25 * (electrons + 4) + 1 / 12 if electrons <= 40_000 else 0.0
        mean = 1000 + 0.5 * min(electrons, 40_000)
        findings.light.append(Pair(us, mean, mean, variance, 0.01 + (0.005 * mean) ** 2, False))
    findings.patches = (Patch("one", (1, 1, 1), (1, 1, 1), 1.0), Patch("two", (1, 1, 1), (1, 1, 1), 2.0))
    return findings


def test_the_names_that_are_promised_are_there() -> None:
    """Every figure of the plan, in a document that is JSON, with no name twice."""
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    document = document_of(findings := ideal(), Report.of(findings, tuple(Subject)))
    assert set(document) >= PROMISED
    assert json.loads(json.dumps(document)) == document
    assert len(document["photon_transfer"]) == 43


def test_ideal_points_give_ideal_figures() -> None:
    """Values come from the right places: a mix-up of two figures would show."""
    values = Report.of(ideal(), tuple(Subject)).values
    assert round(values["conversion_gain_dn_per_e"] or 0, 6) == 0.5
    assert round(values["read_noise_e"] or 0, 3) == 2.0
    assert round(values["full_well_e"] or 0) == 40_000
    assert round(values["linearity_error_percent"] or 0, 6) == 0
    assert (values["delta_e_mean"], values["delta_e_max"]) == (1.5, 2.0)


def test_every_missing_figure_has_a_reason() -> None:
    """None without a word is not allowed; what was not asked for is no failure, what failed is."""
    findings = ideal()
    findings.why[Subject.CHART] = "it rained"
    findings.patches = ()
    report = Report.of(findings, tuple(Subject))
    assert {name for name, value in report.values.items() if value is None} == set(report.missing)
    assert report.missing["mtf50_cy_px"] == report.missing["delta_e_mean"] == "it rained"
    assert "mtf50_cy_px" in report.failed(tuple(Subject))
    only_chart = Report.of(findings, (Subject.CHART,))
    assert only_chart.missing["read_noise_e"] == "left out: needs dark and flat"
    assert "read_noise_e" not in only_chart.failed((Subject.CHART,))
    empty = Report.of(Findings(), tuple(Subject))
    assert all(value is None for value in empty.values.values()) and all(empty.missing.values())


def test_the_headline_says_what_is_known() -> None:
    """Mode, format, gain, stop and temperature, without those that are unknown."""
    assert headline(ideal()) == "still, RAW16, gain 1, f/1.4, 25.0 degC"
    assert headline(Findings(mode="saved pictures")) == "saved pictures"
