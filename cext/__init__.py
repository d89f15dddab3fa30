"""The C kernels, when they are built: `kernels` is the module, or None.

This package imports nothing of ours. LASERLINK_CEXT, read here and nowhere else, decides:

    require   ImportError when the kernels are not built
    no        never used: everything runs on the Python reference
    unset     used if they are built
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


kernels: ModuleType | None = _load(os.environ.get("LASERLINK_CEXT"))
