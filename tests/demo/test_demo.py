"""The whole demo as a person starts it, in a folder with a space: used, partly and completely killed, stopped,
reset."""

import contextlib
import http.client
import http.cookiejar
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import psycopg2
import pytest

from imagine.core.apps import OLD_LAYOUT
from imagine.demo.environment import PROJECT
from imagine.demo.known_migrations import OUTDATED
from imagine.demo.servers import Postgres, free_port, wait_until

pytestmark = pytest.mark.faults
TIMEOUT = 180  # seconds, more than any busy machine needs
PARTS = ["web", "worker", "worker-bulk", "beat", "postgres", "valkey"]


def listen_to_hangup() -> None:
    """Processes started by nohup ignore SIGHUP, and so would the demo."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Demo:
    """`python -m imagine.demo` in a project folder, started by the test and observed from outside."""

    def __init__(self, project: Path, *arguments: str, **variables: str):
        self.project = project
        self.port = int(variables.setdefault("PORT", str(free_port())))
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.printed = project.parent / f"printed-{self.port}"
        with self.printed.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "imagine.demo", *arguments],
                cwd=project,
                env={**plain, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=listen_to_hangup,
            )

    @property
    def text(self) -> str:
        return self.printed.read_text()

    def wait_for(self, words: str) -> "Demo":
        found = wait_until(lambda: words in self.text or self.process.poll() is not None, TIMEOUT)
        assert found, self.text
        assert words in self.text
        return self

    def ended(self) -> str:
        """Wait for the end and return the output."""
        self.process.wait(TIMEOUT)
        return self.text

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(TIMEOUT)

    def pid(self, part: str) -> int | None:
        file = {
            "postgres": self.project / "var" / "postgres" / "data" / "postmaster.pid",
            "valkey": self.project / "var" / "valkey" / "pid",
        }.get(part, self.project / "var" / "run" / f"{part}.pid")
        with contextlib.suppress(FileNotFoundError, IndexError):
            return int(file.read_text().split()[0])
        return None

    def status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    def works(self) -> bool:
        with contextlib.suppress(OSError):
            return self.status("/imagine/") == 200
        return False


@pytest.fixture(scope="module")
def project(roomy):
    """Copy the project, like a fresh clone."""
    leave_out = shutil.ignore_patterns("var", ".venv*", ".git", "__pycache__", ".*_cache", ".hypothesis")
    return Path(shutil.copytree(PROJECT, roomy / "imagine promise", ignore=leave_out))


@pytest.fixture(scope="module")
def running(project):
    demo = Demo(project).wait_for("press Ctrl-C")
    yield demo
    demo.stop()


@pytest.fixture
def start(project, running):
    """Start a demo for one test; the shared one is stopped, since a folder can only run one."""
    running.stop()
    started_demos = []

    def begin(*arguments, **variables):
        started_demos.append(Demo(project, *arguments, **variables))
        return started_demos[-1]

    yield begin
    for demo in started_demos:
        demo.stop()


def assert_nothing_runs(project: Path) -> None:
    """Waits a moment, since child processes end soon after their parent."""
    assert wait_until(lambda: left_running(project) == [], TIMEOUT), left_running(project)


def left_running(project: Path) -> list[str]:
    """Return the command lines of processes that run in the project's folder."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(str(project)):
                left.append(" ".join(process.cmdline()))
    return left


def sign_in(site: str, name: str, password: str) -> str:
    """Return the URL that the admin leads to."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    login = f"{site}login/"
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', opener.open(login).read().decode())[1]
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token, "next": "/imagine/admin/"}
    request = urllib.request.Request(login, urllib.parse.urlencode(form).encode(), {"Referer": login})
    return opener.open(request).url


def test_demo_prints_two_addresses_that_work(running):
    public = re.search(r"Public site: +(\S+)", running.text)[1]
    assert "Setting up the demo: " in running.text
    admin, name, password = re.search(r"Staff sign-in: +(\S+) +username: (\S+) +password: (\S+)", running.text).groups()
    assert public == f"http://127.0.0.1:{running.port}/imagine/"
    assert running.works()
    assert running.status("/imagine/health/ready/") == 200
    assert sign_in(admin, name, password) == admin
    for secret in ("secret-key", "staff-password"):
        assert (running.project / "var" / secret).stat().st_mode & 0o777 == 0o600
    assert (running.project / "var" / "mail").stat().st_mode & 0o777 == 0o700


def test_manage_py_uses_the_running_demo(running):
    command = [sys.executable, "manage.py", "make_contacts", "8"]
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    completed = subprocess.run(command, cwd=running.project, env=plain, capture_output=True, text=True, timeout=60)
    assert completed.stdout == "8 contacts created. The audience “Invented contacts” has 8.\n", completed.stderr
    assert (running.project / "var" / "run" / "environment.json").stat().st_mode & 0o777 == 0o600


def test_demo_runs_each_part_as_its_own_process(running):
    pids = {running.pid(part) for part in PARTS}
    assert len(pids) == len(PARTS)
    assert all(psutil.Process(pid).ppid() == running.process.pid for pid in pids)


@pytest.mark.parametrize("part", PARTS)
def test_demo_restarts_a_killed_child_process(running, part):
    """Takes up to ten seconds on a quiet machine: it checks five times a second and pauses up to eight; see
    test_watch.py."""
    assert wait_until(lambda: running.pid(part) and psutil.pid_exists(running.pid(part)), TIMEOUT)
    killed = running.pid(part)
    os.kill(killed, signal.SIGKILL)

    def back():
        pid = running.pid(part)
        return pid not in {None, killed} and psutil.pid_exists(pid) and running.works()

    assert wait_until(back, TIMEOUT)


def test_second_demo_in_the_same_folder_is_refused(running):
    second = Demo(running.project)
    text = second.ended()
    assert second.process.returncode == 1
    assert text == (
        f"A demo is already running in this folder, as process {running.process.pid}. "
        "Press Ctrl-C in its terminal to stop it first.\n"
    )
    reset = Demo(running.project, "--reset")
    assert reset.ended() == text
    assert running.works()


def assert_stopped(demo: Demo) -> None:
    assert demo.ended().endswith("Stopping ...\n")
    assert demo.process.returncode == 0
    assert not (demo.project / "var" / "run" / "environment.json").exists()
    assert_nothing_runs(demo.project)
    assert not demo.works()


def test_demo_stops_everything_on_ctrl_c(running):
    assert (running.project / "var" / "run" / "environment.json").exists()
    running.process.send_signal(signal.SIGINT)
    assert_stopped(running)


def test_demo_stops_everything_while_the_broker_hangs(start):
    demo = start().wait_for("press Ctrl-C")
    os.kill(demo.pid("valkey"), signal.SIGSTOP)
    demo.process.terminate()
    assert_stopped(demo)


def test_closing_the_terminal_stops_a_demo_that_is_still_preparing(start):
    demo = start().wait_for("Starting the demo")
    demo.process.send_signal(signal.SIGHUP)
    assert_stopped(demo)


def test_killed_demo_restarts_with_the_same_data_and_password(start, project):
    killed = start().wait_for("press Ctrl-C")
    data = (project / "var" / "postgres" / "data" / "PG_VERSION").stat()
    killed.process.kill()
    again = start(PORT=str(killed.port)).wait_for("press Ctrl-C")
    assert again.works()
    assert (project / "var" / "postgres" / "data" / "PG_VERSION").stat().st_mtime_ns == data.st_mtime_ns
    assert "Starting the demo ..." in again.text
    assert "Setting up the demo" not in again.text
    staff = re.compile("password: .*")
    assert staff.search(again.text)[0] == staff.search(killed.text)[0]
    if sys.platform == "linux":  # the only signal that tells children their parent was killed
        again.process.kill()
        again.process.wait()
        assert_nothing_runs(project)


def test_port_in_use_is_reported_before_anything_starts(start, project):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        demo = start(PORT=str(port))
        assert demo.ended() == (
            f"Another program is using port {port}. Choose another one, for example: make demo PORT={port + 1}\n"
        )
    assert demo.process.returncode == 1
    assert_nothing_runs(project)


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1"])
def test_invalid_port_is_reported(project, running, port):
    running.stop()
    run = subprocess.run(
        [sys.executable, "-m", "imagine.demo"], cwd=project, env={"PORT": port}, capture_output=True, text=True
    )
    assert run.stderr == "PORT must be a whole number from 1 to 65535.\n"


def test_invalid_setting_is_reported_and_nothing_is_left_running(start, project):
    demo = start(MAIL_FROM="nobody")
    assert "Imagine Promise can't start: MAIL_FROM must have one email address." in demo.ended()
    assert demo.process.returncode == 1
    assert_nothing_runs(project)


def execute(project: Path, sql: str) -> None:
    """In the database of a demo that doesn't run."""
    server = Postgres(project / "var" / "postgres")
    server.start()
    try:
        with contextlib.closing(psycopg2.connect(server.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql)
    finally:
        server.stop()


def test_database_of_the_old_layout_is_refused(start, project):
    execute(project, "INSERT INTO django_migrations (app, name, applied) VALUES ('imagine', '0013_claims', now())")
    demo = start()
    log = project / "var" / "log" / "prepare.log"
    refused = f"The demo couldn't be set up. {OLD_LAYOUT} (Details: {log})\n"
    assert demo.ended() == f"Starting the demo ...\n{refused}"
    assert demo.process.returncode == 1
    assert_nothing_runs(project)
    execute(project, "DELETE FROM django_migrations WHERE app = 'imagine'")


def test_data_made_by_other_migrations_is_refused_before_anything_starts(start, project):
    migration = project / "summit" / "migrations" / "0001_initial.py"
    ours = migration.read_bytes()
    migration.write_bytes(ours + b"# another column\n")
    demo = start()
    assert demo.ended() == f"{OUTDATED}\n"
    assert demo.process.returncode == 1
    assert_nothing_runs(project)
    migration.write_bytes(ours)
    start().wait_for("press Ctrl-C")


def test_reset_deletes_email_and_recreates_the_data(start, project):
    (project / "var" / "mail").mkdir(exist_ok=True)
    (project / "var" / "mail" / "old.log").write_text("an old mail")
    made = (project / "var" / "postgres" / "data" / "PG_VERSION").stat().st_mtime_ns
    reset = start("--reset")
    assert reset.ended().endswith("The demo has fresh data. To start it, run: make demo\n")
    assert not (project / "var" / "mail" / "old.log").exists()
    assert (project / "var" / "postgres" / "data" / "PG_VERSION").stat().st_mtime_ns > made
    assert_nothing_runs(project)


def test_reset_is_refused_when_database_url_is_set(start):
    reset = start("--reset", DATABASE_URL="postgresql://you@127.0.0.1:1/yours")
    assert reset.ended().startswith("DATABASE_URL is set, but only the demo's own database can be reset.")
