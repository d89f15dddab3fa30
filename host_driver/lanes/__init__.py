"""The host's I/O: ports that carry bytes, the ring, and the thread that runs the machine over them.

    port.py      what a port is, and one over any descriptor
    serial.py    serial devices, pseudo-terminals and pyserial's URLs
    ring.py      the shared-memory ring of a virtual module
    lookout.py   when to be awake for it
    sim.py       a virtual module as a child process
    recording.py what goes over lanes, kept in a file that Wireshark opens (pcapng.py)
    replay.py    such a file as a module (replay_file.py)
    url.py       from a URL to open lanes
    driver.py    one thread: bytes, time and inputs into the machine, events out of it
    inbox.py     what that thread tells, for the threads of the user who wait for it

May import laserlink.cext.
"""
