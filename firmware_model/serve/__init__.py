"""The module's I/O: it serves a virtual module on a pseudo-terminal or any port, with or without a ring.

    pty.py      a pseudo-terminal as a port whose contact is "somebody has it open"; line pacing
    link.py     a symbolic link to it that does not outlive the process
    sensor.py   the sensor on a thread of its own, with prepared images
    spread.py   its work on all cores
    shell.py    the loop that runs the machine over the lanes

May import laserlink.cext.
"""
