"""Bytes and meaning of the LaserLink wire, shared by both ends. No I/O, no clock, no chance.

May import: laserlink.cext, through `_accel.py` only; construct, in layout modules only (`frame.py` and
`messages/`). Never: time, random, os, socket, serial, threading, asyncio, secrets.

Read bottom-up: `limits`, `timers`, `states`, `errors`; `crc`, `raw`, `digest` behind `_accel`; `frame`,
`framer`; `messages/` with `catalogue`; `image_layout`; `delivery`, `clock`, `connection`.
"""
