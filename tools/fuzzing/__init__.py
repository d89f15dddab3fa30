"""Inputs that nobody meant, and rules that must hold whatever comes in.

From the bottom up: `oracles` (what must hold), `mutators` (frames that get past both checks), `target` (what
a target is), `programs` and `worlds` (inputs and beginnings of targets with a machine), the targets
(`streams`, `images`, `machines` on `machine_run`, `sessions`), the engines (`engine`, `guided`, `everything`)
with `coverage`, and `port`, which does the same to a device. `flood` counts what hostile bytes leave behind.
"""
