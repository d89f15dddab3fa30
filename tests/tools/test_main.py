"""`python -m laserlink.tools` is the command line, with its exit codes."""

from served import laserlink


def test_module_runs_the_command_line() -> None:
    """Help is printed with exit code 0, and a wrong word ends with 2."""
    assert "Usage: laserlink" in laserlink("--help").stdout
    assert laserlink("bogus").returncode == 2
