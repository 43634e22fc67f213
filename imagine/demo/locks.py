"""Claim what only one demo can have, its folder and its port, or exit with an error message."""

import fcntl
import os
import socket
import sys
from pathlib import Path

from imagine.demo.environment import variable_value


def lock_folder(file: Path):
    """Return the open lock file. It holds the lock until it is closed or the process ends."""
    lock = file.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        sys.exit(
            f"A demo is already running in this folder, as process {lock.read().strip()}. "
            "Press Ctrl-C in its terminal to stop it first."
        )
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def wanted_port() -> int:
    port = variable_value("PORT") or "8000"
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        sys.exit("PORT must be a whole number from 1 to 65535.")
    return int(port)


def open_listener(port: int) -> socket.socket:
    """Return a socket that listens on this port of 127.0.0.1."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except PermissionError:
        sys.exit(f"You can't use port {port}. Choose one above 1023, for example: make demo PORT=8001")
    except OSError:
        sys.exit(f"Another program is using port {port}. Choose another one, for example: make demo PORT={port + 1}")
    return listener
