"""Each role in a browser: signing in with both steps, and opening every page its start page links to."""

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page

from imagine.access import roles
from summit.models import Guest, Rsvp
from tests import factories
from tests.browser.axe_checks import document_problems
from tests.browser.staff import change_url, fill_in_sign_in_form

pytestmark = pytest.mark.browser

NEED = "no sesame seeds"
START = "/imagine/admin/"


@pytest.fixture
def rsvp(site) -> Rsvp:
    """An RSVP with needs, and a bit of everything that a start page shows."""
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event)
    Guest.objects.filter(rsvp=rsvp).update(dietary_needs=NEED)
    factories.rsvp(event, "Ben Ochoa", size=2)
    factories.signed_pledge()
    factories.write_mailing(event, factories.person("Chue Vang"))
    return rsvp


def colleague(role: str) -> User:
    roles.create_roles()
    user = User.objects.create_user("ana@example.org", "ana@example.org", is_staff=True, first_name="Ana")
    user.groups.add(Group.objects.get(name=role))
    return user


def walk(page: Page, role: str) -> tuple[dict[str, str], list[str]]:
    """Sign in and open each page the start page links to. Return the text of each page, and its problems."""
    page.goto(START)
    fill_in_sign_in_form(page, colleague(role))
    assert page.url.endswith(START)
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href.split('#')[0])")
    texts, problems = {}, []
    for link in sorted({link for link in links if "/imagine/" in link}):
        response = page.goto(link)
        if response.status != 200 or "/login/" in page.url:
            problems.append(f"{link}: {response.status} {page.url}")
        elif START in link:
            problems += document_problems(page, "en")
        texts[link.partition(START)[2] or link] = page.locator("body").inner_text()
    return texts, problems


def test_community_relations_can_open_every_page_it_is_offered(visit, rsvp):
    page = visit()
    texts, problems = walk(page, roles.COMMUNITY_RELATIONS)
    assert problems == [], "\n".join(problems)
    assert {"summit/rsvp/", "partners/pledge/", "core/securityevent/", "privacy/hold/", "account/"} <= texts.keys()
    assert not any(link.startswith("auth/") for link in texts)
    page.goto(change_url(rsvp))
    assert NEED in page.content()


def test_viewer_can_open_every_page_offered_and_sees_no_dietary_needs(visit, rsvp):
    page = visit()
    texts, problems = walk(page, roles.VIEWER)
    assert problems == [], "\n".join(problems)
    assert {"summit/rsvp/", "partners/pledge/", "account/"} <= texts.keys()
    assert not any(link.startswith(("auth/", "core/", "privacy/", "mail/message/")) for link in texts)
    assert not any(NEED in text for text in texts.values())
    for address in (change_url(rsvp), change_url(rsvp.event), f"{START}summit/rsvp/?q=Alma"):
        assert page.goto(address).status == 200
        assert "Alma Reyes" in page.content() or address == change_url(rsvp.event)
        assert NEED not in page.content()
    assert page.locator("[name=_save]").count() == 0


def test_check_in_desk_can_open_only_its_account(visit, rsvp):
    page = visit()
    texts, problems = walk(page, roles.CHECK_IN_DESK)
    assert problems == [], "\n".join(problems)
    assert not any(link.startswith(("summit/", "partners/", "mail/", "auth/", "core/", "privacy/")) for link in texts)
    assert "account/" in texts
    assert "Alma Reyes" not in " ".join(texts.values())
    assert page.goto(change_url(rsvp)).status == 403
