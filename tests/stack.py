"""The whole stack as real processes: PostgreSQL, Valkey, web server, workers, beat and mail server."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import psutil
import psycopg2
import redis
from celery import Celery

from imagine.demo.servers import Postgres, Valkey, free_port
from imagine.demo.supervisor import Program
from tests.faults.prepare import SLUG
from tests.smtp_server import SmtpServer

EMPTIED_TABLES = (
    "mail_message, core_ratelimitcount, mail_queueheartbeat, mail_mailing, mail_emailpreference, summit_rsvp, "
    "summit_guest, summit_linkrequest, summit_invitation, summit_audience, partners_contact"
)
SEND_RATE = 60  # bulk emails per second, unless a test changes it


@dataclass
class Response:
    """A response as a browser sees it; status 0 means the connection broke."""

    status: int
    page: str = ""
    headers: Message = field(default_factory=Message)
    seconds: float = 0.0

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def accepted_rsvp(self) -> bool:
        return self.status == 302 and "/imagine/rsvp/" in self.location


class Stack:
    def __init__(self, folder: Path):
        self.folder = folder
        self.smtp = SmtpServer()
        self.postgres = Postgres(folder / "postgres", durable=True)
        self.valkey = Valkey(folder / "valkey")
        self.port = free_port()
        web = ["gunicorn", "-c", "python:imagine.gunicorn", "imagine.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        web += ["--workers", "2", "--no-control-socket"]
        worker = ["celery", "-A", "imagine", "worker", "-Q", "transactional,housekeeping", "-c", "2", "-l", "INFO"]
        bulk = ["celery", "-A", "imagine", "worker", "-Q", "bulk", "-n", "bulk@%h", "-c", "2", "-l", "INFO"]
        beat = ["celery", "-A", "imagine", "beat", "--schedule", str(folder / "beat"), "--pidfile=", "-l", "INFO"]
        self.web, self.worker, self.bulk, self.beat = (
            self.program(name, *arguments)
            for name, arguments in {"web": web, "worker": worker, "bulk": bulk, "beat": beat}.items()
        )
        self.programs = [self.web, self.worker, self.bulk, self.beat]

    def program(self, name: str, *arguments: str) -> Program:
        # A worker that waits for a dead broker ignores SIGTERM.
        return Program(
            name,
            *arguments,
            log=self.folder / f"{name}.log",
            run=self.folder,
            env=self.environment(),
            death_signal=signal.SIGKILL,
            patience=5,
        )

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.smtp.port}",
            "SITE_URL": f"http://127.0.0.1:{self.port}",
            "DEMO": "0",  # staff need a second step
        }

    # Start and stop --------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()
        self.smtp.start()
        subprocess.run([sys.executable, "-m", "tests.faults.prepare"], env=self.environment(), check=True)
        for program in self.programs:
            program.start()

    def reset(self) -> None:
        """Start everything that isn't running, and delete what earlier tests left behind."""
        self.smtp.start()
        self.smtp.reset_behavior()
        for server in (self.postgres, self.valkey):
            if not server.alive:
                server.start()
        self.resume_broker()
        for program in self.programs:
            if not program.alive:
                program.start()
        wait_for(self.is_up, 30, "the web server answers")
        self.flush()
        self.sql(f"TRUNCATE {EMPTIED_TABLES} CASCADE")
        self.set_send_rate(SEND_RATE)
        self.wait_for_worker(60)
        self.smtp.clear()

    def stop(self) -> None:
        self.resume_broker()
        self.stop_programs()
        for server in (self.valkey, self.postgres):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                server.stop()
        self.smtp.stop()

    def stop_programs(self) -> None:
        for program in self.programs:
            program.ask_to_stop()
        for program in self.programs:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                program.stop()

    # Faults ----------------------------------------------------------------------------------------------------

    def kill(self, program: Program) -> None:
        """Send SIGKILL to the program and all its children at once."""
        os.killpg(program.process.pid, signal.SIGKILL)
        program.process.wait()

    def suspend_broker(self) -> None:
        os.kill(self.valkey.process.pid, signal.SIGSTOP)

    def resume_broker(self) -> None:
        if self.valkey.alive:
            os.kill(self.valkey.process.pid, signal.SIGCONT)

    def pool(self, of: Program | None = None) -> list[psutil.Process]:
        """Return the child processes of a worker, by default of the one for transactional email."""
        return psutil.Process((of or self.worker).process.pid).children(recursive=True)

    @contextlib.contextmanager
    def suspended_pool(self, of: Program | None = None):
        """Suspend a worker's child processes: the worker receives tasks, but none is run."""
        pool = self.pool(of)
        try:
            for process in pool:
                process.suspend()
            yield
        finally:
            for process in pool:
                process.resume()

    def flush(self) -> None:
        with self.broker() as broker:
            broker.flushall()

    def set_send_rate(self, per_second: int) -> None:
        self.sql("UPDATE mail_sendrate SET per_second = %s", per_second)

    # Queries ---------------------------------------------------------------------------------------------------

    def broker(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=os.fspath(self.valkey.socket), socket_timeout=5)

    def connect(self):
        connection = psycopg2.connect(self.postgres.url, connect_timeout=3)
        connection.autocommit = True
        return connection

    def sql(self, statement: str, *values) -> list[tuple]:
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def rsvp_summary(self) -> list[tuple[str, int, int]]:
        """Return each RSVP's email address, number of guests, and number of messages about it."""
        return self.sql("""
            SELECT email, (SELECT count(*) FROM summit_guest WHERE rsvp_id = r.id),
                (SELECT count(*) FROM mail_message m WHERE m.object_id = r.id AND m.content_type_id = t.id)
            FROM summit_rsvp r JOIN django_content_type t ON (t.app_label, t.model) = ('summit', 'rsvp')
            ORDER BY email COLLATE "C"
        """)

    def message_states(self) -> list[tuple[str, str]]:
        return self.sql("SELECT recipient, state FROM mail_message ORDER BY 1, 2")

    def all_sent(self, count: int) -> bool:
        return [state for _to, state in self.message_states()] == ["sent"] * count

    def expire_claims(self) -> None:
        """Expire the claims of messages that are being sent."""
        self.sql("UPDATE mail_message SET claim_expires_at = now() - interval '1 second' WHERE state = 'sending'")

    def send_task(self, task: str, *arguments, queue: str) -> None:
        with Celery(broker=self.valkey.url) as app:
            app.send_task(task, arguments, queue=queue, retry=False)

    def wait_for_worker(self, seconds: float) -> float:
        """Send our own heartbeats until the worker records one. Return how many seconds that took."""
        started = self.now()

        def heart_beats() -> bool:
            self.send_task("imagine.mail.tasks.heartbeat", "ours", queue="transactional")
            with contextlib.suppress(AssertionError):
                return bool(wait_for(lambda: self.heartbeat("ours") > started, 1, "a heartbeat came through"))
            return False

        return wait_for(heart_beats, seconds, "the worker takes what is in its queue")

    def heartbeat(self, queue_name: str = "transactional") -> datetime:
        """Return when a heartbeat was last recorded. Beat's own heartbeat, every 20 seconds, has the queue
        `transactional`."""
        statement = "SELECT coalesce(max(recorded_at), 'epoch') FROM mail_queueheartbeat WHERE queue = %s"
        return self.sql(statement, queue_name)[0][0]

    def now(self) -> datetime:
        return self.sql("SELECT now()")[0][0]

    # A guest's browser -----------------------------------------------------------------------------------------

    def is_up(self) -> bool:
        try:
            return self.request("GET", "/imagine/health/ready/").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method: str, path: str, body: str = "", **headers: str) -> Response:
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            page = response.read().decode()
            return Response(response.status, page, response.headers, time.monotonic() - started)
        finally:
            connection.close()

    def open_form(self, event: str = SLUG) -> "Guest":
        """Return a guest that has an event's RSVP form open."""
        form = self.request("GET", path := f"/imagine/events/{event}/")
        assert form.status == 200, form
        secret = SimpleCookie(form.headers["Set-Cookie"])["csrftoken"].value
        return Guest(self, path, secret, re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.page)[1])


@dataclass
class Guest:
    stack: Stack
    form_path: str
    cookie: str
    token: str

    def rsvp(self, name: str, size: int = 2) -> Response:
        form = {"csrfmiddlewaretoken": self.token, "name": name, "email": address(name), "size": size}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={self.cookie}"}
        return self.stack.request("POST", self.form_path, urlencode(form), **headers)


@contextlib.contextmanager
def posting_rsvps(guest: Guest, browsers: int, names: Iterator[str]):
    """Post RSVPs from several threads while the block runs, each name once. Yield the list of (name, response), which
    grows during the block and is complete after it."""
    responses, finished, lock = [], threading.Event(), threading.Lock()

    def browse():
        while not finished.is_set():
            with lock:
                name = next(names, None)
            if name is None:
                return
            try:
                posted = guest.rsvp(name)
            except (OSError, http.client.HTTPException):
                posted = Response(0)
            responses.append((name, posted))
            finished.wait(0.05)  # slow enough to leave CPU time for other processes

    threads = [threading.Thread(target=browse, daemon=True) for _browser in range(browsers)]
    for thread in threads:
        thread.start()
    try:
        yield responses
    finally:
        finished.set()
        for thread in threads:
            thread.join(30)


def address(name: str) -> str:
    return f"{name}@example.org"


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Wait for a condition and return how many seconds that took. Connection and database errors count as false."""
    started = time.monotonic()
    while True:
        with contextlib.suppress(psycopg2.Error, OSError, redis.RedisError):
            if condition():
                return time.monotonic() - started
        if time.monotonic() - started > seconds:
            raise AssertionError(f"waited {seconds} seconds in vain until {what}")
        time.sleep(0.1)
