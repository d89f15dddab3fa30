"""`laserlink proxy`: what it prints, what it refuses, and that its end leaves nothing."""

from pathlib import Path

import pytest
from served import entries, laserlink, program, serving, small_profile, url_of, wait_until

from laserlink.tools.commands.proxy import NAMES
from laserlink.tools.fault_profiles import PROFILES
from laserlink.tools.session import Exit


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_capture_through_a_proxy_is_exact_and_the_end_tells_what_befell(tmp_path: Path) -> None:
    """Real processes: module, proxy with noise, host. The image is exact or names its gaps."""
    with serving(small_profile(tmp_path)) as served:
        with program("proxy", url_of(served), "--faults", "loss", "--seed", 2) as proxy:
            wait_until(lambda: proxy.told("serving"), "the proxy is up")
            shot = laserlink("--json", "capture", proxy.told("serving")[0]["url"], "-o", tmp_path / "a.npy")
            assert shot.returncode in (Exit.OK, Exit.FINDING), shot.stderr
            wait_until(lambda: proxy.told("parted"), "the host is gone")
            assert proxy.end()[0] == Exit.OK
        assert [item["by"] for item in proxy.told("parted")] == ["host"]
        assert proxy.told("fault")
        (ended,) = proxy.told("ended")
        assert ended["faults_injected"] > 0
        assert ended["ways"]["optical to the host"]["bytes"] > 100_000
        assert not [name for name in entries(tmp_path) if name.startswith("proxy")]


@pytest.mark.parametrize("seed", range(3))
def test_same_seed_same_faults(tmp_path: Path, seed: int) -> None:
    """What a seed draws is printed, and the same each time."""
    told = []
    for _ in range(2):
        with program("proxy", f"sim:{small_profile(tmp_path)}", "--faults", "all", "--seed", seed) as proxy:
            wait_until(lambda: proxy.told("serving"), "the proxy is up")
            assert proxy.end()[0] == Exit.OK
        told.append([item["fault"] for item in proxy.told("fault")])
    assert told[0] == told[1] != []


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["/dev/no-such-port"], Exit.NO_DEVICE, "there is no /dev/no-such-port"),
        (["sim:nothing"], Exit.USAGE, "nothing"),
        (["sim:uart-1m", "--faults", "power"], Exit.USAGE, "power"),
        (["sim:uart-1m", "--fault", "rain"], Exit.USAGE, "rain"),
    ],
)
def test_refusals(arguments: list[str], code: int, text: str) -> None:
    """What cannot be done is said at once, with the choices."""
    result = laserlink("proxy", *arguments)
    assert result.returncode == code and text in result.stderr


def test_every_family_but_power_can_be_chosen() -> None:
    """A proxy has no hand on power, and needs no name for a clean laser; it does all the others."""
    assert set(NAMES) == set(PROFILES) - {"power", "laser-clean"}
