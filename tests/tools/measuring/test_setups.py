"""What is put before the camera: scenes for a virtual module, words for people."""

import sys
from pathlib import Path

import pytest
from quick_module import quick_profile

from laserlink.firmware_model.scenes import open_scene
from laserlink.host_driver.lanes.url import split_query
from laserlink.tools.measuring.figures import Subject
from laserlink.tools.measuring.setups import SCENES, STEPS, PeopleStage, VirtualStage, stage_of
from laserlink.tools.session import CommandError, Session


def test_a_virtual_module_gets_each_scene_and_keeps_its_options() -> None:
    """The scene of the subject, the user's seed; and the user's own scene instead of the chart."""
    stage = VirtualStage(Session(), "sim:mos-100mp?seed=7&scene=chart?distance=1.5")
    urls = {subject: split_query(stage.url_of(subject))[1] for subject in Subject}
    assert {options["seed"] for options in urls.values()} == {"7"}
    assert [urls[subject]["scene"] for subject in Subject] == ["dark", "flat?level=1", "chart?distance=1.5"]
    plain = VirtualStage(Session(), "sim:mos-100mp")
    assert split_query(plain.url_of(Subject.CHART))[1] == {"scene": "chart"}


def test_every_subject_has_a_scene_and_a_step() -> None:
    """The scenes can be opened, and a person is told something for each, within 80 columns."""
    for subject in Subject:
        assert open_scene(SCENES[subject]) is not None
        assert STEPS[subject] and max(map(len, STEPS[subject])) <= 80


def test_people_are_needed_for_more_than_one_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port without a terminal is refused with a way out, unless nothing has to be changed."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(CommandError, match="nobody is at the terminal") as caught:
        stage_of(Session(), "/dev/ttyUSB0", tuple(Subject))
    assert "--only dark" in caught.value.hint
    assert isinstance(stage_of(Session(), "/dev/ttyUSB0", (Subject.DARK,)), PeopleStage)
    assert isinstance(stage_of(Session(), "sim:mos-100mp", tuple(Subject)), VirtualStage)


def test_people_are_told_each_step_and_keep_one_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The camera is opened once; each step is numbered and told on standard error."""
    stage = PeopleStage(Session(silent=True), f"sim:{quick_profile(tmp_path)}", ask=True)
    try:
        with stage.camera(Subject.DARK) as first:
            pass
        with stage.camera(Subject.FLAT) as second:
            assert second is first
    finally:
        stage.close()
    told = capsys.readouterr()
    assert told.err.index("Step 1: dark") < told.err.index("Cover the lens") < told.err.index("Step 2: flat")
    assert told.out == ""
