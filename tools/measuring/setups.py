"""What is put before the camera: a virtual module is given scenes, a person is told what to do."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

import rich_click as click

from laserlink.host_driver.camera import Camera
from laserlink.tools.measuring.figures import Subject
from laserlink.tools.opening import open_camera
from laserlink.tools.session import CommandError, Session

SCENES = {Subject.DARK: "dark", Subject.FLAT: "flat?level=1", Subject.CHART: "chart"}
"""What a virtual module looks at."""

STEPS = {
    Subject.DARK: (
        "Cover the lens so that no light gets in: a lens cap, or black cloth and",
        "the lens on a table.",
    ),
    Subject.FLAT: (
        "Take the cover off. Put an evenly lit surface close before the lens: an",
        "opal glass, tracing paper on a window, or a white screen. The light must",
        "not flicker or change while the pictures are taken.",
    ),
    Subject.CHART: (
        "Put up the chart (`laserlink measure --chart chart.png` writes it) in even",
        "light. Let it fill the picture, upright, with its corner marks in sight.",
    ),
}
"""What a person is asked to do."""


class Stage(Protocol):
    """Where a camera looks at one subject after another."""

    def camera(self, subject: Subject) -> AbstractContextManager[Camera]:
        """An attached camera that looks at the subject."""
        ...

    def close(self) -> None:
        """Let go of what is held between subjects."""
        ...


def stage_of(session: Session, url: str, subjects: tuple[Subject, ...]) -> Stage:
    """A virtual stage for `sim:` URLs, else one with people. Raises CommandError when nobody is there."""
    if url.startswith("sim:"):
        return VirtualStage(session, url)
    if len(subjects) > 1 and not sys.stdin.isatty():
        raise CommandError(
            "nobody is at the terminal to change what the camera looks at",
            "Run it once each with --only dark, --only flat and --only chart, and --save FOLDER; "
            "then measure --from FOLDER.",
        )
    return PeopleStage(session, url, ask=len(subjects) > 1)


class VirtualStage:
    """A virtual module of its own for each subject, all of the same seed."""

    def __init__(self, session: Session, url: str) -> None:
        self._session, self._url = session, url

    def url_of(self, subject: Subject) -> str:
        """The module's URL with the scene that the subject needs; a chart scene of the user's stays."""
        base, _, query = self._url.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if subject is not Subject.CHART or "scene" not in options:
            options["scene"] = SCENES[subject]
        return f"{base}?{urlencode(options)}"

    @contextmanager
    def camera(self, subject: Subject) -> Iterator[Camera]:
        with open_camera(
            self._session, self.url_of(subject), f"{subject.value}: starting the module"
        ) as camera:
            yield camera

    def close(self) -> None:
        """Nothing is held."""


class PeopleStage:
    """One camera, and somebody who changes what is before it."""

    def __init__(self, session: Session, url: str, *, ask: bool) -> None:
        self._session, self._url, self._ask = session, url, ask
        self._stack = ExitStack()
        self._camera: Camera | None = None
        self._step = 0

    @contextmanager
    def camera(self, subject: Subject) -> Iterator[Camera]:
        if self._camera is None:
            self._camera = self._stack.enter_context(open_camera(self._session, self._url))
        if self._ask:
            self._step += 1
            click.echo("\n".join([f"\nStep {self._step}: {subject.value}", *STEPS[subject]]), err=True)
            click.pause("Press a key when it is done.", err=True)
        yield self._camera

    def close(self) -> None:
        """Let the camera go."""
        self._stack.close()
