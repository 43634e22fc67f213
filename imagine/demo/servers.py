"""A real PostgreSQL and a real Valkey from wheels: nothing to install, no root, and they end with their parent.

The demo keeps their data in var/, tests in a temporary folder.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil

from imagine.demo.binaries import ServerError, postgres_binaries, reachable_folder, valkey_binary
from imagine.demo.processes import end_leftover, spawn, store_pid, wait_for_end, wait_or_kill

PRIVATE_LOG_SETTINGS = {"log_error_verbosity": "terse", "log_min_error_statement": "panic"}
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
MAX_LENGTH_SOCKET_PATH = 100


class Postgres:
    """One PostgreSQL with its data in a folder, at the same address every time it starts.

    With `durable=False` it is faster but can lose its last commits when it is killed; that is enough for most tests.
    """

    name = "PostgreSQL"

    def __init__(self, folder: Path, *, durable: bool = True, log: Path | None = None):
        self.user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        self.folder = reachable_folder(folder, self.user)
        self.data = self.folder / "data"
        self.log = log or self.folder / "log"
        self.settings = {} if durable else FAST_SETTINGS
        self.process = None
        self.port = free_port(read_stored(self.folder / "port"))
        self.password = read_stored(self.folder / "password") or secrets.token_urlsafe(16)

    @property
    def url(self) -> str:
        return f"postgresql://imagine:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.alive else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Create the data folder if there is none, and return once connections are accepted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        (self.folder / "port").write_text(str(self.port))
        self.binaries = postgres_binaries(self.folder, self.user)
        if not (self.data / "PG_VERSION").exists():
            self.create()
        end_stale_postmaster(self.data)
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": ""}
        settings |= {**PRIVATE_LOG_SETTINGS, **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            self.process = self.run("postgres", "-D", self.data, *options, death_signal=signal.SIGINT)
            # After kill -9 the old backends hold its shared memory for a moment, so the new server ends: try again.
            if wait_until(self.ready_or_dead, deadline - time.monotonic()) and self.alive:
                return
            time.sleep(0.2)
        self.kill()
        raise ServerError(f"PostgreSQL didn't start. Details: {self.log}")

    def stop(self) -> None:
        """End every session and shut down cleanly."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            wait_or_kill(self.process, 10)

    def kill(self) -> None:
        """End it like a power cut."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def discard(self) -> None:
        """Delete the data, stopping a server that still uses it."""
        end_stale_postmaster(self.data)
        shutil.rmtree(self.data, ignore_errors=True)

    def create(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        password_file = self.folder / "password"
        password_file.touch(0o600)
        password_file.write_text(self.password)
        if self.user:
            for path in (self.data, password_file):
                shutil.chown(path, self.user)
        arguments = ["-D", self.data, "-U", "imagine", "-A", "scram-sha-256", f"--pwfile={password_file}"]
        process = self.run("initdb", *arguments, "-E", "UTF8", "--no-locale", "-N")
        if process.wait() != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise ServerError(f"PostgreSQL's data folder couldn't be created. Details: {self.log}")

    def run(self, program: str, *arguments, death_signal: int = signal.SIGTERM) -> subprocess.Popen:
        other_user = {}
        if self.user:
            other_user = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
        command = [self.binaries / program, *arguments]
        return spawn(command, self.log, death_signal, cwd=self.folder, **other_user)

    def ready_or_dead(self) -> bool:
        """The server writes its state to line 8 of its pid file, so asking needs no connection."""
        with contextlib.suppress(FileNotFoundError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            if lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                return True
        return not self.alive


class Valkey:
    """One Valkey that keeps nothing on disk, on a Unix socket whose path stays the same."""

    name = "Valkey"

    def __init__(self, folder: Path, *, log: Path | None = None):
        self.folder = folder
        self.log = log or folder / "log"
        self.socket = folder / "valkey.sock"
        self.borrowed = len(os.fsencode(self.socket)) > MAX_LENGTH_SOCKET_PATH
        if self.borrowed:
            self.socket = Path(tempfile.mkdtemp(prefix="imagine-")) / "valkey.sock"
        self.process = None

    @property
    def url(self) -> str:
        return f"redis+socket://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.alive else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Return once connections are accepted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        end_leftover(self.folder / "pid")
        self.socket.unlink(missing_ok=True)
        arguments = ["--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700", "--save", ""]
        self.process = spawn([valkey_binary(), *arguments], self.log, cwd=self.folder)
        store_pid(self.process, self.folder / "pid")
        if not wait_until(self.accepts_or_dead, 10) or not self.alive:
            self.kill()
            raise ServerError(f"Valkey didn't start. Details: {self.log}")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            wait_or_kill(self.process, 5)
        (self.folder / "pid").unlink(missing_ok=True)
        if self.borrowed:
            shutil.rmtree(self.socket.parent, ignore_errors=True)

    def kill(self) -> None:
        """End it like a power cut."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def accepts_or_dead(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.connect(os.fspath(self.socket))
            return True
        return not self.alive


def read_stored(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def free_port(wanted: str = "") -> int:
    """Return the wanted port of 127.0.0.1 if it is free, or any free one."""
    for port in (int(wanted or 0), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise ServerError("This machine has no free port.")


def end_stale_postmaster(data: Path) -> None:
    """Stop a server that an earlier run left on this data, and remove its pid file."""
    file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError, psutil.Error):
        process = psutil.Process(int(file.read_text().splitlines()[0]))
        if str(data) in process.cmdline():
            process.send_signal(signal.SIGINT)
            if not wait_for_end(process, 10):
                process.kill()
                wait_for_end(process, 5)
    file.unlink(missing_ok=True)


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
