"""Lets every test module import the shared builders: `from rig import Rig`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
