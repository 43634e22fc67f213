"""Every page in every role, as listed in imagine/access/pages.py: requested directly, and through every link of the
admin."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from html import unescape
from http.cookies import SimpleCookie
from itertools import product
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from imagine.access import roles
from imagine.access.pages import ANONYMOUS, EVERYONE, PAGES, STAFF, SUPERUSER
from imagine.core.models import SecurityEvent
from imagine.mail.models import Message, TemplateOverride
from imagine.privacy.models import Erasure, Hold
from partners.models import Contact, LearnedWord
from partners.organizations import profiles
from summit.admin.event_page import TABS
from summit.invitations import contact_import
from summit.models import Guest
from tests import factories, test_golden, web_client
from tests.golden import sample
from tests.spreadsheets import read_rows

pytestmark = pytest.mark.django_db

ADMIN = "/imagine/admin/"
REFUSED = {403, 404, 405}
# Data that a page needs, so that roles allowed to post to it aren't refused.
POSTED = {"admin:mail_message_change": {"_resend": ""}}
FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
LINK = re.compile(r'<(?:a|iframe)\b[^>]*(?:href|src)="([^"#]+)')
IN_ADMIN = re.compile(rf"{ADMIN}(?!logout)")


def row_name(path: str, name: str) -> str:
    """Return the name of a row of PAGES for a page's pattern and URL name."""
    if not name.endswith("-"):
        return name
    return "<record>" if path.endswith("/<path:object_id>/") else path


def pages(rows: dict[str, object]) -> list[tuple[str, str]]:
    """Return every routed page: the name of its row, and a URL of the sample data."""
    patterns = test_golden.patterns()
    urls = test_golden.public_pages(rows) | test_golden.admin_pages(rows)
    urls |= {f"{ADMIN}logout/": f"{ADMIN}logout/", f"{ADMIN}r/<path:where>": f"{ADMIN}r/1/1/"}
    urls |= {f"{ADMIN}(?P<url>.*)$": f"{ADMIN}nothing/here/"}
    person = f"person/summit.rsvp/{rows['rsvp'].pk}/"
    urls = {path: re.sub(r"person/1/\d+/", person, url) for path, url in urls.items()}
    urls = {path: re.sub(r"\d+/link/$", f"{rows['caller'].pk}/link/", url) for path, url in urls.items()}
    app_list = f"{ADMIN}summit/"
    found = [(row_name(path, name), urls.get(path, app_list)) for path, name in patterns if not is_shadowed(path, name)]
    event_page = dict(found)["admin:summit_event_change"]
    return [*found, *(("admin:summit_event_change", f"{event_page}?tab={tab}") for tab in TABS if tab != "overview")]


def is_shadowed(path: str, name: str) -> bool:
    """Return whether an earlier pattern matches the path."""
    own_form = ("templateoverride/<path:object_id>/",)
    return path.endswith(own_form) and name.endswith("-")


@pytest.fixture
def rows(db) -> dict[str, object]:
    rows = sample.rows()
    organization = profiles.lock_organization(rows["partners"].pk)
    profiles.set_logo(organization, factories.png())
    Hold.objects.create(email="ana@example.org", reason="Request", ends_on=date.max, created_by="anna")
    Erasure.objects.create(email_hash="0" * 64, erased_by="anna", erased_at=timezone.now())
    TemplateOverride.objects.create(template="invitation", language="en")
    LearnedWord.objects.create(kind=LearnedWord.Kind.PROMISES_HEADING, word="Town", plain_word="town")
    rows["caller"] = factories.rsvp(rows["rsvp"].event, "Ben Ochoa", email="")
    Guest.objects.filter(position=1).update(dietary_needs="no nuts", accessibility_needs="ramp")
    return rows


@pytest.fixture
def clients(db) -> dict[str, Client]:
    """A signed-in client for each role."""
    roles.create_roles()
    browsers = {role: Client() for role in EVERYONE}
    for role in roles.ROLES:
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        browsers[role].force_login(user)
    browsers[SUPERUSER].force_login(User.objects.create_superuser(SUPERUSER))
    return browsers


@dataclass
class Answer:
    status: int
    location: str
    content_type: str
    text: str  # of a file, its rows


def send(client: Client, method: str, url: str, data: dict | None = None) -> Answer:
    """Send a request, and undo its changes."""
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        response = getattr(client, method)(url, data)
        answer = Answer(response.status_code, response.get("Location", ""), response.get("Content-Type", ""), "")
        if not response.streaming:
            answer.text = response.content.decode(errors="replace")
        elif "record" in response.get("Content-Disposition", ""):
            answer.text = str(read_rows(response))
        else:
            response.getvalue()
            close_files(response)
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer


def close_files(response: HttpResponseBase) -> None:
    """Close what a response sends, as a server does, after a HEAD too."""
    for close in response._resource_closers:
        close()


def is_open(name: str, answer: Answer) -> bool:
    """Return whether a page was reached, even if the data sent was invalid. Whether a public page finds an object isn't
    a matter of roles."""
    if answer.status == 302 and f"{ADMIN}login/?next=" in answer.location:
        return False
    is_public = not name.startswith(("admin:", ADMIN, "<"))
    return answer.status not in (REFUSED - {404} if is_public else REFUSED)


# Table -----------------------------------------------------------------------------------------------------------


def test_every_page_has_a_row_and_every_row_a_page():
    """A new page? Add a row to imagine/access/pages.py that says who may open it."""
    routed = {row_name(path, name) for path, name in test_golden.patterns()}
    assert sorted(routed - set(PAGES)) == []
    assert sorted(set(PAGES) - routed) == []


@pytest.mark.slow
def test_page_open_to_the_wrong_role_is_detected(rows, clients):
    """A control: with one permission too many, the walk below must fail."""
    viewer, name = clients[roles.VIEWER], "admin:mail_message_changelist"
    assert not is_open(name, send(viewer, "get", f"{ADMIN}mail/message/"))
    Group.objects.get(name=roles.VIEWER).permissions.add(roles.permissions_by_name()["mail.view_message"])
    assert is_open(name, send(viewer, "get", f"{ADMIN}mail/message/"))
    assert roles.VIEWER not in PAGES[name].get


# The walk --------------------------------------------------------------------------------------------------------


@dataclass
class Walk:
    """Every page was requested in every role, once by each method."""

    pages: list[tuple[str, str]]
    clients: dict[str, Client]
    got: dict[tuple[str, str], Answer] = field(default_factory=dict)  # by role and URL

    def admin_pages(self, *of_roles: str) -> Iterator[tuple[str, str, str, Answer]]:
        """Yield role, name, URL and answer of the admin's pages that these roles may open."""
        for role, (name, url) in product(of_roles, self.pages):
            if url.startswith(ADMIN) and role in PAGES[name].get:
                yield role, name, url, self.got[role, url]


@pytest.mark.slow
def test_every_page_in_every_role(rows, clients, caplog):
    """One walk for all checks, because opening all pages takes long."""
    contact_import.store_upload(rows["audience"], b"Email\nchue.vang@example.org", "list.csv")
    walk = Walk(pages(rows), clients)
    wrong = [
        *wrong_roles(walk),
        *wrong_heads(walk, caplog),
        *wrong_links(walk),
        *people_without_a_link(walk),
        *needs_shown_to_viewers(walk),
    ]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def wrong_roles(walk: Walk) -> Iterator[str]:
    """Each page is open to exactly the roles in the table."""
    for (name, url), (role, client) in product(walk.pages, walk.clients.items()):
        for method, allowed in PAGES[name]._asdict().items():
            answer = send(client, method, url, POSTED.get(name) if method == "post" else None)
            if method == "get":
                walk.got[role, url] = answer
            if is_open(name, answer) != (role in allowed):
                yield f"{role or 'anonymous'} {method} {name} {url}: {answer.status}"


def wrong_heads(walk: Walk, caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """HEAD answers like GET, without warnings or an entry in the activity log: link checkers and office programs ask by
    it before they open a link. Views that are all Django's are left out."""
    for name, url in walk.pages:
        if name.endswith(("_history", "_delete", "_add")):
            continue
        status = walk.got[SUPERUSER, url].status
        caplog.clear()
        recorded = recorded_by_head(walk.clients[SUPERUSER], url)
        warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        if recorded["status"] != status or recorded["events"] or (warnings and status < 400):
            yield f"{name} {url}: {status}, {recorded}, {warnings}"


def recorded_by_head(client: Client, url: str) -> dict[str, int]:
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        before = SecurityEvent.objects.count()
        response = client.head(url)
        close_files(response)
        events = SecurityEvent.objects.count() - before
        transaction.set_rollback(True)
    client.cookies = cookies
    return {"status": response.status_code, "events": events}


def wrong_links(walk: Walk) -> Iterator[str]:
    """Pages link only to pages the role may open. Each link is followed once per row and first filter; forms, and pages
    in the table, were requested before."""
    followed, in_table = set(), {url for _name, url in walk.pages}
    for role, name, url, answer in walk.admin_pages(*sorted(STAFF)):
        for method, link in sorted(links(answer, url)):
            try:
                row = row_name_of(link)
            except Resolver404:
                yield f"{name} links to {link}, which isn't there"
                continue
            shape = (role, method, row, link.partition("?")[2].partition("=")[0])
            if shape in followed:
                continue
            followed.add(shape)
            is_known = method == "post" or link in in_table
            reached = is_known or is_open(row, send(walk.clients[role], "get", link))
            if not reached or role not in getattr(PAGES[row], method):
                yield f"{role}: {name} links to {row} {link} ({method})"
    assert len(followed) > 200


def links(answer: Answer, base: str) -> set[tuple[str, str]]:
    """Return a page's links into the admin, including form actions, as method and URL."""
    if not answer.content_type.startswith("text/html"):
        return set()
    found = set()
    for form, inside in FORM.findall(answer.text):
        action = re.search(r'action="([^"]*)"', form)
        if 'method="post"' in form and re.search(r'<button|type="submit"', inside):  # read-only pages have none
            found.add(("post", unescape(action[1]) if action and action[1] else base))
    found |= {("get", unescape(url)) for url in LINK.findall(answer.text)}
    absolute = {(method, urljoin(base, url)) for method, url in found}
    return {(method, url) for method, url in absolute if IN_ADMIN.match(url)}


def row_name_of(url: str) -> str:
    path = url.partition("?")[0]
    match = resolve(path)
    return row_name(f"/{match.route}", ":".join([*match.namespaces, match.url_name or "-"]))


def people_without_a_link(walk: Walk) -> Iterator[str]:
    """Everything about a person is two clicks from each page that shows them: from the page of a record by its own
    links, from every other page by finding the person. The preview of an email is a part of the email's page."""
    people = {email.lower() for email in Message.objects.values_list("recipient", flat=True)}
    people |= {email.lower() for email in Contact.objects.values_list("email", flat=True)}
    shown = set()
    for role, name, url, answer in walk.admin_pages(roles.COMMUNITY_RELATIONS, SUPERUSER):
        if name == "admin:mail_message_preview" or not answer.content_type.startswith("text/html"):
            continue
        text = answer.text.lower().replace("<wbr>", "")
        if any(email in text for email in people):
            shown.add(name)
            if f'href="{ADMIN}privacy/erasure/find/"' not in text:
                yield f"{role}: {name} {url} doesn't lead to the person"
    expected = {
        *("admin:summit_audience_list", "admin:summit_to_match", "admin:summit_rsvp_changelist"),
        *("admin:partners_merge", "admin:mail_message_changelist"),
    }
    assert expected - shown == set()


def needs_shown_to_viewers(walk: Walk) -> Iterator[str]:
    """Viewers see no needs on any page or in any file. The office does see them, which proves that this search can find
    them."""
    office = set()
    for role, name, url, answer in walk.admin_pages(roles.VIEWER, roles.COMMUNITY_RELATIONS):
        if "download" not in name and ("no nuts" in answer.text or "ramp" in answer.text):
            if role == roles.VIEWER:
                yield f"{name} {url} shows needs to viewers"
            else:
                office.add(name)
    assert {"admin:summit_rsvp_change", "admin:summit_event_change", "admin:guests_csv", "admin:guests_xlsx"} <= office


# Everything about a person ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("step", "heading"), [("", "Everything about this person"), ("plan", "Erase this person?")])
def test_found_person_is_shown_or_asked_about_at_once(rows, clients, step, heading):
    contact = Contact.objects.first()
    page = clients[roles.COMMUNITY_RELATIONS].post(
        f"{ADMIN}privacy/erasure/find/", {"email": contact.email, "step": step}, follow=True
    )
    assert web_client.page_title(page).startswith(heading)
    assert contact.email.lower() in web_client.page_text(page)


def test_recipients_and_those_who_may_open_a_pledge_are_links_to_their_pages(clients):
    office, past = clients[roles.COMMUNITY_RELATIONS], factories.event(title="Past")
    guest, port, bay = factories.rsvp(past), factories.organization("Port Gate"), factories.organization("Port Gates")
    contact, other = factories.contact(port, "ben@example.org"), factories.contact(bay, "chue@example.org")
    audience = factories.audience(attended_event=past, uploaded_contacts=[contact])
    review = office.get(f"{ADMIN}summit/event/{factories.event().pk}/invite/{audience.pk}/").content.decode()
    assert f'href="{ADMIN}partners/contact/{contact.pk}/change/"' in review
    assert f'href="{ADMIN}summit/rsvp/{guest.pk}/change/"' in review
    merge = office.get(reverse("admin:partners_merge", args=[port.pk, bay.pk])).content.decode()
    for record in (contact, other):
        assert f'href="{ADMIN}partners/contact/{record.pk}/change/"' in merge


# Guests' needs hidden from viewers -------------------------------------------------------------------------------


@pytest.mark.slow
def test_viewer_cannot_find_out_needs_by_filtering(rows, clients):
    for lookup in ("guests__dietary_needs__startswith=no", "guests__accessibility_needs=ramp"):
        response = clients[roles.VIEWER].get(f"{ADMIN}summit/rsvp/?{lookup}")
        assert response.status_code in (302, 400), lookup


@pytest.mark.slow
def test_viewer_sees_the_names_of_a_party(rows, clients):
    page = clients[roles.VIEWER].get(f"{ADMIN}summit/rsvp/{rows['rsvp'].pk}/change/")
    assert "Alma Reyes" in web_client.page_text(page)
    assert ANONYMOUS not in STAFF
