"""The payload of every message, declared once: one file a family, layout and meaning side by side.

`layout.py` binds a construct declaration to a frozen dataclass; `laserlink.protocol.catalogue` says who may
send which message, where and when.
"""
