"""cext/variants.h: every SIMD variant, also those that this machine cannot run.

variant_driver.c is one program with all variants in it. It is built three ways: for this machine; with SIMDe
in place of the intrinsics, for AVX-512; and for arm64, run by QEMU, for NEON.
"""

import fcntl
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laserlink import cext
from laserlink.protocol import crc, digest, raw

if sys.platform != "linux":
    pytest.skip("the driver is for Linux", allow_module_level=True)

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "cext"
FLAGS = ["-std=c11", "-fno-strict-aliasing", f"-I{SOURCES}", "-w"]
AGAINST_THE_END = 0xFFFF
ALL_BITS = sorted(raw.WIDTHS)
X86 = platform.machine() in ("x86_64", "AMD64")

#: What a program needs, by the name of its variant: compiler and flags, programs to look for, how to run it.
EMULATED = [f"-I{HERE / 'emulated'}", "-DLL_AVX2=", "-DLL_AVX512=", "-O1"]
BUILDS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "native": (["gcc", "-O2"], [], []),
    "avx512": (["gcc", *EMULATED], [], []),
    "neon": (
        ["aarch64-linux-gnu-gcc", "-O2", "-static"],
        ["qemu-aarch64"],
        ["qemu-aarch64", "-cpu", "max"],
    ),
}
PACKAGES = {
    "gcc": "gcc",
    "simde/x86/avx512.h": "libsimde-dev",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross",
    "qemu-aarch64": "qemu-user",
    "objdump": "binutils",
}


def missing(name: str) -> NoReturn:
    """A laptop may lack a tool; a CI job may not."""
    reason = f"{name} is not installed (Debian: {PACKAGES[name]})"
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def runnable() -> list[str]:
    """The variants that the processor can run, also without the extension."""
    if cext.kernels is not None:
        return list(cext.kernels.VARIANTS)
    return ["plain"]


def require_tools(build: str) -> None:
    compiler, programs, _ = BUILDS[build]
    for name in (compiler[0], *programs):
        if shutil.which(name) is None:
            missing(name)
    if build == "avx512":
        if not X86:
            pytest.skip("the x86-64 variants are built on x86-64 only")
        probe = ["gcc", "-E", "-include", "simde/x86/avx512.h", "-xc", os.devnull, "-o", os.devnull]
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            missing("simde/x86/avx512.h")


def built(build: str, folder: Path) -> Path:
    """The driver's program, compiled once, whatever the number of test processes."""
    require_tools(build)
    program = folder / f"variant_driver-{build}"
    with open(folder / f"{build}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            source, part = str(HERE / "variant_driver.c"), program.with_suffix(".part")
            subprocess.run([*BUILDS[build][0], *FLAGS, source, "-o", str(part)], check=True)
            part.rename(program)
    return program


class Driver:
    """The driver as a process that answers calls."""

    def __init__(self, build: str, variant: str, program: Path) -> None:
        self.variant = variant
        self.command = [*BUILDS[build][2], str(program), variant]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(
        self, kernel: str, data: bytes, bits: int = 8, place: int = 0, value: int = 0
    ) -> tuple[tuple[int, int], bytes]:
        """The two numbers and the bytes that a kernel gives."""
        writer, reader = self.process.stdin, self.process.stdout
        assert writer is not None and reader is not None
        writer.write(struct.pack("<cBHIQ", kernel.encode(), bits, place, len(data), value) + data)
        writer.flush()
        answer = reader.read(20)
        assert len(answer) == 20, f"the driver ended with {self.process.wait()}"
        first, second, size = struct.unpack("<QQI", answer)
        return (first, second), reader.read(size)

    def close(self) -> None:
        self.process.communicate(timeout=10)


CASES = [("native", name) for name in runnable()]
CASES += [("avx512", "avx2"), ("avx512", "avx512")] if X86 else []
CASES += [("neon", "neon")] if "neon" not in runnable() else []


@pytest.fixture(params=CASES, ids="-".join, scope="module")
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """Every variant in turn; those that the processor lacks under emulation."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    build, variant = request.param
    driver = Driver(build, variant, built(build, folder))
    yield driver
    driver.close()


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
sizes = st.integers(0, 600) | st.integers(600, 5000)
places = st.integers(0, 64) | st.just(AGAINST_THE_END)
pixel_places = st.integers(0, 64).map(lambda place: place * 2) | st.just(AGAINST_THE_END)
seeds = st.integers(0, 1 << 32)


def random_bytes(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def random_pixels(seed: int, bits: int, size: int) -> Any:
    """About `size` packed bytes of pixels: a whole number of groups."""
    count = size // raw.group_bytes(bits) * raw.group_pixels(bits)
    return np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint16)


def test_every_length_at_many_places(driver: Driver) -> None:
    """All kernels at all lengths to 600 do as the plain ones, and touch no byte that is not theirs."""
    done = subprocess.run([*driver.command, "sweep"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert int(done.stdout) > 100_000


@given(seeds, sizes, places, st.integers(0, 0xFFFFFFFF))
@quick
def test_crc(driver: Driver, seed: int, size: int, place: int, before: int) -> None:
    """The CRC of anything, anywhere, continued from any other, is the reference's."""
    data = random_bytes(seed, size)
    (register, _), _ = driver.call("c", data, place=place, value=before ^ 0xFFFFFFFF)
    assert register ^ 0xFFFFFFFF == crc.crc32(data, before)


def test_crc_with_other_work(driver: Driver) -> None:
    """Work on the way is done about every 512 bytes (never by the plain kernel), and the CRC is the same."""
    for size in (0, 100, 511, 600, 1024, 4044, 4084, 5000):
        data = random_bytes(size, size)
        (register, steps), _ = driver.call("w", data, value=0xFFFFFFFF)
        assert register ^ 0xFFFFFFFF == crc.crc32(data)
        least, most = (0, 0) if driver.variant == "plain" else (size // 512 - 1, size // 512 + 1)
        assert least <= steps <= most


@given(seeds, sizes, places, st.integers(0, (1 << 61) - 1))
@quick
def test_digest(driver: Driver, seed: int, size: int, place: int, index: int) -> None:
    """The sums of anything, anywhere in an image, are the reference's."""
    data, sums = random_bytes(seed, size), np.zeros(2, np.uint64)
    digest.add(sums, data, 8 * index)
    assert driver.call("d", data, place=place, value=index)[0] == tuple(sums.tolist())


@given(seeds, st.sampled_from(ALL_BITS), sizes, pixel_places, st.booleans())
@quick
def test_unpack(driver: Driver, seed: int, bits: int, size: int, place: int, past_caches: bool) -> None:
    """Unpacked pixels are the reference's, whether they are stored in the caches or past them."""
    packed = random_bytes(seed, size // raw.group_bytes(bits) * raw.group_bytes(bits))
    pixels = driver.call("u", packed, bits, place, int(past_caches))[1]
    assert pixels == raw.unpack(packed, bits).tobytes()


@pytest.mark.parametrize("kernel", ["p", "s"], ids=["cached", "streaming"])
@given(seed=seeds, bits=st.sampled_from(ALL_BITS), size=sizes, place=pixel_places)
@quick
def test_pack(driver: Driver, kernel: str, seed: int, bits: int, size: int, place: int) -> None:
    """Packed bytes are the reference's, and the OR of all pixels comes with them."""
    pixels = random_pixels(seed, bits, size)
    (every, _), packed = driver.call(kernel, pixels.tobytes(), bits, place)
    assert packed == raw.pack(pixels, bits).tobytes()
    if bits < 16:
        assert every == int(np.bitwise_or.reduce(pixels, initial=0))


# Instructions that the fastest x86-64 variant is made for.
INSTRUCTIONS = [
    r"vpermb .*%zmm",
    r"vpmultishiftqb .*%zmm",
    r"vpclmul\w*qdq .*%zmm",
    r"vpternlog[dq] .*%zmm",
    r"vmovntdq +%zmm",
    r"vmovntdq +%ymm",
]


@pytest.mark.skipif(not X86 or cext.kernels is None, reason="no x86-64 kernels are in use")
def test_the_instructions_are_in_the_build() -> None:
    """The compiled extension has the wide multiplications, permutations and streaming stores."""
    if shutil.which("objdump") is None:
        missing("objdump")
    path = str(cext.kernels and cext.kernels.__file__)
    listing = subprocess.run(["objdump", "-d", path], capture_output=True, text=True, check=True).stdout
    assert [wanted for wanted in INSTRUCTIONS if not re.search(wanted, listing)] == []
