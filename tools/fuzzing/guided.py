"""The atheris engine: libFuzzer with Python's coverage, in a process of its own, which ends with it.

The parent calls `run_atheris`; the child is this module run by name. Both meet in a folder: the child writes
inputs that fail, and libFuzzer's own words on standard error say how many runs there were.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

INSTRUMENTED = ["laserlink.protocol", "laserlink.firmware_model", "laserlink.host_driver"]
# libFuzzer ends a run that takes longer, and calls it a crash.
RUN_SECONDS_MAX = 20
STOP_SECONDS = 60
# libFuzzer's own mutations, besides ours.
OWN_SHARE = 0.9
STATUS = re.compile(r"#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)")
EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)|Done (\d+) runs")


def is_installed() -> bool:
    """Whether atheris can be imported here."""
    return find_spec("atheris") is not None


def arguments_of(options: dict[str, Any]) -> list[str]:
    """libFuzzer's command line."""
    found = ["laserlink-fuzz", f"-seed={options['seed'] % (1 << 31) or 1}", "-print_final_stats=1"]
    found += [f"-timeout={RUN_SECONDS_MAX}", f"-max_len={options['bytes_max']}"]
    found.append(f"-artifact_prefix={options['folder']}/")
    if options["seconds"] is not None:
        found.append(f"-max_total_time={max(1, round(options['seconds']))}")
    if options["runs"] is not None:
        found.append(f"-runs={options['runs']}")
    return [*found, options["corpus"], options["seeds"]]


def run_atheris(
    name: str, bytes_max: int, seconds: float | None, runs: int | None, seed: int, corpus: Path | None,
    tell: Callable[[str], None],
) -> tuple[dict[str, Any], list[bytes]]:  # fmt: skip
    """Run the child to its end: runs, seconds, corpus and edges; and the inputs that failed.

    Raises:
        RuntimeError: the child ended in another way than a fuzzer does; its last words.
    """
    with tempfile.TemporaryDirectory(prefix="laserlink-fuzz-") as folder:
        inputs, seeds = corpus or Path(folder) / "corpus", Path(folder) / "seeds"
        for place in (inputs, seeds):
            place.mkdir(parents=True, exist_ok=True)
        options = {"name": name, "bytes_max": bytes_max, "seconds": seconds, "runs": runs, "seed": seed,
                   "corpus": str(inputs), "seeds": str(seeds), "folder": folder}  # fmt: skip
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(options)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        try:
            facts = follow(process.stderr or (), name, tell)
            process.wait(STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()
        found = [path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()]
        if not facts["runs"] and not found:
            raise RuntimeError(f"atheris did not run: {facts['last']}")
    facts["seconds"] = time.monotonic() - began
    return facts, found


def follow(lines: Any, name: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """What libFuzzer says, line by line: runs, edges, features, corpus."""
    facts: dict[str, Any] = {"runs": 0, "edges": 0, "features": 0, "corpus": 0, "last": ""}
    for line in lines:
        facts["last"] = line.strip() or facts["last"]
        if status := STATUS.search(line):
            runs, facts["edges"], facts["features"], facts["corpus"] = map(int, status.groups())
            facts["runs"] = max(facts["runs"], runs)
            tell(f"{name}: {runs} runs, {facts['edges']} edges")
        elif executed := EXECUTED.search(line):
            facts["runs"] = max(facts["runs"], int(executed[1] or executed[2]))
    return facts


def child(options: dict[str, Any]) -> None:
    """Fuzz until the limits; does not return, for libFuzzer ends the process."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        from laserlink.tools.fuzzing.engine import FINDINGS_MAX, TARGETS, try_input

    target, folder = TARGETS[options["name"]], Path(options["folder"])
    for number, data in enumerate(target.seeds()):
        (Path(options["seeds"]) / f"{number:05}.bin").write_bytes(data)
    signatures: set[str] = set()

    def one(data: bytes) -> None:
        _, finding = try_input(target, data)
        if finding is not None and finding.signature not in signatures and len(signatures) < FINDINGS_MAX:
            signatures.add(finding.signature)
            (folder / finding.file_name(target.name)).write_bytes(data)

    def mutate(data: bytes, size_max: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < OWN_SHARE:
            return target.mutate(data, random, size_max)
        return bytes(atheris.Mutate(data, size_max))

    atheris.Setup(arguments_of(options), one, custom_mutator=mutate, internal_libfuzzer=True)
    atheris.Fuzz()


if __name__ == "__main__":
    child(json.loads(sys.argv[1]))
