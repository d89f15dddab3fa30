"""LASERLINK_CEXT and LASERLINK_SIMD: each value in a process of its own."""

import os
import subprocess
import sys

import pytest

from laserlink.cext import kernels

SHOW = "from laserlink.cext import kernels; print(kernels is not None)"
HIDE = "import sys; sys.modules['laserlink.cext._kernels'] = None; "


def run(code: str, wish: str | None, simd: str | None = None) -> subprocess.CompletedProcess[str]:
    wishes = {"LASERLINK_CEXT": wish, "LASERLINK_SIMD": simd}
    environment = {name: value for name, value in os.environ.items() if name not in wishes}
    environment |= {name: value for name, value in wishes.items() if value is not None}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_no_is_never_used() -> None:
    """`no` leaves the kernels alone, built or not."""
    assert run(SHOW, "no").stdout == "False\n"


def test_unset_takes_what_is_there() -> None:
    """Unset, an import never fails: without the extension `kernels` is None."""
    assert run(SHOW, None).returncode == 0
    assert run(HIDE + SHOW, None).stdout == "False\n"


def test_require_names_what_is_missing() -> None:
    """`require` without the extension is an ImportError that says what to do."""
    done = run(HIDE + SHOW, "require")
    assert done.returncode == 1
    assert "ImportError: LASERLINK_CEXT=require, but laserlink.cext._kernels is not built" in done.stderr


@pytest.mark.parametrize("wish", ["", "yes", "NO", "0"])
def test_other_values_are_refused(wish: str) -> None:
    """Any other value is an ImportError that names the allowed ones."""
    done = run(SHOW, wish)
    assert done.returncode == 1
    assert f"LASERLINK_CEXT is {wish!r}; it may be 'require', 'no', or unset" in done.stderr


@pytest.mark.parametrize("wish", ["no", None])
def test_everything_imports(wish: str | None) -> None:
    """The accelerated names exist either way; only receive_images tells."""
    code = (
        "from laserlink.cext import kernels; from laserlink.protocol import _accel;"
        "print(all(hasattr(_accel, name) for name in _accel.__all__),"
        " (_accel.receive_images is None) == (kernels is None))"
    )
    assert run(code, wish).stdout == "True True\n"


@pytest.mark.skipif(kernels is None, reason="the C kernels are not in use")
def test_each_variant_can_be_forced() -> None:
    """LASERLINK_SIMD takes every variant that this machine runs; unset, the fastest of them is in use."""
    code = "from laserlink.cext import kernels; print(kernels.variant())"
    assert kernels is not None
    for name in kernels.VARIANTS:
        assert run(code, "require", name).stdout == f"{name}\n"
    assert run(code, "require").stdout == f"{kernels.VARIANTS[-1]}\n"


@pytest.mark.skipif(kernels is None, reason="the C kernels are not in use")
@pytest.mark.parametrize("name", ["", "sse9", "AVX2", "neon avx2"])
def test_an_impossible_variant_is_refused(name: str) -> None:
    """A variant that is not there is an ImportError that lists those which are."""
    assert kernels is not None
    done = run(SHOW, None, name)
    assert done.returncode == 1
    assert f"LASERLINK_SIMD is {name!r}; this machine can run {', '.join(kernels.VARIANTS)}" in done.stderr


def test_a_variant_of_nothing_is_refused() -> None:
    """A variant cannot be forced where the kernels are not used at all."""
    done = run(SHOW, "no", "plain")
    assert done.returncode == 1
    assert "LASERLINK_SIMD is 'plain', but the C kernels are not in use" in done.stderr
