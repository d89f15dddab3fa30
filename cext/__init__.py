"""The C kernels, when they are built: `kernels` is the module, or None.

This package imports nothing of ours. Two variables, read here and nowhere else, decide. LASERLINK_CEXT:

    require   ImportError when the kernels are not built
    no        never used: everything runs on the Python reference
    unset     used if they are built

LASERLINK_SIMD names the variant of the kernels (see variants.h): plain, avx2, avx512 or neon. ImportError
when this machine, or this build, cannot run it; unset, the fastest that it can run is taken.
"""

import importlib
import os
from types import ModuleType

_ALLOWED = ("require", "no", None)


def _load(wish: str | None) -> ModuleType | None:
    if wish not in _ALLOWED:
        raise ImportError(f"LASERLINK_CEXT is {wish!r}; it may be 'require', 'no', or unset")
    if wish == "no":
        return None
    try:
        return importlib.import_module("laserlink.cext._kernels")
    except ImportError as error:
        if wish == "require":
            raise ImportError(
                "LASERLINK_CEXT=require, but laserlink.cext._kernels is not built"
                f" ({error}). Install a C compiler and Cython, then reinstall laserlink."
            ) from error
        return None


def _choose(loaded: ModuleType | None, variant: str | None) -> None:
    if variant is None:
        return
    if loaded is None:
        raise ImportError(f"LASERLINK_SIMD is {variant!r}, but the C kernels are not in use")
    try:
        loaded.use_variant(variant)
    except ValueError as error:
        able = ", ".join(loaded.VARIANTS)
        raise ImportError(f"LASERLINK_SIMD is {variant!r}; this machine can run {able}") from error


kernels: ModuleType | None = _load(os.environ.get("LASERLINK_CEXT"))
_choose(kernels, os.environ.get("LASERLINK_SIMD"))
