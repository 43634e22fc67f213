"""Start child processes that don't outlive us, and end those that an earlier run left behind."""

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
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # can't be loaded between fork and exec


def spawn(arguments: list, log: Path, death_signal: int = signal.SIGTERM, **options) -> subprocess.Popen:
    """Start a process in a session of its own, so that Ctrl-C reaches only its parent. Its output goes to the log.

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


def wait_or_kill(process: subprocess.Popen, patience: float) -> None:
    """Wait for a process that was asked to stop; after `patience` seconds, kill it and what is left of its group."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def store_pid(process: subprocess.Popen, file: Path) -> None:
    """Store pid and start time, so that a later run can tell the process from another one with the same pid."""
    with contextlib.suppress(psutil.NoSuchProcess):
        file.write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}\n")


def wait_for_end(process: psutil.Process, patience: float) -> bool:
    """Return whether a process that isn't our child ends in time. A zombie (in a container) counts as ended."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)
                continue
        return True
    return False


def end_leftover(file: Path) -> None:
    """Kill the process that `store_pid` stored, with its children, if an earlier run left it running."""
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.Error):
        pid, created = file.read_text().split()
        process = psutil.Process(int(pid))
        if process.create_time() == float(created):
            family = [process, *process.children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            for member in family:
                wait_for_end(member, 5)
    file.unlink(missing_ok=True)
