"""Lets the tests of the conformance suite import what they share: `from broken import examine`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
