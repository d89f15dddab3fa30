"""Generated files: the committed ones are fresh, and a change is seen and repaired."""

from pathlib import Path

from laserlink.tools.generate import GENERATED, generate

ROOT = Path(__file__).parents[2]


def test_nothing_is_stale() -> None:
    """What is committed is what the declarations say now."""
    assert generate(ROOT, check=True) == []


def test_write_and_check(tmp_path: Path) -> None:
    """Checking names what is missing or changed and writes nothing; writing repairs exactly that."""
    paths = [tmp_path / name for name in GENERATED]
    assert generate(tmp_path, check=True) == paths
    assert not any(path.exists() for path in paths)
    assert generate(tmp_path, check=False) == paths
    assert generate(tmp_path, check=True) == []
    paths[1].write_text(paths[1].read_text().replace("Beacon", "Bacon", 1))
    assert generate(tmp_path, check=True) == [paths[1]]
    assert generate(tmp_path, check=False) == [paths[1]]
    assert generate(tmp_path, check=False) == []


def test_same_bytes_every_time() -> None:
    """Two runs give the same bytes, with one newline at the end and none of another system."""
    for make in GENERATED.values():
        text = make()
        assert text == make()
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\r" not in text
