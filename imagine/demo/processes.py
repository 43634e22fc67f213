"""Child processes that do not outlive their parent, and the end of those that an earlier parent left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: between fork and exec it is too late


def spawn(arguments: list, log: Path, death_signal: int = signal.SIGTERM, **options) -> subprocess.Popen:
    """Starts a process in a session of its own, so that Ctrl-C reaches its parent alone. Output goes to the log.

    On Linux the kernel sends `death_signal` when the parent dies, however it dies.
    """
    parent = os.getpid()

    def die_with_parent():
        LIBC.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 (every caller passes programs of this project)
            [os.fspath(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent if LIBC else None,
            **options,
        )


def finish(process: subprocess.Popen, patience: float) -> None:
    """Waits for a process that was asked to stop; after `patience` seconds kills it, and whatever its group left."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def note(process: subprocess.Popen, file: Path) -> None:
    """Remembers the process in a file, so that a later start can tell it from a stranger with the same number."""
    with contextlib.suppress(psutil.NoSuchProcess):
        file.write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}\n")


def gone(process: psutil.Process, patience: float) -> bool:
    """Whether a process that is not our child ends in time. One that nobody buries (in a container) counts as ended."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)
                continue
        return True
    return False


def end_leftover(file: Path) -> None:
    """Kills the process that `note` remembered, with its children, if an earlier parent left it running."""
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.Error):
        pid, created = file.read_text().split()
        process = psutil.Process(int(pid))
        if process.create_time() == float(created):
            family = [process, *process.children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            for member in family:
                gone(member, 5)
    file.unlink(missing_ok=True)
