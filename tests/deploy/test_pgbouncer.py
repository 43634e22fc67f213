"""The whole product behind PgBouncer (a guest, a partner, the office and a mailing), in each pool mode."""

import os
import re
import subprocess
import sys
import tempfile
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psycopg2
import pytest
from django.conf import settings
from django_otp.plugins.otp_totp.models import TOTPDevice

from imagine.demo.environment import PROJECT
from tests.accounts.people import code_of
from tests.deploy.pgbouncer import BINARY, PgBouncer
from tests.deploy.prepare import APP_KEY, CONTACTS
from tests.smtp_server import ReceivedEmail
from tests.stack import Stack, posting_rsvps, wait_for
from tests.web_client import FormParser

PASSWORD = "only-for-the-tests"
PUBLIC_PAGES = ("", "events/", "events/calendar.ics", "promise/", "partners/", "health/ready/")
pytestmark = pytest.mark.slow

if not BINARY:
    if os.environ.get("CI"):
        raise RuntimeError("PgBouncer is not installed (Debian: apt-get install pgbouncer), and CI must test it.")
    pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)", allow_module_level=True)


class PooledStack(Stack):
    """All of the stack's processes connect through PgBouncer; the test itself connects to PostgreSQL directly."""

    def __init__(self, folder: Path):
        self.bouncer = None
        super().__init__(folder)

    def environment(self) -> dict[str, str]:
        pooled = {"DATABASE_URL": self.bouncer.url} if self.bouncer else {}
        return super().environment() | pooled | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}

    def start(self) -> None:
        for server in (self.postgres, self.valkey, self.smtp):
            server.start()
        self.use_mode("session")
        self.run("-m", "tests.deploy.prepare")

    def use_mode(self, mode: str) -> None:
        """Put a PgBouncer of this mode in front, in place of the one before."""
        self.stop_programs()
        if self.bouncer:
            self.bouncer.stop()
        self.bouncer = PgBouncer(self.folder / f"pgbouncer-{mode}", self.postgres, mode)
        self.bouncer.start()
        if mode == "transaction":
            for name, value in settings.DATABASE_TIMEOUTS.items():
                self.sql(f"ALTER ROLE imagine SET {name} = '{value}'")
        for program in self.programs:
            program.options["env"] = self.environment()

    def start_programs(self) -> None:
        for program in self.programs:
            program.start()
        wait_for(self.is_up, 60, "the web server answers")
        self.smtp.clear()

    def stop(self) -> None:
        self.stop_programs()
        if self.bouncer:
            self.bouncer.stop()
        super().stop()

    def run(self, *command: str) -> str:
        """Return the output of a command that must succeed."""
        command = [sys.executable, *command]
        run = subprocess.run(command, cwd=PROJECT, env=self.environment(), capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def mail_to(self, address: str) -> str:
        """Return the text of the only email to this address once it has arrived."""
        wait_for(lambda: self.mails_to(address), 60, f"a mail to {address} arrives")
        (received,) = self.mails_to(address)
        text = next(part for part in received.content.walk() if part.get_content_type() == "text/plain")
        return text.get_payload(decode=True).decode()

    def mails_to(self, start: str) -> list[ReceivedEmail]:
        return [received for received in list(self.smtp.emails) if received.to.startswith(start)]


@pytest.fixture
def stack():
    with tempfile.TemporaryDirectory(prefix="imagine-pooled-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # when tests run as root, PostgreSQL and PgBouncer run as another user
        stack = PooledStack(Path(folder))
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
            for log in Path(folder).glob("*.log"):  # shown by pytest when a test fails
                print(f"--- {log.name}", log.read_text(errors="replace")[-6000:], sep="\n")


class Browser:
    """Follows redirects and keeps cookies."""

    def __init__(self, stack: Stack):
        self.base = f"http://127.0.0.1:{stack.port}/imagine/"
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, data: dict | None = None) -> str:
        body = None if data is None else urlencode(data, doseq=True).encode()
        with self.opener.open(self.base + path, body, timeout=30) as response:
            self.path = response.url.removeprefix(self.base)
            return response.read().decode(errors="replace")

    def submit(self, path: str, **answers) -> str:
        """Open a page and send its form with these values."""
        return self.get(path, FormParser(self.get(path)).sent | answers)


def test_everything_works_through_pgbouncer(stack):
    use_everything(stack)
    stack.use_mode("transaction")
    use_everything(stack)
    look_around_the_office(stack)


def use_everything(stack: PooledStack) -> None:
    stack.start_programs()
    guest = Browser(stack)
    for path in (*PUBLIC_PAGES, f"events/{stack.bouncer.mode}/"):
        assert guest.get(path)
    save_seats(guest, stack)
    save_many_seats_at_once(stack)
    sign_pledge(guest, stack)
    send_mailing(stack)
    check_sessions(stack)


def check_sessions(stack):
    """Check that sessions are shared as the mode says and have their timeouts."""
    connection = psycopg2.connect(stack.bouncer.url.partition("?")[0])
    connection.autocommit = True
    with connection.cursor() as cursor:
        sessions = {backend(cursor) for _transaction in range(20)}
    connection.close()
    assert len(sessions) == 1 if stack.bouncer.mode == "session" else len(sessions) > 1
    assert "no issues" in stack.run("manage.py", "check", "--database", "default", "--fail-level", "WARNING")


def backend(cursor) -> int:
    cursor.execute("SELECT pg_backend_pid()")
    return cursor.fetchone()[0]


def save_seats(guest: Browser, stack: PooledStack) -> None:
    guest.submit(f"events/{stack.bouncer.mode}/", name="Alma Reyes", email="alma@example.org", size="3")
    assert guest.path.startswith("rsvp/")
    link = re.search(r"/imagine/(rsvp/\S+/)", stack.mail_to("alma@example.org"))[1]
    assert link != guest.path
    assert "Alma Reyes" in guest.get(link)


def save_many_seats_at_once(stack: PooledStack) -> None:
    mode = stack.bouncer.mode
    names = [f"{mode}{number:02}" for number in range(30)]
    with posting_rsvps(stack.open_form(mode), browsers=6, names=iter(names)) as answers:
        wait_for(lambda: len(answers) == len(names), 60, "everybody has an answer")
    assert all(answer.accepted_rsvp for _name, answer in answers)
    seats = [(email, size) for email, size, _mails in stack.rsvp_summary() if email.startswith(mode)]
    assert seats == [(f"{name}@example.org", 2) for name in names]


def sign_pledge(partner: Browser, stack: PooledStack) -> None:
    mode = stack.bouncer.mode
    partner.submit("promise/", organization=f"Port Gate {mode}", name="Sam Lee", email=f"sam.{mode}@example.org")
    link = re.search(r"/imagine/(promise/\S+/)", stack.mail_to(f"sam.{mode}@example.org"))[1]
    kind = re.search(r'name="(promise-\d+)-ticked"', partner.get(link))[1]
    promise = {f"{kind}-ticked": "on", f"{kind}-quantity": "6"}
    partner.submit(link, **promise, sign="1", **{"sign-name": "Sam Lee", "sign-may": "on"})
    assert partner.path == f"{link}thanks/"
    assert partner.get(f"{link}certificate.pdf").startswith("%PDF")


def send_mailing(stack: PooledStack) -> None:
    stack.run("manage.py", "invite", stack.bouncer.mode, "--audience", "Invented contacts", "--yes")
    wait_for(lambda: len(stack.mails_to("contact-")) >= CONTACTS, 60, "everybody is invited")
    assert len({received.to for received in stack.mails_to("contact-")}) == CONTACTS


def look_around_the_office(stack: PooledStack) -> None:
    """Open lists, forms with selects, and files, which are read through a server-side cursor where possible: not in
    transaction mode."""
    clerk = Browser(stack)
    clerk.submit("admin/login/", username=stack.bouncer.mode, password=PASSWORD)
    assert clerk.path == "admin/login/second-step/"
    clerk.submit(clerk.path, code=code_of(TOTPDevice(key=APP_KEY)))
    pages = set(links(clerk.get("admin/"), "/"))
    assert len(pages) > 15
    files = {file for page in pages for file in [*links(clerk.get(page), ".csv"), *links(clerk.get(page), ".xlsx")]}
    assert len(files) > 8
    for file in files:
        assert len(clerk.get(file)) > 20


def links(page: str, ending: str) -> list[str]:
    found = re.findall(r'href="/imagine/(admin/(?:[a-z]+/[a-z]+/)[^"?]*)', page)
    return [link for link in found if link.endswith(ending)]
