"""Which pictures are asked for: the right mode and depth, and clear words when light or module do not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from quick_module import quick_profile

from laserlink.host_driver.camera import Camera
from laserlink.host_driver.shot import Gap, Shot
from laserlink.protocol.messages.identity import Descriptor, SensorMode
from laserlink.tools.measuring.figures import Findings, Subject
from laserlink.tools.measuring.taking import SHARES, Choice, Taker, subjects_in_order
from laserlink.tools.session import CommandError

FULL = SensorMode(0, "full", 1456, 1092, 1, 1 << 10 | 1 << 12, 10, 1023, 64, 1000, 1000)
BINNED = SensorMode(1, "binned", 728, 546, 2, 1 << 16, 16, 65535, 4096, 1000, 1000)
DESCRIPTOR = Descriptor(product="TEST", modes=(BINNED, FULL))


def test_the_finest_mode_and_the_deepest_format_are_chosen() -> None:
    """Unbinned wins over deeper; what the user names wins over both; each limit is noted."""
    chosen = Choice.of(DESCRIPTOR, None, None)
    assert (chosen.mode.name, chosen.bits) == ("full", 12)
    assert "no RAW16" in chosen.notes()[0]
    named = Choice.of(DESCRIPTOR, "binned", "raw16")
    assert (named.mode.name, named.bits) == ("binned", 16)
    assert "2 x 2 photosites" in named.notes()[0]
    assert Choice.of(DESCRIPTOR, "full", "RAW10").bits == 10
    with pytest.raises(CommandError, match="no mode 'other'"):
        Choice.of(DESCRIPTOR, "other", None)
    with pytest.raises(CommandError, match="no format 'RAW14'"):
        Choice.of(DESCRIPTOR, "full", "RAW14")


def test_even_light_is_stepped_as_emva_wants_it() -> None:
    """At least 50 exposures, up to beyond saturation, none far from the next."""
    assert len(SHARES) >= 50
    assert SHARES[-1] > 1.02
    assert max(b - a for a, b in pairwise(SHARES)) < 0.03


def test_subjects_come_in_the_order_of_the_steps() -> None:
    """All when none is named, else those that are, dark first."""
    assert list(subjects_in_order(())) == list(Subject)
    assert list(subjects_in_order(("chart", "dark"))) == [Subject.DARK, Subject.CHART]


@contextmanager
def taker(folder: Path, scene: str) -> Iterator[tuple[Taker, list[str]]]:
    """A taker on a virtual module before a scene, and the names of what it kept."""
    kept: list[str] = []

    def keep(name: str, shot: Shot) -> None:
        kept.append(name)

    with Camera(f"sim:{quick_profile(folder)}?scene={scene}") as camera:
        choice = Choice.of(camera.descriptor, None, None)
        yield Taker(camera, choice, Findings(), keep, lambda text: None), kept


@pytest.mark.parametrize(
    ("scene", "subject", "words"),
    [
        ("flat%3Flevel=100%26lux=1000000", Subject.FLAT, "saturated at the shortest exposure"),
        ("flat%3Flevel=1%26lux=300000", Subject.FLAT, "less light"),
        ("dark", Subject.FLAT, "even light is too weak"),
        ("flat%3Flevel=100%26lux=1000000", Subject.DARK, "is the lens covered"),
        ("dark", Subject.CHART, "the chart was not found"),
    ],
)
def test_wrong_setups_are_said(tmp_path: Path, scene: str, subject: Subject, words: str) -> None:
    """Too much light, too little, a cap that is off, no chart: the reason is kept for the report."""
    with taker(tmp_path, scene) as (taking, _):
        taking.take(subject)
        assert words in taking.findings.why[subject]
        assert not taking.findings.light and not taking.findings.patches


def test_darkness_is_taken_in_pairs_and_kept(tmp_path: Path) -> None:
    """Four pairs at the shortest exposure and one at a long one; every picture is kept by its name."""
    with taker(tmp_path, "dark") as (taking, kept):
        taking.take(Subject.DARK)
        assert [pair.exposure_us for pair in taking.findings.dark] == [20] * 4 + [100_000]
        assert kept[:3] == ["dark-001-a", "dark-001-b", "dark-002-a"] and len(kept) == 10
        assert taking.findings.gain == 1.0


def test_best_focus_is_found_where_the_chart_is(tmp_path: Path) -> None:
    """A chart at 0.8 m is as sharp as one far away: autofocus, then the search on the edge itself."""
    with taker(tmp_path, "chart%3Fdistance=0.8") as (taking, _):
        taking.take(Subject.CHART)
        position = taking.camera.read_controls("LensPosition")["LensPosition"]
        assert position == pytest.approx(1.25, abs=0.006)
        assert taking.findings.mean_mtf50() == pytest.approx(0.265, rel=0.1)


def test_pictures_with_gaps_are_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap once costs another try; gaps in every try are the reason, and are never measured as noise."""
    with taker(tmp_path, "dark") as (taking, _):
        whole, tries = taking.camera.images, 0

        def with_gaps(count: int) -> Iterator[Shot]:
            nonlocal tries
            tries += 1
            for shot in whole(count):
                yield shot if tries == good_try else replace(shot, gaps=(Gap(0, 12, "lost"),))

        monkeypatch.setattr(taking.camera, "images", with_gaps)
        good_try = 2
        assert len(taking._complete(2)) == 2 and tries == 2
        good_try = 0
        taking.take(Subject.DARK)
        assert "24 bytes missing" in taking.findings.why[Subject.DARK]
        assert not taking.findings.dark
