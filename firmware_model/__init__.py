"""The module: the camera side of the link.

May import: laserlink.protocol; `serve/` also laserlink.cext. Never: laserlink.host_driver, laserlink.tools.
The cores (everything but `serve/`) never import time, random, os, socket, serial, threading, asyncio or
secrets: time and chance come in as arguments.

Read bottom-up: `profile`; `scenes`, `chart`, `sensor` (photons to numbers); `table`, `power`, `thermal`,
`controls`, `training`, `identity`, `job`, `stream`, `bulk`, `actions`, `services` and `machine` (the
state machine); `serve/` (pty, any port, the ring).
"""
