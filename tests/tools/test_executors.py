"""Executors: the same work in a thread, in processes, and on a real cluster; and what a wrong one says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from importlib.util import find_spec

import pytest

from laserlink.tools import executors
from laserlink.tools.executors import cluster_executor, local_executor
from laserlink.tools.fault_profiles import draw_plan
from laserlink.tools.session import CommandError, Exit
from laserlink.tools.simulator import Report, run_seed, run_seeds

# A scheduler and two workers, each a process of its own, until standard input ends.
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if find_spec("distributed") is None:
        reason = "Dask is not installed (pip install 'laserlink[cluster]')"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("cluster")
    script = folder / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, script], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        assert process.wait(30) == 0


def _same(executor: Executor) -> bool:
    """Whether an executor comes to what this process comes to, seed by seed."""
    return list(run_seeds(range(12), "loss", executor)) == [run_seed(seed, "loss") for seed in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_here(jobs: int) -> None:
    """A thread, or processes: the same reports, in the order of the seeds."""
    with local_executor(jobs) as executor:
        assert _same(executor)


def test_on_a_cluster(cluster: str) -> None:
    """Two workers behind a scheduler, over TCP: the same reports by the same code."""
    assert cluster.startswith("tcp://127.0.0.1:")
    with cluster_executor(cluster) as executor:
        assert _same(executor)
        assert executor.submit(os.getpid).result() != os.getpid()


@pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed")
def test_no_cluster_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line and a hint how to start one, not a minute of waiting."""
    monkeypatch.setattr(executors, "CONNECT_S", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"):
        with pytest.raises(CommandError, match="no cluster at") as caught, cluster_executor(address):
            pass
        assert caught.value.exit_code == Exit.NO_DEVICE and "dask scheduler" in caught.value.hint


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, and the exit code says what is missing."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CommandError) as caught, cluster_executor("tcp://127.0.0.1:8786"):
        pass
    assert caught.value.exit_code == Exit.MISSING_EXTRA and "laserlink[cluster]" in caught.value.hint


def test_in_this_thread_work_is_done_when_it_is_asked_for() -> None:
    """So that progress can be told; and what fails says so where its result is taken."""
    done: list[int] = []
    with local_executor(1) as executor:
        results = executor.map(done.append, range(3))
        next(results)
        assert done == [0]
        assert executor.submit(pow, 2, 5).result() == 32
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()


def test_leaving_early_drops_what_waits() -> None:
    """An interrupt in the middle of long work is not followed by the rest of it."""
    waiting: list[Future[Report]] = []

    def interrupted() -> None:
        with local_executor(2) as executor:
            list(executor.map(draw_plan, range(2), ["all"] * 2))
            waiting.extend(executor.submit(run_seed, seed, "all") for seed in range(400))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sum(future.cancelled() for future in waiting) >= 300
