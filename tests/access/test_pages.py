"""Every page in every role, as listed in imagine/access/pages.py: requested directly, and through every link of the
admin."""

import logging
import re
from datetime import date
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from imagine.access import roles
from imagine.access.pages import ANONYMOUS, EVERYONE, PAGES, STAFF, SUPERUSER
from imagine.core.models import SecurityEvent
from imagine.mail.models import Message, TemplateOverride
from imagine.privacy.models import Erasure, Hold
from partners.models import Contact
from partners.organizations import profiles
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
    app_list = f"{ADMIN}summit/"
    return [(row_name(path, name), urls.get(path, app_list)) for path, name in patterns if not is_shadowed(path, name)]


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


def send(client: Client, method: str, url: str, data: dict | None = None) -> HttpResponse:
    """Send a request, and undo its changes."""
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        response = getattr(client, method)(url, data)
        if response.streaming:
            read_rows(response) if "record" in response.get("Content-Disposition", "") else response.getvalue()
        transaction.set_rollback(True)
    client.cookies = cookies
    return response


def is_open(name: str, response: HttpResponse) -> bool:
    """Return whether a page was reached, even if the data sent was invalid. Whether a public page finds an object isn't
    a matter of roles."""
    if response.status_code == 302 and f"{ADMIN}login/?next=" in response["Location"]:
        return False
    is_public = not name.startswith(("admin:", ADMIN, "<"))
    return response.status_code not in (REFUSED - {404} if is_public else REFUSED)


# Table -----------------------------------------------------------------------------------------------------------


def test_every_page_has_a_row_and_every_row_a_page():
    """A new page? Add a row to imagine/access/pages.py that says who may open it."""
    routed = {row_name(path, name) for path, name in test_golden.patterns()}
    assert sorted(routed - set(PAGES)) == []
    assert sorted(set(PAGES) - routed) == []


@pytest.mark.slow
def test_every_page_is_open_to_exactly_the_roles_in_the_table(rows, clients):
    wrong = []
    for name, url in pages(rows):
        for role, client in clients.items():
            for method, allowed in PAGES[name]._asdict().items():
                response = send(client, method, url, POSTED.get(name) if method == "post" else None)
                if is_open(name, response) != (role in allowed):
                    wrong.append(f"{role or 'anonymous'} {method} {name} {url}: {response.status_code}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.slow
def test_head_answers_like_get_without_warnings_or_an_entry_in_the_activity_log(rows, clients, caplog):
    """Link checkers and office programs ask by HEAD before they open a link. Views that are all Django's are left
    out."""
    wrong, client = [], clients[SUPERUSER]
    for name, url in pages(rows):
        if name.endswith(("_history", "_delete", "_add")):
            continue
        status = send(client, "get", url).status_code
        caplog.clear()
        recorded = recorded_by_head(client, url)
        warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        if recorded["status"] != status or recorded["events"] or (warnings and status < 400):
            wrong.append(f"{name} {url}: {status}, {recorded}, {warnings}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def recorded_by_head(client: Client, url: str) -> dict[str, int]:
    cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    with transaction.atomic():
        before = SecurityEvent.objects.count()
        status = client.head(url).status_code
        events = SecurityEvent.objects.count() - before
        transaction.set_rollback(True)
    client.cookies = cookies
    return {"status": status, "events": events}


@pytest.mark.slow
def test_page_open_to_the_wrong_role_is_detected(rows, clients):
    """A control: with one permission too many, the test above must fail."""
    viewer, name = clients[roles.VIEWER], "admin:mail_message_changelist"
    assert not is_open(name, send(viewer, "get", f"{ADMIN}mail/message/"))
    Group.objects.get(name=roles.VIEWER).permissions.add(roles.permissions_by_name()["mail.view_message"])
    assert is_open(name, send(viewer, "get", f"{ADMIN}mail/message/"))
    assert roles.VIEWER not in PAGES[name].get


# Links -----------------------------------------------------------------------------------------------------------


def links(response: HttpResponse, base: str) -> set[tuple[str, str]]:
    """Return a page's links into the admin, including form actions, as method and URL."""
    if not response.get("Content-Type", "").startswith("text/html"):
        return set()
    page, found = response.content.decode(), set()
    for form, inside in FORM.findall(page):
        action = re.search(r'action="([^"]*)"', form)
        if 'method="post"' in form and re.search(r'<button|type="submit"', inside):  # read-only pages have none
            found.add(("post", unescape(action[1]) if action and action[1] else base))
    found |= {("get", unescape(url)) for url in LINK.findall(page)}
    absolute = {(method, urljoin(base, url)) for method, url in found}
    return {(method, url) for method, url in absolute if IN_ADMIN.match(url)}


def row_name_of(url: str) -> str:
    path = url.partition("?")[0]
    match = resolve(path)
    return row_name(f"/{match.route}", ":".join([*match.namespaces, match.url_name or "-"]))


@pytest.mark.slow
def test_pages_link_only_to_pages_the_role_may_open(rows, clients):
    """Each link is followed once per row and first filter. Forms, and pages in the table, are covered by the test
    above."""
    wrong, followed, in_table = [], set(), {url for _name, url in pages(rows)}
    for role in sorted(STAFF):
        for name, url in pages(rows):
            if not url.startswith(ADMIN) or role not in PAGES[name].get:
                continue
            for method, link in sorted(links(send(clients[role], "get", url), url)):
                try:
                    row = row_name_of(link)
                except Resolver404:
                    wrong.append(f"{name} links to {link}, which isn't there")
                    continue
                shape = (role, method, row, link.partition("?")[2].partition("=")[0])
                if shape in followed:
                    continue
                followed.add(shape)
                is_known = method == "post" or link in in_table
                reached = is_known or is_open(row, send(clients[role], "get", link))
                if not reached or role not in getattr(PAGES[row], method):
                    wrong.append(f"{role}: {name} links to {row} {link} ({method})")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
    assert len(followed) > 200


# Everything about a person ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_everything_about_a_person_is_two_clicks_from_each_page_that_shows_them(rows, clients):
    """From the page of a record by its own links, from every other page by finding the person. The preview of an email
    is a part of the email's page."""
    contact_import.store_upload(rows["audience"], b"Email\nchue.vang@example.org", "list.csv")
    people = {email.lower() for email in Message.objects.values_list("recipient", flat=True)}
    people |= {email.lower() for email in Contact.objects.values_list("email", flat=True)}
    shown, wrong = set(), []
    for role in (roles.COMMUNITY_RELATIONS, SUPERUSER):
        for name, url in pages(rows):
            if not url.startswith(ADMIN) or role not in PAGES[name].get or name == "admin:mail_message_preview":
                continue
            response = send(clients[role], "get", url)
            if not response.get("Content-Type", "").startswith("text/html"):
                continue
            text = response.content.decode().lower().replace("<wbr>", "")
            if any(email in text for email in people):
                shown.add(name)
                if f'href="{ADMIN}privacy/erasure/find/"' not in text:
                    wrong.append(f"{role}: {name} {url}")
    assert wrong == []
    expected = {
        *("admin:summit_audience_list", "admin:summit_to_match", "admin:summit_rsvp_changelist"),
        *("admin:partners_merge", "admin:mail_message_changelist"),
    }
    assert expected - shown == set()


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
def test_viewer_sees_no_needs_on_any_page_or_in_any_file(rows, clients):
    """The office does see them, which proves that the search below can find them."""
    seen = {}
    for role in (roles.VIEWER, roles.COMMUNITY_RELATIONS):
        seen[role] = []
        for name, url in pages(rows):
            if url.startswith(ADMIN) and role in PAGES[name].get and "download" not in name:
                response = client_text(clients[role], url)
                if "no nuts" in response or "ramp" in response:
                    seen[role].append(name)
    assert seen[roles.VIEWER] == []
    assert {"admin:summit_rsvp_change", "admin:summit_event_change", "admin:guests_csv", "admin:guests_xlsx"} <= set(
        seen[roles.COMMUNITY_RELATIONS]
    )


def client_text(client: Client, url: str) -> str:
    with transaction.atomic():
        response = client.get(url)
        if response.streaming:
            is_list = "record" in response.get("Content-Disposition", "")
            text = str(read_rows(response)) if is_list else ""
            if not is_list:
                response.getvalue()
        else:
            text = response.content.decode(errors="replace")
        transaction.set_rollback(True)
    return text


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
