"""The conformance suite: what a module on any port must do, checked from outside with raw frames.

From the bottom up: `clauses` (the rules of docs/wire-format.md by number), `check` (what a check is, and
what comes of one), `line` (bytes to and from a port), `watch` (what no module may ever say), `bench` (a small
host that also says what no host may), `course` (the way to each state), one module for each family of checks,
`suite` (all of them), `runner`, and `reports`, `junit` and `html` for what came of it.
"""
