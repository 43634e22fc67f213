"""What must stay as it is when code is moved and renamed, written down in tests/golden/:

- public_*.txt: what people outside rely on (paths, page titles, emails, variables, commands). A change here is a change
  of the product.
- admin_*.txt: the same of the staff's pages. Paths hold the labels of apps and models, so they change when one is
  renamed, in a commit that says so; titles do not.
- internal_*.txt: names that only the code knows (kinds of email, tasks, queues), changed by a commit that says so.

When a change is meant, write the files anew and read their diff:

    GOLDEN=write .venv/bin/python -m pytest tests/test_golden.py

This module walks what Django and Celery know and looks at pages from outside; rows and emails come from
tests/golden/sample.py.
"""

import os
import re
import runpy
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from html import unescape
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from imagine.celery import app as celery
from tests.golden import sample

FOLDER = Path(__file__).parent / "golden"
WRITE_FILES = os.environ.get("GOLDEN") == "write"
ADMIN = "/imagine/admin/"
DJANGO_PAGES = ("/history/", "/delete/")
PAGE_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
CHANGING = {
    re.compile(r"(?<=/admin/password/)\w+(?=/)"): "<uid>",
    re.compile(r"(?<=/)[\w-]{20,}(?=/)"): "<token>",
    re.compile(r"\b[A-Z\d]{3}-[A-Z\d]{3}\b"): "<code>",
    re.compile(r"\b[A-Z][a-z]+ \d{1,2}, \d{4}, \d{1,2}:\d{2} [ap]\.m\."): "<time>",
    re.compile(r"(?<=/)\d+(?=/)|(?<=:)\d+(?=:)|(?<!\S)\d+(?= \||: )"): "#",
}
APP_LIST = re.compile(r"\(\?P<app_label>([\w|]+)\)")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def check(name: str, lines: Iterable[str]) -> None:
    """Compare with the golden file of this name, or write it."""
    path, now = FOLDER / f"{name}.txt", "".join(f"{line}\n" for line in lines)
    if WRITE_FILES:
        path.write_text(now)
    golden = path.read_text() if path.exists() else ""
    changes = "".join(unified_diff(golden.splitlines(True), now.splitlines(True), "golden", "now", n=1))
    if changes:
        pytest.fail(f"tests/golden/{name}.txt differs; tests/test_golden.py says what to do.\n{changes}", pytrace=False)


# Paths -------------------------------------------------------------------------------------------------------------


def patterns(resolver=None, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str]]:
    """Return every routed path with its name."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern, path, inner)
        else:
            yield f"/{path}", f"{namespace}{pattern.name or '-'}"


def public() -> list[tuple[str, str]]:
    return [(path, name) for path, name in patterns() if not path.startswith(ADMIN)]


def staff() -> list[tuple[str, str]]:
    return [(path, name) for path, name in patterns() if path.startswith(ADMIN)]


def test_public_paths():
    check("public_paths", map("  ".join, sorted(public())))


def test_admin_paths():
    check("admin_paths", map("  ".join, sorted(staff())))


# Pages -------------------------------------------------------------------------------------------------------------


def describe_page(client: Client, path: str, language: str) -> str:
    """Return the status of a path, and the title, redirect or content type."""
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    response = client.get(path)
    if "Location" in response:
        return f"{response.status_code} to {mask_changing(response['Location'])}"
    body = response.getvalue() if response.streaming else response.content
    kind = response.get("Content-Type", "").partition(";")[0]
    title = PAGE_TITLE.search(body.decode()) if kind == "text/html" else None
    return f"{response.status_code} {mask_changing(' '.join(unescape(title[1]).split())) if title else kind}"


def mask_changing(text: str) -> str:
    """Replace the parts that change on every run."""
    for changing, name in CHANGING.items():
        text = changing.sub(name, text)
    return text


def describe_pages(client: Client, pages: dict[str, str]) -> Iterator[str]:
    """Return a heading for each page, and its description in each language. One line is enough if the page has no text,
    or if only Django's text depends on the language."""
    for heading, path in pages.items():
        yield heading
        for language in sample.LANGUAGES:
            described = describe_page(client, path, language)
            if (
                not described.startswith("200 ")
                or re.fullmatch(r"200 \w+/\S+", described)
                or path.endswith(DJANGO_PAGES)
            ):
                yield f"    {described}"
                break
            yield f"    {described} ({language})"


def public_pages(rows: dict[str, object]) -> dict[str, str]:
    """Return every public path, filled in with the sample's objects."""
    pages = {}
    for path, _name in public():
        row = rows.get(path.split("/")[2] if path != "/" else "")
        values: dict[str, object] = {"topic": "reminders", "guest": 0}
        values |= {name: getattr(row, name) for name in ("token", "slug") if hasattr(row, name)}
        pages[path] = PARAMETER.sub(lambda parameter, values=values: str(values[parameter[1]]), path)
    return pages


@pytest.mark.django_db
def test_public_titles():
    check("public_titles", describe_pages(Client(), public_pages(sample.rows())))


@pytest.mark.slow
@pytest.mark.django_db
def test_public_titles_in_each_state():
    check("public_titles_by_state", describe_pages(Client(), sample.states()))


def admin_pages(rows: dict[str, object]) -> dict[str, str]:
    """Return every path of the admin, filled in with the first row of its model."""
    skipped = ("admin/r/<path:where>", "(?P<url>.*)$", "logout/")  # not an object, catch-all, and signing out
    pages = {}
    for path, _name in staff():
        if path.endswith(skipped):
            continue
        values = {name: row.pk for name, row in rows.items()} | {"code": "invitation", "language": "en"}
        label, _slash, rest = path.removeprefix(ADMIN).partition("/")
        model = rest.partition("/")[0]
        if model in apps.all_models.get(label, {}):
            rows_of_model = apps.get_model(label, model)._base_manager.order_by("pk")
            first = next((row for row in rows.values() if type(row) is rows_of_model.model), rows_of_model.first())
            values |= dict.fromkeys(("pk", "id", "object_id"), first.pk if first else 1)
        if "<int:pk>-<str:language>" in path:
            values["pk"] = rows["signature"].pk
        if choice := APP_LIST.search(path):
            pages |= {f"{ADMIN}{one}/": f"{ADMIN}{one}/" for one in choice[1].split("|")}
        else:
            pages[path] = PARAMETER.sub(lambda parameter, values=values: str(values.get(parameter[1], 1)), path)
    return pages


@pytest.mark.slow
@pytest.mark.django_db
def test_admin_titles():
    rows = sample.rows()
    Group.objects.create(name="Office")
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    check("admin_titles", describe_pages(client, admin_pages(rows)))


# Emails ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emails(django_db_setup, django_db_blocker) -> list[tuple[str, dict[str, str]]]:
    """Return what led to an email, and the email, for every kind and language. Nothing stays in the database."""
    with django_db_blocker.unblock(), transaction.atomic():
        described_emails = [(heading, sample.describe_email(message)) for heading, message in sample.emails()]
        transaction.set_rollback(True)
    return described_emails


@pytest.mark.django_db
def test_emails(emails):
    lines, previous = [], ""
    for heading, email in emails:
        if heading != previous:
            lines.append(heading)
        previous = heading
        extras = [f"{name} {email[name]}" for name in ("calendar", "attachment") if email[name]]
        extras += ["one-click unsubscribe"] if email["unsubscribe"] else []
        lines.append(f"    {email['language']}  {email['to']}: {email['subject']}")
        lines += [f"        {', '.join(extras)}"] if extras else []
    check("public_emails", lines)


@pytest.mark.django_db
def test_text_of_emails(emails):
    lines = []
    for heading, email in emails:
        lines += [
            f"=== {heading}: {email['language']}, {email['to']}",
            "",
            *mask_changing(email["text"]).splitlines(),
            "",
        ]
    check("public_words_of_emails", lines)


@pytest.mark.django_db
def test_kinds_of_emails(emails):
    """The names of the kinds in code, and the queue of each."""
    kinds = [f"{heading}: {email['kind']}, {email['queue']}" for heading, email in emails]
    check("internal_kinds_of_emails", dict.fromkeys(kinds))


# Settings and commands ---------------------------------------------------------------------------------------------


class Environment(dict):
    """An environment that records which variables are read."""

    def __init__(self, *args):
        super().__init__(*args)
        self.variables_read: dict[str, None] = {}

    def get(self, name, default=None):
        self.variables_read[name] = None
        return super().get(name, default)


def test_settings(monkeypatch):
    """Each variable that the settings read, and whether it is required."""
    environment = Environment(os.environ)
    monkeypatch.setattr(os, "environ", environment)
    path = Path(settings.BASE_DIR) / "imagine" / "settings.py"

    def starts() -> bool:
        try:
            runpy.run_path(str(path))
        except SystemExit:
            return False
        return True

    assert starts()
    lines = []
    for name in sorted(environment.variables_read):
        value = environment.pop(name, None)
        lines.append(f"{name} {'has a default' if starts() else 'is required'}")
        if value is not None:
            environment[name] = value
    check("public_settings", lines)


def test_commands():
    """Each of our commands with its own arguments."""
    general = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}
    lines = []
    for name, app in sorted(get_commands().items()):
        if (Path(settings.BASE_DIR) / app.partition(".")[0]).is_dir():
            lines.append(name)
            actions = load_command_class(app, name).create_parser("manage.py", name)._actions
            lines += [f"    {argument(action)}" for action in actions if action.dest not in general]
    check("public_commands", lines)


def argument(action) -> str:
    """Return an argument as it is typed: --queue VALUE (direct)"""
    argument_name = "/".join(action.option_strings) or f"<{action.dest}>"
    value = "" if action.nargs == 0 or not action.option_strings else " VALUE"
    required = " required" if action.required else " optional"
    default = "" if action.default in (None, False) or isinstance(action.default, Path) else f", else {action.default}"
    return f"{argument_name}{value}{required}{default}"


# Tasks and queues --------------------------------------------------------------------------------------------------


def queue_of(task: str, options: dict | None = None) -> str:
    return celery.amqp.router.route(dict(options or {}), task)["queue"].name


def test_tasks():
    """Every task with its queue."""
    celery.loader.import_default_modules()
    tasks = sorted(name for name in celery.tasks if not name.startswith(("celery.", "tests.")))
    check("internal_tasks", (f"{name}: {queue_of(name)}" for name in tasks))


def test_periodic_tasks():
    """Each with its schedule, arguments and queue."""
    rows = []
    for entry in celery.conf.beat_schedule.values():
        options = entry.get("options", {})
        call = f"{entry['task']}({', '.join(map(repr, entry.get('args', ())))})"
        expires = f"expires after {options['expires']} s" if "expires" in options else "never expires"
        rows.append(f"{call}: {how_often(entry['schedule'])}, {expires}, {queue_of(entry['task'], options)}")
    check("internal_periodic_tasks", sorted(rows))


def how_often(schedule) -> str:
    return f"every {schedule} s" if isinstance(schedule, int) else str(schedule)


def test_workers():
    """The queues of the workers in docker-compose.yml."""
    compose = (Path(settings.BASE_DIR) / "docker-compose.yml").read_text()
    check("internal_workers", re.findall(r"celery -A .* worker .*-Q .*", compose))


def test_golden_files_match_the_checks():
    source = Path(__file__).read_text()
    files = {path.stem for path in FOLDER.glob("*.txt")}
    assert files == set(re.findall(r'check\("(\w+)"', source))
