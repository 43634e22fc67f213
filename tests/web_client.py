"""What a browser sends, and what it gets."""

import re
from collections.abc import Callable, Iterable
from html import unescape
from html.parser import HTMLParser

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from summit.models import Event


def visitor(event: Event | None = None) -> Client:
    """A browser that has the event's page open, and with it the cookie that marks it."""
    client = Client()
    client.get(event.get_absolute_url() if event else "/imagine/")
    return client


def rsvp_form(**fields) -> dict:
    """The form as a guest of one fills it in."""
    return {"name": "Alma Reyes", "email": "alma@example.org", "size": "1", "accepts_partial": "wait"} | fields


def page_text(response) -> str:
    """The words of a page, without its tags."""
    body = re.sub(r"<(script|style|head)\b.*?</\1>|<wbr>", "", response.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def page_html(response) -> str:
    """A page's HTML without spaces beside its tags: they only say how the templates are wrapped."""
    return re.sub(r" ?(<[^>]*?) ?(/?>) ?", r"\1\2", " ".join(response.content.decode().split()))


def page_title(page) -> str:
    """A page's title as a browser shows it, of a response or of its HTML."""
    html = page if isinstance(page, str) else page.content.decode()
    return " ".join(unescape(html.partition("<title>")[2].partition("</title>")[0]).split())


def query_counts(ask: Callable[[str], object], addresses: Iterable[str]) -> dict[str, int]:
    """How many queries each address takes the second time it is asked for, when caches are warm."""
    counts = {}
    for address in addresses:
        ask(address)
        with CaptureQueriesContext(connection) as queries:
            ask(address)
        counts[address] = len(queries)
    return counts


class FormParser(HTMLParser):
    """Reads what a browser would send of the forms of a page, as they came."""

    def __init__(self, page: str):
        super().__init__()
        self.sent: dict[str, str | list[str]] = {}
        self.select = self.textarea = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        name, value = attrs.get("name", ""), attrs.get("value") or ""
        if tag == "select":
            self.select = name
        elif tag == "textarea":
            self.textarea = name
            self.sent[name] = ""
        elif tag == "option" and "selected" in attrs:
            self.sent[self.select] = value
        elif tag == "input" and name and attrs.get("type") in {"checkbox", "radio"}:
            if "checked" in attrs:
                self.tick(name, value or "on")
        elif tag == "input" and name and attrs.get("type") not in {"submit", "file"}:
            self.sent[name] = value

    def tick(self, name: str, value: str) -> None:
        """Several boxes with one name are sent one after the other."""
        before = self.sent.get(name)
        self.sent[name] = value if before is None else [*([before] if isinstance(before, str) else before), value]

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.sent[self.textarea] = self.sent[self.textarea].removeprefix("\n")
            self.textarea = ""

    def handle_data(self, data):
        if self.textarea:
            self.sent[self.textarea] += data


def form_fields(response) -> dict[str, str | list[str]]:
    """The page's form as it would be sent untouched."""
    return FormParser(response.content.decode()).sent


def staff_client(*permissions: str) -> Client:
    """The browser of a member of staff who may do these things."""
    user = User.objects.create(username="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client
