"""One module for each command of the command line; each exposes `command`. Loaded when it is asked for."""
