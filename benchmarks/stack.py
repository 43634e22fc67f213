"""Everything a run needs, each a real process on this machine, in a folder of its own: PostgreSQL as it comes and
durable, Valkey, the web servers of the product and of the baseline, their Celery workers when asked for, a mail server.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg2
from celery import Celery

from benchmarks.smtp_sink import CONNECTED
from benchmarks.visitors import Site, rsvp_form
from imagine.demo.environment import PROJECT
from imagine.demo.servers import Postgres, Valkey, free_port
from imagine.demo.supervisor import Program

CORES = os.cpu_count() or 1
SETTINGS = {
    "product": "benchmarks.settings",
    "unguarded": "benchmarks.unguarded",
    "baseline": "benchmarks.baseline.settings",
}
WORKERS = {
    "product": ["-A", "imagine", "worker", "-Q", "transactional,housekeeping"],
    "bulk": ["-A", "imagine", "worker", "-Q", "bulk", "-n", "bulk@%h"],
    "baseline": ["-A", "benchmarks.baseline.tasks", "worker", "-Q", "baseline"],
}
RUNS_AS = {"bulk": "product"}  # whose settings
QUEUES = ("transactional", "housekeeping", "bulk", "baseline")
# What the requests and emails of one row leave behind must not slow the next one.
LEFT_OVER = (
    "summit_reminder_messages, mail_message, core_ratelimitcount, mail_queueheartbeat, mail_mailing, "
    "summit_invitation, summit_staffemail, summit_staffemailrecipient"
)


class Stack:
    """Starts what is asked for when it is first asked for; `stop` ends all of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.running: list = []
        self.sink_log = folder / "sink.log"

    def start(self, thing):
        self.running.append(thing)
        thing.start()
        return thing

    def stop(self) -> None:
        while self.running:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                self.running.pop().stop()
        if "postgres" in vars(self):
            shutil.rmtree(
                self.postgres.folder, ignore_errors=True
            )  # it may lie outside of ours, within its user's reach

    # Servers ---------------------------------------------------------------------------------------------------

    @cached_property
    def postgres(self) -> Postgres:
        server = self.start(Postgres(self.folder / "postgres", durable=True))
        with contextlib.closing(psycopg2.connect(server.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE baseline")
        return server

    @cached_property
    def valkey(self) -> Valkey:
        return self.start(Valkey(self.folder / "valkey"))

    @cached_property
    def mail_port(self) -> int:
        self.start(self.program("sink", "benchmarks.smtp_sink"))
        wait_for(lambda: self.sink_log.exists() and self.sink_log.read_text().endswith("\n"), "the mail server")
        return int(self.sink_log.read_text())

    def environment(self, whose: str, port: int = 0) -> dict[str, str]:
        database = {
            "product": self.postgres.url,
            "unguarded": self.postgres.url,
            "baseline": urlsplit(self.postgres.url)._replace(path="/baseline").geturl(),
        }
        return os.environ | {
            "BENCHMARK_FOLDER": str(self.folder),
            "DJANGO_SETTINGS_MODULE": SETTINGS[whose],
            "DATABASE_URL": database[whose],
            "REDIS_URL": self.valkey.url,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
            "BASELINE_MAIL_PORT": str(self.mail_port),
            "SITE_URL": f"http://127.0.0.1:{port}",
            "SECRET_KEY": "only-for-the-benchmarks-0123456789-abcdefghijklmnopqrstuvwxyz",
            "DEBUG": "0",
            "TRUSTED_PROXIES": "1",  # each sign-up is a visitor of its own
            "MAIL_FROM": "Imagine Promise <imagine@example.org>",
            "MAIL_REPLY_TO": "community@example.org",
            "MAIL_POSTAL_ADDRESS": "701 N. Madison Street, Stockton, CA 95202",
        }

    def program(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> Program:
        return Program(name, *arguments, log=self.folder / f"{name}.log", run=self.folder, patience=5, env=env)

    def run(self, whose: str, module: str, *arguments: str) -> str:
        """Runs a module to its end and returns what it printed."""
        command = [sys.executable, "-m", module, *arguments]
        run = subprocess.run(  # noqa: S603 (every caller names a module of ours)
            command, env=self.environment(whose), cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
        )
        return run.stdout

    # Web -------------------------------------------------------------------------------------------------------

    @cached_property
    def product(self) -> Site:
        self.run("product", "benchmarks.prepare")
        return self.serve_product("product")

    @cached_property
    def unguarded(self) -> Site:
        self.product  # noqa: B018  its tables are needed
        return self.serve_product("unguarded")

    def serve_product(self, whose: str) -> Site:
        return Site(self.serve(whose, "-c", "python:imagine.gunicorn", "imagine.wsgi"), rsvp_form, "/imagine/rsvp/")

    @cached_property
    def baseline(self) -> Site:
        self.run("baseline", "benchmarks.baseline.prepare")
        return Site(self.serve("baseline", "benchmarks.baseline.wsgi"), rsvp_form, "/replies/")

    def serve(self, whose: str, *arguments: str) -> int:
        port = free_port()
        arguments += ("--bind", f"127.0.0.1:{port}", "--workers", str(CORES), "--no-control-socket")
        program = self.program(f"{whose}-web", "gunicorn", *arguments, env=self.environment(whose, port))
        setattr(self, f"{whose}_web", self.start(program))
        wait_for(lambda: len(self.web_workers(whose)) == CORES and is_open(port), f"the {whose}'s web server")
        return port

    def web_workers(self, whose: str) -> list[psutil.Process]:
        return psutil.Process(getattr(self, f"{whose}_web").process.pid).children()

    # Work ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def working(self, whose: str) -> Iterator[None]:
        """Run a Celery worker during the block, with a process per core; "bulk" is the product's for mailings."""
        quiet = ["--concurrency", str(CORES), "--without-gossip", "--without-mingle", "-l", "INFO"]
        environment = self.environment(RUNS_AS.get(whose, whose))
        worker = self.program(f"{whose}-worker", "celery", *WORKERS[whose], *quiet, env=environment)
        self.start(worker)
        try:
            yield
        finally:
            worker.stop()
            self.running.remove(worker)

    def ring_baseline(self, addresses: list[str], a_task: int = 1) -> float:
        """Send tasks of `a_task` emails each. Return when the first was sent."""
        started = time.time()
        with Celery(broker=self.valkey.url) as app:
            for first in range(0, len(addresses), a_task):
                app.send_task("benchmarks.baseline.tasks.mail", addresses[first : first + a_task], queue="baseline")
        return started

    def save_sample_email(self, where: str = "") -> None:
        """The baseline sends what the product sends: one of its emails."""
        [row] = self.sql(f"SELECT subject, body_text, body_html, ics FROM mail_message {where} LIMIT 1")  # noqa: S608
        email = dict(zip(("subject", "text", "html", "calendar"), row, strict=True))
        (self.folder / "sample_email.json").write_text(json.dumps(email))

    def noted(self) -> list[tuple[str, str]]:
        """Return what the mail server logged since `clear`: the time, and the recipient of an email or CONNECTED."""
        lines = self.noted_bytes().decode().splitlines()
        return [(at, what) for at, _space, what in (line.partition(" ") for line in lines)]

    def noted_bytes(self) -> bytes:
        with self.sink_log.open("rb") as log:
            log.seek(self.cleared_at)
            return log.read()

    def taken(self) -> list[tuple[float, str]]:
        """Return the time and the recipient of each email accepted since `clear`."""
        return [(float(at), to) for at, to in self.noted() if to != CONNECTED]

    def visits(self) -> int:
        """How many connections were made to the mail server since `clear`."""
        return sum(what == CONNECTED for _at, what in self.noted())

    def await_mails(self, count: int, seconds: float = 120) -> list[tuple[float, str]]:
        """Wait for this many emails, using as little CPU as possible."""
        connected = f" {CONNECTED}\n".encode()

        def are_there() -> bool:
            noted = self.noted_bytes()
            return noted.count(b"\n") - noted.count(connected) >= count

        wait_for(are_there, f"{count} mails", seconds)
        return self.taken()

    def clear(self) -> None:
        """Delete the email of earlier rows: stored, queued, and accepted."""
        with Celery(broker=self.valkey.url) as app, app.connection_for_write() as broker:
            for queue in QUEUES:
                broker.default_channel.queue_purge(queue)
                broker.default_channel.client.delete(f"imagine.wakeup.{queue}")  # the task that it stands for is gone
        self.sql(f"TRUNCATE {LEFT_OVER}")
        self.cleared_at = self.sink_log.stat().st_size

    # Data ------------------------------------------------------------------------------------------------------

    def sql(self, statement: str, *values, database: str = "product") -> list[tuple]:
        url = self.environment(database)["DATABASE_URL"]
        with contextlib.closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def new_event(self, slug: str, *, capacity: int = 20_000, rsvps: int = 0) -> str:
        """A copy of the summit, of another kind so that the landing page is not about it, with RSVPs of two seats;
        returns its page."""
        self.sql(COPY_EVENT, slug, capacity)
        self.sql(INVENT_RSVPS, rsvps, slug)
        self.sql(INVENT_GUESTS, slug)
        self.sql("ANALYZE summit_rsvp, summit_guest, summit_event")
        return f"/imagine/events/{slug}/"

    def new_baseline_event(self, slug: str, *, capacity: int = 20_000) -> None:
        self.sql(COPY_BASELINE_EVENT, slug, capacity, database="baseline")


COPY_EVENT = """
    INSERT INTO summit_event (slug, capacity, kind, title, title_es, school_year, starts_at, ends_at, venue, address,
        meal, description, description_es, reserved_seats, max_party_size, rsvp_opens_at, rsvp_closes_at,
        waitlist_closes_hours_before, is_published)
    SELECT %s, %s, 'gathering', title, title_es, school_year, starts_at, ends_at, venue, address,
        meal, description, description_es, reserved_seats, max_party_size, rsvp_opens_at, rsvp_closes_at,
        waitlist_closes_hours_before, is_published
    FROM summit_event WHERE slug = 'summit'
"""
INVENT_RSVPS = """
    INSERT INTO summit_rsvp (event_id, email, token, name, phone, organization_name, sector, language, source, note,
        accepts_partial, held_seats, waitlisted_seats, overbooked_seats, canceled_late, browser_hash,
        ics_uid, ics_sequence, created_at)
    SELECT event.id, 'invented-' || n || '@example.org', md5(event.slug || n), 'Inés Núñez', '', 'Delta Growers',
        'business', 'en', 'web', '', false, 2, 0, 0, false, '', gen_random_uuid(), 1, now()
    FROM summit_event event, generate_series(1, %s) n WHERE event.slug = %s
"""
INVENT_GUESTS = """
    INSERT INTO summit_guest (rsvp_id, position, name, dietary_needs, accessibility_needs)
    SELECT rsvp.id, position, 'Inés Núñez', 'vegetarian', ''
    FROM summit_rsvp rsvp JOIN summit_event event ON event.id = rsvp.event_id, generate_series(1, 2) position
    WHERE event.slug = %s
"""
COPY_BASELINE_EVENT = """
    INSERT INTO baseline_event (slug, capacity, title, starts_at, venue)
    SELECT %s, %s, title, starts_at, venue FROM baseline_event WHERE slug = 'summit'
"""


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def wait_for(condition, what: str, seconds: float = 60) -> None:
    stop_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > stop_at:
            raise TimeoutError(f"{what}: not there after {seconds} seconds")
        time.sleep(0.02)
