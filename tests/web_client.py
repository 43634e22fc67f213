"""What browsers send and receive."""

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
    """Return a client that has opened the event's page and has its browser cookie."""
    client = Client()
    client.get(event.get_absolute_url() if event else "/imagine/")
    return client


def rsvp_form(**fields) -> dict:
    """Return form data for one guest."""
    return {"name": "Alma Reyes", "email": "alma@example.org", "size": "1", "accepts_partial": "wait"} | fields


def page_text(response) -> str:
    """Return a page's text without its tags."""
    body = re.sub(r"<(script|style|head)\b.*?</\1>|<wbr>", "", response.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def page_html(response) -> str:
    """Return a page's HTML without the whitespace next to its tags, which depends on how the templates are wrapped."""
    return re.sub(r" ?(<[^>]*?) ?(/?>) ?", r"\1\2", " ".join(response.content.decode().split()))


def page_title(page) -> str:
    """Return the title of a response, or of HTML, as a browser shows it."""
    html = page if isinstance(page, str) else page.content.decode()
    return " ".join(unescape(html.partition("<title>")[2].partition("</title>")[0]).split())


def query_counts(get: Callable[[str], object], urls: Iterable[str]) -> dict[str, int]:
    """Count the queries of the second request of each URL, when caches are warm."""
    counts = {}
    for url in urls:
        get(url)
        with CaptureQueriesContext(connection) as queries:
            get(url)
        counts[url] = len(queries)
    return counts


class FormParser(HTMLParser):
    """Collects what a browser would send for a page's forms if nothing is changed."""

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
        """Collect the values of checkboxes that share a name into a list."""
        current = self.sent.get(name)
        self.sent[name] = value if current is None else [*([current] if isinstance(current, str) else current), value]

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.sent[self.textarea] = self.sent[self.textarea].removeprefix("\n")
            self.textarea = ""

    def handle_data(self, data):
        if self.textarea:
            self.sent[self.textarea] += data


def form_fields(response) -> dict[str, str | list[str]]:
    """Return the page's form data as a browser would send it unchanged."""
    return FormParser(response.content.decode()).sent


def run_action(client: Client, url: str, action: str, rows: Iterable, *, confirms: bool = True, **more):
    """Run an admin action on selected rows, or on rows with these keys: choose it in the list, then press the button of
    the page that asks, filled in with `more`. Return the last response, with
    that page as `asked`."""
    chosen = {"action": action, "_selected_action": [getattr(row, "pk", row) for row in rows], **more}
    response = client.post(url, chosen, follow=True)
    if not (confirms and asks(response)):
        return response
    answer = client.post(url, form_fields(response) | more, follow=True)
    answer.asked = response
    return answer


def asks(response) -> bool:
    """Return whether a response is the page of an admin action that asks first."""
    return bool(response.context and "question" in response.context and response.context["question"].button)


def staff_client(*permissions: str) -> Client:
    """Return a client signed in as a member of staff with these permissions."""
    user = User.objects.create(username="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client
