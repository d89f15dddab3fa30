"""Builds the C kernels. Everything else about the package stands in pyproject.toml.

The extension is optional: where no C compiler is, the package installs without it and runs on its
Python reference (see cext/__init__.py).
"""

import glob
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

C_FLAGS = [] if sys.platform == "win32" else ["-O3", "-std=c11", "-fno-strict-aliasing"]

KERNELS = Extension(
    "laserlink.cext._kernels",
    sources=["cext/_kernels.pyx"],
    depends=sorted(glob.glob("cext/*.h")),
    include_dirs=["cext"],
    extra_compile_args=C_FLAGS,
    optional=True,
)

setup(ext_modules=cythonize([KERNELS], language_level=3))
