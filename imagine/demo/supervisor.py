"""The parent of every process: start them in order, restart those that die, stop them in order."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from imagine.demo.environment import PROJECT
from imagine.demo.processes import spawn, store_pid, wait_or_kill
from imagine.demo.servers import ServerError

MAX_PAUSE = 8  # seconds; a child is back within ten
STEP = "  "  # what a line of a program's log begins with that says what it is doing
STABLE_AFTER = 30  # seconds of running after which the restart pause goes back to zero


class Program:
    """One of the project's own processes: a Python module run with arguments."""

    def __init__(self, name: str, *arguments: str, log: Path, run: Path, patience: float = 10, **options):
        self.name = name
        self.arguments = [sys.executable, "-m", *arguments]
        self.log = log
        self.pid_file = run / f"{name}.pid"
        self.patience = patience
        self.options = options
        self.process = None
        self.until = None  # when to kill it, once it has been asked to stop

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        if self.process:
            wait_or_kill(self.process, 0)  # what a killed process left of its group
        self.until = None
        self.process = spawn(self.arguments, self.log, cwd=PROJECT, **self.options)
        store_pid(self.process, self.pid_file)

    def ask_to_stop(self) -> None:
        if self.alive:
            self.process.terminate()
        self.until = self.until or time.monotonic() + self.patience

    def stop(self) -> None:
        """Ask it to stop, and kill it after `patience` seconds: a worker without its broker doesn't listen."""
        if self.process:
            self.ask_to_stop()
            wait_or_kill(self.process, max(0.0, self.until - time.monotonic()))
            self.pid_file.unlink(missing_ok=True)


class Watch:
    """Restart a child that died: right away the first time, after growing pauses if it keeps dying."""

    def __init__(self, child):
        self.child = child
        self.pause = 0
        self.due = None
        self.started = time.monotonic()

    def look(self, now: float) -> None:
        if self.child.alive:
            if now - self.started > STABLE_AFTER:
                self.pause = 0
        elif self.due is None:
            self.due = now + self.pause
            self.pause = min(max(1, 2 * self.pause), MAX_PAUSE)
        elif now >= self.due:
            print_line(f"{self.child.name} stopped. Restarting it ...")
            self.due = None
            self.started = now
            with contextlib.suppress(ServerError, OSError):
                self.child.start()


class Supervisor:
    """Own servers and programs from `start` to `stop`. A signal only asks to stop; it interrupts nothing halfway."""

    def __init__(self, servers: dict):
        self.servers = servers
        self.programs: list[Program] = []
        self.stopping = False

    def heed_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup
                signal.signal(number, self.ask_to_stop)

    def ask_to_stop(self, *_signal) -> None:
        self.stopping = True

    def run_once(self, program: Program, *, show: Callable[[str], None] | None = None) -> bool:
        """Run a program to its end and return whether it succeeded. Give up if asked to stop. `show` gets each line of
        its log that begins with STEP."""
        program.start()
        with program.log.open(errors="replace") as log:
            while program.alive and not self.stopping:
                for line in log:
                    if show and line.startswith(STEP):
                        show(line.rstrip())
                time.sleep(0.05)
        program.stop()
        return program.process.returncode == 0

    def start(self, children) -> None:
        for child in children:
            if not self.stopping:
                child.start()

    def wait_for(self, condition, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.1)
        return False

    def watch(self) -> None:
        """Restart what dies until asked to stop."""
        watches = [Watch(child) for child in (*self.servers.values(), *self.programs)]
        while not self.stopping:
            for watch in watches:
                watch.look(time.monotonic())
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the programs first, side by side, then the servers they need."""
        for program in self.programs:
            program.ask_to_stop()
        for child in [*self.programs, *reversed(self.servers.values())]:
            with contextlib.suppress(subprocess.SubprocessError, OSError):
                child.stop()


def print_line(sentence: str) -> None:
    """Print a line; go on working even if the terminal is gone."""
    with contextlib.suppress(OSError):
        print(sentence, flush=True)
