"""Thousands of generated requests over every URL and form: none gets a 5xx, takes a second, or shows a trace.

Each depends on SEED and its number alone, and leaves nothing behind, so a failure can be repeated by its number.
GENERATED_REQUESTS=20000 .venv/bin/python -m pytest tests/test_generated_requests.py runs more of them.
"""

import ipaddress
import os
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client

from tests import web_client
from tests.golden import sample
from tests.test_golden import admin_pages, public_pages

SEED = 20270401
PARTS = 2  # run in parallel
COUNT = int(os.environ.get("GENERATED_REQUESTS", "1600"))
TRACES = (b"Traceback (most", b"site-packages", b"psycopg2", b"django/core", b"DoesNotExist", b"OperationalError")
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"

TEXTS = [
    "[" * 100_000,
    '{"a":' * 50_000,
    '{"profile": ' + "[" * 900 + "]" * 900 + "}",
    '{"version": {"a": [null, 1e999]}, "name": []}',
    "\0",
    "a\0b",
    "\ud800",
    "x" * 100_000,
    "9" * 5000,
    "-" + "9" * 30,
    "-1",
    "0",
    "2147483648",
    "1e400",
    "NaN",
    "²",
    "١٢",
    "2027-02-30",
    "9999-12-31",
    "0001-01-01T00:00",
    "25:61",
    "null",
    "on",
    "",
    " ",
    "\u202e\u200b\ufeff",
    "\ue000token\ue001",
    "🦄" * 1000,
    "e" + "\u0301" * 5000,
    "'; DROP TABLE x; --",
    "%s %(x)s {0.__class__} {link} {{ x }}",
    "<script>alert(1)</script>",
    "a@b.example.org\r\nBcc: eve@example.org",
    "../../../etc/passwd",
    "http://evil.example.com/",
    "(((((((((((((((((((a+)+)+)+)+$",
]
QUERIES = [
    "q",
    "p",
    "o",
    "e",
    "all",
    "page",
    "language",
    "event",
    "to",
    "next",
    "year",
    "sector",
    "_popup",
    "_to_field",
]
QUERIES += ["_changelist_filters", "id__in", "pk", "name__regex", "event__id__exact", "status", "state__in", "ids", "?"]
FIELDS = [
    "shown",
    "version",
    "action",
    "_selected_action",
    "select_across",
    "index",
    "size",
    "grow",
    "remove",
    "confirm",
]
FIELDS += ["contacts-TOTAL_FORMS", "guests-TOTAL_FORMS", "contacts-INITIAL_FORMS", "form-TOTAL_FORMS", "sign", "save"]
HEADERS = {
    "host": [
        "",
        "evil.example.com",
        "127.0.0.1:99999",
        "[::1",
        "a b",
        "x" * 3000,
        "127.0.0.1, b",
        "\xff",
        "127.0.0.1:",
    ],
    "accept-language": ["x" * 5000, "es;q=²,\x00,;;;,*", "es-" + "x-" * 300, "zz", "*;q=nan"],
    "accept-encoding": ["gzip;q=x", "br, gzip, deflate, *", "\x00"],
    "content-type": ["", "a/b", "application/json", f"{URLENCODED}; charset=iso-8859-1", "text/plain; charset=\xff"],
    "content-length": ["-1", "²", "9" * 50, "x", "1", "0"],
    "cookie": [
        'csrftoken="\\000"; django_language="\\000es"; messages="\\000x"; sessionid="aaaaaaaaa\\000"',
        "csrftoken=" + "x" * 4000 + '; messages=[[],{},"; ==;;',
        "sessionid=" + "y" * 32,
        "messages=" + "[" * 8000,
        "django_language=" + "z" * 4000,
        "\xff=\xfe; ;;;=",
    ],
    "x-forwarded-for": ["\x00" * 50 + ",,,", "x" * 5000, "::ffff:1.2.3.4", "[2001:db8::1]:80", "1.2.3.4, " * 500],
    "x-forwarded-proto": ["gopher", "https, http"],
    "x-forwarded-host": ["evil.example.com"],
    "referer": ["\x00", "http://[", "x" * 9000, "https://evil.example.com/"],
    "origin": ["null", "http://[", "https://evil.example.com", "\xff"],
    "sec-fetch-site": ["cross-site", "same-site", "\x00"],
    "if-modified-since": ["yesterday", "Thu, 99 Foo 9999 99:99:99 GMT", "\xff"],
    "if-none-match": ['"', "*", 'W/"x", ' * 500],
    "range": ["bytes=0-", "bytes=9-1,-", "x"],
    "x-http-method-override": ["DELETE"],
    "user-agent": ["", "\xff" * 5000],
}
METHODS = ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get", "PROPFIND", "X" * 500]
BODIES = [b"\xff\xfe", b"%ff=%00&%zz&=&&&;", b"&" * 3000, b"a=1&" * 2500, b"a[" * 5000, b"{" * 50_000, b"--b\r\n" * 500]


@dataclass
class Page:
    url: str
    is_staffs: bool
    fields: dict = field(default_factory=dict)


@dataclass
class QueryTime:
    """Sums how long queries take: PostgreSQL works in a process of its own."""

    seconds: float = 0

    def __call__(self, execute, sql, params, many, context):
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started


@dataclass
class Requests:
    """Builds the requests and sends them."""

    pages: list[Page]
    session: str
    statuses: Counter[int] = field(default_factory=Counter)

    def send(self, number: int) -> str:
        """Return what is wrong with the response to the request of this number, or ""."""
        rng = random.Random(f"{SEED}:{number}")
        page = self.pages[number // PARTS % len(self.pages)]
        visitor = str(
            ipaddress.ip_address("10.0.0.0") + number
        )  # a new address each time, or rate limits would refuse most requests
        client = Client(raise_request_exception=False, REMOTE_ADDR=visitor)
        if page.is_staffs or rng.random() < 0.2:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.session
        method = rng.choices(["GET", "POST", rng.choice(METHODS)], [4, 5, 1])[0]
        body, content_type = self.body(page, rng) if method == "POST" else (b"", URLENCODED)
        headers = {name: rng.choice(values) for name, values in HEADERS.items() if rng.random() < 0.04}
        content_type = headers.pop("content-type", content_type)
        url = self.url(page, rng)
        with transaction.atomic():
            started, queries = time.process_time(), QueryTime()
            with connection.execute_wrapper(queries):
                response = client.generic(method, url, body, content_type=content_type, headers=headers)
                content = b"".join(response.streaming_content) if response.streaming else response.content
            seconds = time.process_time() - started + queries.seconds
            transaction.set_rollback(True)
        self.statuses[response.status_code] += 1
        problems = [trace.decode() for trace in TRACES if trace in content]
        problems += [str(response.status_code)] if response.status_code >= 500 else []
        problems += [f"{seconds:.1f} s"] if seconds > 1 else []
        description = f"{number}: {method[:10]} {url[:150]} {content_type[:40]} {body[:80]!r} {str(headers)[:200]}"
        return f"{', '.join(problems)} in {description}" if problems else ""

    def url(self, page: Page, rng: random.Random) -> str:
        url = page.url
        if rng.random() < 0.15:
            parts = url.split("/")
            index = rng.randrange(1, len(parts))
            parts[index] = quote(encoded(rng.choice(TEXTS)[:3000]), safe="")
            url = "/".join(parts)
        if rng.random() < 0.4:
            names = rng.sample(QUERIES, rng.randint(1, 3))
            url += "?" + urlencode([(name, encoded(rng.choice(TEXTS)[:3000])) for name in names])
        return url

    def body(self, page: Page, rng: random.Random) -> tuple[bytes, str]:
        """Return the page's own form with some values changed; sometimes with other fields, or no form at all."""
        if rng.random() < 0.1:
            return rng.choice(BODIES), rng.choice([URLENCODED, MULTIPART, "application/json"])
        fields = dict(page.fields)
        for name in rng.sample(sorted(fields), min(len(fields), rng.choice([0, 1, 1, 2, 5, 50]))):
            fields[name] = rng.choice([rng.choice(TEXTS), [rng.choice(TEXTS), "1"], []])
        for name in rng.sample(FIELDS, rng.choice([0, 1, 2])):
            fields[name] = rng.choice(TEXTS)
        if "action" in fields and rng.random() < 0.8:
            fields["action"] = page.fields.get("action", "delete_selected")
        pairs = [
            (name, encoded(value))
            for name, values in fields.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        if rng.random() < 0.2:
            return multipart(pairs, rng), MULTIPART
        return urlencode(pairs).encode(), URLENCODED


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def multipart(pairs: list[tuple[str, bytes]], rng: random.Random) -> bytes:
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n%s\r\n'
    parts = [part % (name.encode(), b"", b"\r\n" + value) for name, value in pairs]
    file = rng.choice([b"", b"PK\x03\x04", b"\x89PNG\r\n"]) * 1000
    kind = b"Content-Type: %s\r\n\r\n" % rng.choice([b"image/png", b"x", b""])
    name = rng.choice(["file", "logo", "new_logo", "shown"]).encode()
    parts.append(part % (name, b'; filename="../\xff.csv"', kind + file))
    return b"".join([*parts, rng.choice([b"--b--\r\n", b"", b"--b\r\n"])])


@pytest.fixture
def requests(db) -> Requests:
    rows = sample.rows()
    Group.objects.create(name="Office")
    staff = Client()
    staff.force_login(User.objects.create_superuser("staff"))
    urls = {False: public_pages(rows).values(), True: admin_pages(rows).values()}
    pages = [Page(url, is_staffs) for is_staffs, urls_of_kind in urls.items() for url in dict.fromkeys(urls_of_kind)]
    for page in pages:
        response = (staff if page.is_staffs else Client()).get(page.url)
        if response.streaming:
            b"".join(response.streaming_content)  # closes its files
        elif response.get("Content-Type", "").startswith("text/html"):
            page.fields = web_client.form_fields(response)
    return Requests(pages, staff.cookies[settings.SESSION_COOKIE_NAME].value)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_request_gets_a_5xx_takes_a_second_or_shows_a_trace(requests, part):
    assert len(requests.pages) > 150
    assert sum(bool(page.fields) for page in requests.pages) > 80
    problems = [problem for number in range(part, COUNT, PARTS) if (problem := requests.send(number))]
    assert problems == [], "\n".join(problems[:40])
    assert {200, 302, 400, 403, 404, 405, 415, 422} <= set(requests.statuses)


@pytest.mark.slow
def test_control_failing_page_and_slow_query_are_detected(requests, monkeypatch, settings):
    settings.DEBUG = True
    monkeypatch.setattr("summit.views.public.page_state", lambda event: {}["no such state"])
    problems = [problem for number in range(len(requests.pages)) if (problem := requests.send(number))]
    assert any("500" in problem and "site-packages" in problem for problem in problems)
    monkeypatch.setattr("summit.views.public.page_state", sleep)
    index = next(index for index, page in enumerate(requests.pages) if re.search(r"/events/[\w-]+/$", page.url))
    numbers = [(index + turn * len(requests.pages)) * PARTS for turn in range(20)]
    assert any(re.match(r"[12]\.\d s in", requests.send(number)) for number in numbers)


def sleep(event) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.1)")
